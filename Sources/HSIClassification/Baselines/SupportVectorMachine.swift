import HSICore
import HSINumerics
import HSITransformer

/// Support vector machines with the radial kernel on standardised bands, one for every pair of classes, trained by libsvm.
///
/// C and γ are those with the most correct votes in stratified cross-validation on the training pixels, the smallest C and
/// then γ in a tie. γ is in units of 1/L, L bands. Probabilities come from sigmoids on the decision values of held-out
/// pixels, coupled over pairs; the class of a pixel is the most probable one.
public struct SupportVectorMachine: Classifier {
  public static let description = MethodDescription(
    id: "svm", name: "Support vector machine, radial kernel",
    task: .classify,
    citation:
      "F. Melgani, L. Bruzzone, Classification of hyperspectral remote sensing images with support vector machines, "
      + "IEEE TGRS 42, 2004; trained by LIBSVM (C.-C. Chang, C.-J. Lin, ACM TIST 2, 2011)",
    cost: "N L V for V support vectors, training about n² L per machine, 20 · 5 + 1 machines",
    advice: "The spectral baseline to beat, strong with few training pixels.",
    parameters: [
      ParameterDescription("C", nil, in: 1e-3...1e6, "penalty of errors (rule: the best of 1, 10, 100, 1000)"),
      ParameterDescription(
        "gamma", nil, in: 1e-4...1e4, "width of the kernel in 1/bands (rule: the best of 1/16, 1/4, 1, 4, 16)"),
      ParameterDescription("folds", 5, in: 2...20, "folds of the cross-validation"),
      ParameterDescription("search", 1500, in: 10...1e6, "most training pixels that the search uses"),
    ])

  private let costs: [Double]
  private let gammas: [Double]
  private let folds: Int
  private let limit: Int

  public init(_ parameters: MethodParameters) throws {
    costs = parameters["C"].map { [$0] } ?? [1, 10, 100, 1000]
    gammas = parameters["gamma"].map { [$0] } ?? [1.0 / 16, 0.25, 1, 4, 16]
    folds = Int(parameters.value("folds"))
    limit = Int(parameters.value("search"))
  }

  public var patchRadius: Int { 0 }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int {
    let searched = min(samples, limit)
    let machine = 16 * (shape.bands + 1) + 24 * classes
    return samples * (8 * shape.bands + machine) + Parallel.threads * (searched * machine + Int(Self.cacheMB) << 20)
      + costs.count * gammas.count * searched * SupportVectors.pairs(classes) * 4
  }

  private static let cacheMB = 64.0

  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try task.check(minimum: 2, purpose: "cross-validation of the SVM")
    let (pixels, labels) = task.spectra(of: task.training)
    let features = try task.features(.standardised)
    let values = features.apply(pixels)
    let classes = task.classes.count
    let search = GridSearch(
      values: values, labels: labels, classes: classes, costs: costs, gammas: gammas, folds: folds, limit: limit,
      seed: context.seed)
    let best = try search.run(context)
    try context.checkCancellation()
    context.progress.report(phase: "training svm", fraction: 0)
    let gamma = best.gamma / Double(features.dimension)
    let found = SupportVectors.train(
      values, chosen: Array(labels.indices), labels: labels, classes: classes, cost: best.cost, gamma: gamma,
      cacheMB: Self.cacheMB)
    context.progress.report(phase: "training svm", fraction: 1)
    context.logger.info(
      "svm: C \(best.cost), gamma \(best.gamma)/\(features.dimension), \(found.rows.count) of \(labels.count) pixels are support vectors"
    )
    let d = features.dimension
    return TrainedMachine(
      features: features, classCount: classes,
      support: found.rows.flatMap { row in (0..<d).map { values[row, $0] } }, coefficients: found.coefficients,
      offsets: found.offsets, sigmoids: best.sigmoids.flatMap { [Float($0.a), Float($0.b)] }, gamma: gamma,
      cost: best.cost)
  }
}

/// Cross-validation over a grid of C and γ.
private struct GridSearch {
  struct Best {
    var cost: Double
    /// In units of 1/dimension.
    var gamma: Double
    var sigmoids: [PairwiseCoupling.Sigmoid]
  }

  let values: PixelMatrix
  let labels: [Int]
  let classes: Int
  let costs: [Double]
  let gammas: [Double]
  let folds: Int
  let limit: Int
  let seed: UInt64

  func run(_ context: RunContext) throws -> Best {
    let (rows, fold) = assignment()
    let pairs = SupportVectors.pairs(classes)
    let grid = costs.flatMap { cost in gammas.map { (cost: cost, gamma: $0) } }
    let places = Dictionary(uniqueKeysWithValues: rows.enumerated().map { ($1, $0) })
    let decisions = PixelMatrix(rows: grid.count * rows.count, columns: pairs)
    // One round of folds per combination, so that work can stop in between.
    for (index, point) in grid.enumerated() {
      try context.checkCancellation()
      context.progress.report(phase: "choosing C and gamma", fraction: Double(index) / Double(grid.count))
      Parallel.forEach(folds) { k in
        let training = zip(rows, fold).filter { $0.1 != k }.map { $0.0 }
        let held = zip(rows, fold).filter { $0.1 == k }.map { $0.0 }
        guard !held.isEmpty, !training.isEmpty else { return }
        let gamma = point.gamma / Double(values.columns)
        let found = SupportVectors.train(
          values, chosen: training, labels: labels, classes: classes, cost: point.cost, gamma: gamma, cacheMB: 64)
        judge(found, gamma: gamma, held: held) { row, result in
          let target = decisions.pointer + (index * rows.count + (places[row] ?? 0)) * pairs
          target.update(from: result, count: pairs)
        }
      }
    }
    context.progress.report(phase: "choosing C and gamma", fraction: 1)
    var (winner, most) = (0, -1)
    var votes = [Int](repeating: 0, count: classes)
    for index in grid.indices {
      var correct = 0
      for (n, row) in rows.enumerated() {
        let values = decisions.pointer + (index * rows.count + n) * pairs
        if KernelDecisions.vote(values, classes: classes, &votes) == labels[row] { correct += 1 }
      }
      if correct > most { (winner, most) = (index, correct) }
    }
    let chosen = grid[winner]
    context.logger.info(
      "svm: C \(chosen.cost), gamma \(chosen.gamma): \(most) of \(rows.count) correct in \(folds)-fold cross-validation"
    )
    return Best(
      cost: chosen.cost, gamma: chosen.gamma,
      sigmoids: sigmoids(rows) { UnsafePointer(decisions.pointer + (winner * rows.count + $0) * pairs) })
  }

  /// Rows to search with and the fold of each: every class shuffled and dealt out, at most `limit` rows in proportion.
  private func assignment() -> (rows: [Int], folds: [Int]) {
    var byClass = [[Int]](repeating: [], count: classes)
    for (row, label) in labels.enumerated() { byClass[label].append(row) }
    let sizes = byClass.map(\.count)
    let wanted =
      labels.count > limit
      ? zip(SplitRequest.apportioned(limit, among: sizes), sizes).map { min($1, max(2, $0)) } : sizes
    var (rows, dealt): ([Int], [Int]) = ([], [])
    for (label, members) in byClass.enumerated() {
      var random = CounterRandom(seed: seed, stream: UInt64(1_000_000 + label))
      for row in members.shuffled(using: &random).prefix(wanted[label]) {
        dealt.append(rows.count % folds)
        rows.append(row)
      }
    }
    return (rows, dealt)
  }

  private func judge(_ found: SupportVectors, gamma: Double, held: [Int], _ body: (Int, UnsafePointer<Float>) -> Void) {
    let d = values.columns
    let machine = KernelDecisions(
      support: found.rows.flatMap { row in (0..<d).map { values[row, $0] } }, dimension: d,
      coefficients: found.coefficients, offsets: found.offsets, gamma: gamma)
    var scratch = [Float](repeating: 0, count: max(1, machine.scratch))
    var result = [Float](repeating: 0, count: max(1, machine.pairs))
    for row in held {
      machine.evaluate(values.pointer + row * d, count: 1, scratch: &scratch, into: &result)
      body(row, result)
    }
  }

  private func sigmoids(_ rows: [Int], _ decisions: (Int) -> UnsafePointer<Float>) -> [PairwiseCoupling.Sigmoid] {
    (0..<classes).flatMap { i in
      ((i + 1)..<max(classes, i + 1)).map { j in
        let pair = SupportVectors.pair(i, j, classes)
        var (values, isFirst): ([Double], [Bool]) = ([], [])
        for (n, row) in rows.enumerated() where labels[row] == i || labels[row] == j {
          let value = Double(decisions(n)[pair])
          guard value.isFinite else { continue }
          values.append(value)
          isFirst.append(labels[row] == i)
        }
        return PairwiseCoupling.Sigmoid.fit(values, isFirst: isFirst)
      }
    }
  }
}

/// Support vectors of all pairs.
struct TrainedMachine: SpectralModel {
  let id = SupportVectorMachine.description.id
  let features: Features
  let classCount: Int
  var scratchPerPixel: Int { decisions.scratch + decisions.pairs }
  private let support: [Float]
  private let coefficients: [Float]
  private let offsets: [Float]
  /// a and b of each pair.
  private let sigmoids: [Float]
  private let gamma: Double
  private let cost: Double
  let decisions: KernelDecisions

  init(
    features: Features, classCount: Int, support: [Float], coefficients: [Float], offsets: [Float], sigmoids: [Float],
    gamma: Double, cost: Double
  ) {
    (self.features, self.classCount, self.support, self.coefficients) = (features, classCount, support, coefficients)
    (self.offsets, self.sigmoids, self.gamma, self.cost) = (
      offsets, sigmoids, Double(Float(gamma)), Double(Float(cost))
    )
    decisions = KernelDecisions(
      support: support, dimension: features.dimension, coefficients: coefficients, offsets: offsets,
      gamma: Double(Float(gamma)))
  }

  init(_ file: WeightFile, _ card: ModelCard) throws {
    let features = try Features(file)
    let (count, support) = try file.matrix("svm.support", columns: features.dimension)
    let offsets = try file.vector("svm.offsets")
    let (rows, coefficients) = try file.matrix("svm.coefficients", columns: offsets.count)
    let settings = try file.vector("svm.settings", count: 2)
    let classes = (2...ClassTable.limit).first { SupportVectors.pairs($0) >= offsets.count } ?? 0
    guard rows == count, SupportVectors.pairs(classes) == offsets.count, settings[0] > 0 else {
      throw ClassificationError.badModel(path: file.path, reason: "its support vectors and coefficients do not fit")
    }
    self.init(
      features: features, classCount: classes, support: support, coefficients: coefficients, offsets: offsets,
      sigmoids: try file.vector("svm.sigmoids", count: 2 * offsets.count), gamma: Double(settings[0]),
      cost: Double(settings[1]))
  }

  var configuration: [String: String] {
    ["C": "\(Float(cost))", "gamma": "\(Float(gamma))", "support_vectors": "\(decisions.vectors)"]
  }

  var contents: [(name: String, content: SafetensorsWriter.Content)] {
    features.contents + [
      ("svm.support", .floats(Tensor([decisions.vectors, features.dimension], support))),
      ("svm.coefficients", .floats(Tensor([decisions.vectors, decisions.pairs], coefficients))),
      ("svm.offsets", .floats(Tensor([offsets.count], offsets))),
      ("svm.sigmoids", .floats(Tensor([sigmoids.count], sigmoids))),
      ("svm.settings", .floats(Tensor([2], [Float(gamma), Float(cost)]))),
    ]
  }

  func classify(
    _ values: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>,
    into probabilities: UnsafeMutablePointer<Float>
  ) {
    let (k, pairs) = (classCount, decisions.pairs)
    let found = scratch + count * decisions.scratch
    decisions.evaluate(values, count: count, scratch: scratch, into: found)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: pairs + k * k + 2 * k) { memory in
      guard let shares = memory.baseAddress else { return }
      let (matrix, products) = (shares + pairs, shares + pairs + k * k)
      let result = products + k
      for n in 0..<count {
        for p in 0..<pairs {
          let sigmoid = PairwiseCoupling.Sigmoid(a: Double(sigmoids[2 * p]), b: Double(sigmoids[2 * p + 1]))
          shares[p] = sigmoid(Double(found[n * pairs + p]))
        }
        PairwiseCoupling.couple(shares, classes: k, matrix: matrix, products: products, into: result)
        for c in 0..<k { probabilities[n * k + c] = Float(result[c]) }
      }
    }
  }
}
