import HSICore
import HSINumerics
import HSITransformer

/// Linear scores of standardised bands made probabilities: multinomial logistic regression with an ℓ2 penalty,
/// `min Σ_n −log p(y_n | x_n) + ‖W‖² / (2 C)`, biases free. Solved by L-BFGS in double precision.
public struct LogisticRegression: Classifier {
  public static let description = MethodDescription(
    id: "logistic", name: "Multinomial logistic regression",
    task: .classify,
    citation: "D. R. Cox, The regression analysis of binary sequences, J. Royal Statistical Society B 20, 1958",
    cost: "N L C, training 4 n L C per step",
    advice: "Fast, well calibrated and hard to overfit; cannot bend its borders.",
    parameters: [
      ParameterDescription("C", 1, in: 1e-6...1e9, "inverse weight of the penalty"),
      ParameterDescription("iterations", 200, in: 1...10000, "most steps"),
    ], aliases: ["linear", "softmax"])

  private let inverse: Double
  private let iterations: Int

  public init(_ parameters: MethodParameters) throws {
    inverse = parameters.value("C")
    iterations = Int(parameters.value("iterations"))
  }

  public var patchRadius: Int { 0 }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int {
    samples * (12 * shape.bands + 24 * classes) + 30 * 8 * classes * shape.bands
  }

  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try task.check()
    let (pixels, labels) = task.spectra(of: task.training)
    let features = try task.features(.standardised)
    let values = features.apply(pixels)
    let (n, d, classes) = (labels.count, features.dimension, task.classes.count)
    // A last column of ones carries the biases.
    let design = Matrix<Double>(rows: n, columns: d + 1) { i, j in j < d ? Double(values[i, j]) : 1 }
    let penalty = 1 / (inverse * Double(n))
    func objective(_ weights: [Double]) -> (value: Double, gradient: [Double]) {
      let w = Matrix(rows: classes, columns: d + 1, values: weights)
      var scores = design.multiplied(by: w, .none, .transposed)
      var loss = 0.0
      for i in 0..<n {
        let largest = (0..<classes).reduce(-Double.infinity) { max($0, scores[i, $1]) }
        var sum = 0.0
        for c in 0..<classes { sum += _exponential(scores[i, c] - largest) }
        loss -= scores[i, labels[i]] - largest - _logarithm(sum)
        for c in 0..<classes {
          let probability = _exponential(scores[i, c] - largest) / sum
          scores[i, c] = (probability - (labels[i] == c ? 1 : 0)) / Double(n)
        }
      }
      var gradient = scores.multiplied(by: design, .transposed, .none)
      var square = 0.0
      for c in 0..<classes {
        for j in 0..<d {
          square += w[c, j] * w[c, j]
          gradient[c, j] += penalty * w[c, j]
        }
      }
      return (loss / Double(n) + penalty / 2 * square, gradient.values)
    }
    var curve: [TrainingPoint] = []
    let start = [Double](repeating: 0, count: classes * (d + 1))
    let weights = try LimitedMemoryBFGS.minimise(start, iterations: iterations, tolerance: 1e-6, objective) {
      step, loss in
      try context.checkCancellation()
      context.progress.report(phase: "training logistic", fraction: Double(step) / Double(iterations))
      curve.append(TrainingPoint(epoch: step, loss: loss, rate: 1))
    }
    context.progress.report(phase: "training logistic", fraction: 1)
    return TrainedLogistic(
      features: features,
      weights: (0..<classes).flatMap { c in (0..<d).map { Float(weights[c * (d + 1) + $0]) } },
      biases: (0..<classes).map { Float(weights[$0 * (d + 1) + d]) }, curve: curve)
  }
}

/// Minimisation of smooth functions with limited memory.
/// Source: J. Nocedal, Updating quasi-Newton matrices with limited storage, Mathematics of Computation 35, 1980.
enum LimitedMemoryBFGS {
  private static let memory = 10

  /// The point reached when no entry of the gradient exceeds `tolerance`, or after `iterations` steps.
  static func minimise(
    _ start: [Double], iterations: Int, tolerance: Double,
    _ function: ([Double]) -> (value: Double, gradient: [Double]),
    _ report: (Int, Double) throws -> Void
  ) rethrows -> [Double] {
    func dot(_ a: [Double], _ b: [Double]) -> Double {
      var sum = 0.0
      for i in a.indices { sum += a[i] * b[i] }
      return sum
    }
    var point = start
    var (value, gradient) = function(point)
    var pairs: [(s: [Double], y: [Double], rho: Double)] = []
    for iteration in 1...iterations {
      if gradient.allSatisfy({ abs($0) <= tolerance }) { break }
      // Two-loop recursion.
      var direction = gradient.map { -$0 }
      var factors: [Double] = []
      for pair in pairs.reversed() {
        let factor = pair.rho * dot(pair.s, direction)
        factors.append(factor)
        for i in direction.indices { direction[i] -= factor * pair.y[i] }
      }
      if let last = pairs.last {
        let scale = 1 / (last.rho * dot(last.y, last.y))
        for i in direction.indices { direction[i] *= scale }
      }
      for (pair, factor) in zip(pairs, factors.reversed()) {
        let correction = factor - pair.rho * dot(pair.y, direction)
        for i in direction.indices { direction[i] += correction * pair.s[i] }
      }
      let slope = dot(gradient, direction)
      guard slope < 0 else {
        if pairs.isEmpty { break }
        pairs.removeAll()
        continue
      }
      var step = pairs.isEmpty ? min(1, 1 / dot(gradient, gradient).squareRoot()) : 1
      var (next, found) = (point, (value: value, gradient: gradient))
      var halvings = 0
      repeat {
        for i in point.indices { next[i] = point[i] + step * direction[i] }
        found = function(next)
        if found.value <= value + 1e-4 * step * slope { break }
        step /= 2
        halvings += 1
      } while halvings < 40
      guard halvings < 40 else { break }
      let s = zip(next, point).map { $0 - $1 }
      let y = zip(found.gradient, gradient).map { $0 - $1 }
      let curvature = dot(s, y)
      if curvature > 1e-12 * dot(y, y) {
        pairs.append((s, y, 1 / curvature))
        if pairs.count > memory { pairs.removeFirst() }
      }
      (point, value, gradient) = (next, found.value, found.gradient)
      try report(iteration, value)
    }
    return point
  }
}

/// Weights and biases.
struct TrainedLogistic: SpectralModel {
  let id: String
  let features: Features
  var classCount: Int { biases.count }
  let scratchPerPixel = 0
  let curve: [TrainingPoint]
  private let weights: [Float]
  private let biases: [Float]
  private let packed: PackedMatrix

  /// - Parameter id: of the classifier that learned them.
  init(
    id: String = LogisticRegression.description.id, features: Features, weights: [Float], biases: [Float],
    curve: [TrainingPoint] = []
  ) {
    self.id = id
    (self.features, self.weights, self.biases, self.curve) = (features, weights, biases, curve)
    packed = PackedMatrix(transposing: weights, rows: biases.count, columns: features.dimension)
  }

  init(_ file: WeightFile, _ card: ModelCard) throws {
    let features = try Features(file)
    let (classes, weights) = try file.matrix("logistic.weight", columns: features.dimension)
    guard classes >= 2 else { throw ClassificationError.badModel(path: file.path, reason: "it has one class") }
    self.init(
      id: card.architecture, features: features, weights: weights,
      biases: try file.vector("logistic.bias", count: classes))
  }

  var configuration: [String: String] { [:] }

  var contents: [(name: String, content: SafetensorsWriter.Content)] {
    features.contents + [
      ("logistic.weight", .floats(Tensor([classCount, features.dimension], weights))),
      ("logistic.bias", .floats(Tensor([classCount], biases))),
    ]
  }

  func classify(
    _ values: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>,
    into probabilities: UnsafeMutablePointer<Float>
  ) {
    packed.multiply(values, rows: count, probabilities)
    for n in 0..<count { for c in 0..<classCount { probabilities[n * classCount + c] += biases[c] } }
    Scores.softmax(probabilities, count: count, classes: classCount)
  }
}
