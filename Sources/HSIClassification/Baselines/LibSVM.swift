import CLibSVM
import HSICore

/// Training of libsvm on rows of features, turned into plain numbers.
/// Source: C.-C. Chang, C.-J. Lin, LIBSVM: a library for support vector machines, ACM TIST 2, 2011.
struct SupportVectors {
  /// Rows of the training matrix that are support vectors, grouped by class.
  var rows: [Int]
  /// Support vectors × pairs of classes (i < j, i first): what a vector adds to the decision of a pair, per kernel value.
  var coefficients: [Float]
  /// ρ of each pair.
  var offsets: [Float]

  /// Pairs of `classes` classes.
  static func pairs(_ classes: Int) -> Int { classes * (classes - 1) / 2 }

  /// The place of pair i < j in the order of pairs.
  static func pair(_ i: Int, _ j: Int, _ classes: Int) -> Int { i * (2 * classes - i - 1) / 2 + j - i - 1 }

  /// Trains a machine for every pair of the classes that occur; pairs with a class that does not have ρ = NaN.
  ///
  /// - Parameters:
  ///   - values: all rows of features.
  ///   - chosen: rows to train on.
  ///   - labels: class of every row.
  static func train(
    _ values: PixelMatrix, chosen: [Int], labels: [Int], classes: Int, cost: Double, gamma: Double, cacheMB: Double
  ) -> SupportVectors {
    quieten()
    // libsvm numbers classes in the order in which they occur.
    let order = chosen.sorted { (labels[$0], $0) < (labels[$1], $1) }
    let d = values.columns
    let nodes = UnsafeMutablePointer<svm_node>.allocate(capacity: max(1, order.count * (d + 1)))
    let starts = UnsafeMutablePointer<UnsafeMutablePointer<svm_node>?>.allocate(capacity: max(1, order.count))
    let targets = UnsafeMutablePointer<Double>.allocate(capacity: max(1, order.count))
    defer {
      nodes.deallocate()
      starts.deallocate()
      targets.deallocate()
    }
    for (n, row) in order.enumerated() {
      let node = nodes + n * (d + 1)
      for i in 0..<d { node[i] = svm_node(index: Int32(i + 1), value: Double(values[row, i])) }
      node[d] = svm_node(index: -1, value: 0)
      starts[n] = node
      targets[n] = Double(labels[row])
    }
    var problem = svm_problem(l: Int32(order.count), y: targets, x: starts)
    var parameter = svm_parameter()
    parameter.svm_type = Int32(C_SVC)
    parameter.kernel_type = Int32(RBF)
    parameter.gamma = gamma
    parameter.C = cost
    parameter.eps = 1e-3
    parameter.cache_size = cacheMB
    parameter.shrinking = 1
    let pairCount = pairs(classes)
    var result = SupportVectors(
      rows: [], coefficients: [], offsets: [Float](repeating: .nan, count: pairCount))
    guard let model = svm_train(&problem, &parameter) else { return result }
    defer {
      var pointer: UnsafeMutablePointer<svm_model>? = model
      svm_free_and_destroy_model(&pointer)
    }
    let found = Int(model.pointee.nr_class)
    let known = (0..<found).map { Int(model.pointee.label[$0]) }
    let total = Int(model.pointee.l)
    result.rows = (0..<total).map { order[Int(model.pointee.sv_indices[$0]) - 1] }
    result.coefficients = [Float](repeating: 0, count: total * pairCount)
    var place = 0
    for i in 0..<found {
      for j in (i + 1)..<max(found, i + 1) {
        result.offsets[pair(known[i], known[j], classes)] = Float(model.pointee.rho[place])
        place += 1
      }
    }
    var vector = 0
    for i in 0..<found {
      for _ in 0..<Int(model.pointee.nSV[i]) {
        for j in 0..<found where j != i {
          let coefficient = model.pointee.sv_coef[j > i ? j - 1 : j]?[vector] ?? 0
          let pair = pair(min(known[i], known[j]), max(known[i], known[j]), classes)
          result.coefficients[vector * pairCount + pair] = Float(coefficient)
        }
        vector += 1
      }
    }
    return result
  }

  private static func quieten() { _ = silence }
  private static let silence: Void = svm_set_print_string_function { _ in }
}

/// The library that trains support vector machines.
public enum LibSVM {
  /// Its version, e.g. `3.24`.
  public static var version: String { "\(LIBSVM_VERSION / 100).\(LIBSVM_VERSION % 100)" }
}
