import HSICore
import HSINumerics
import HSITransformer

/// Each class a normal distribution of its own in the space of the leading principal components; the class under which
/// a pixel is most likely wins (equal priors).
///
/// A covariance of d × d from n pixels is drawn to the common one of all classes,
/// `Σ_c = (n_c S_c + ν S) / (n_c + ν)` with ν = strength · (d + 1) — the mean of a posterior whose prior knows the
/// within-class covariance S from ν pixels — so that small classes have one too.
/// Source: J. H. Friedman, Regularized discriminant analysis, JASA 84, 1989 (with this rule for the weight).
public struct GaussianMaximumLikelihood: Classifier {
  public static let description = MethodDescription(
    id: "gml", name: "Gaussian maximum likelihood",
    task: .classify, citation: "J. H. Friedman, Regularized discriminant analysis, JASA 84, 1989",
    cost: "N L d + N C d², training n L² + C d³",
    advice: "Strong where classes are large and roughly normal; the classical choice of land-cover mapping.",
    parameters: [
      ParameterDescription("components", 20, in: 1...512, "principal components (whitened) that are used"),
      ParameterDescription(
        "strength", 1, in: 0...1000, "weight of the common covariance, in units of components + 1 pixels"),
    ], aliases: ["maximum-likelihood", "qda"])

  private let components: Int
  private let strength: Double

  public init(_ parameters: MethodParameters) throws {
    components = Int(parameters.value("components"))
    strength = parameters.value("strength")
  }

  public var patchRadius: Int { 0 }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int {
    4 * samples * (shape.bands + components) + 8 * shape.bands * shape.bands * 4 + 8 * classes * components * components
  }

  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try task.check()
    let (pixels, labels) = task.spectra(of: task.training)
    let features = try task.features(.components(components, whitened: true))
    let values = features.apply(pixels)
    let (d, classes) = (features.dimension, task.classes.count)
    var counts = [Double](repeating: 0, count: classes)
    var means = Matrix<Double>(rows: classes, columns: d)
    for (n, label) in labels.enumerated() {
      counts[label] += 1
      for i in 0..<d { means[label, i] += Double(values[n, i]) }
    }
    for c in 0..<classes { for i in 0..<d { means[c, i] /= counts[c] } }
    // n_c S_c, summed in the order of the pixels.
    var scatter = [Matrix<Double>](repeating: Matrix(rows: d, columns: d), count: classes)
    for (n, label) in labels.enumerated() {
      let centred = (0..<d).map { Double(values[n, $0]) - means[label, $0] }
      for i in 0..<d { for j in 0...i { scatter[label][i, j] += centred[i] * centred[j] } }
    }
    var common = Matrix<Double>(rows: d, columns: d)
    for c in 0..<classes {
      for i in 0..<d {
        for j in 0...i {
          scatter[c][j, i] = scatter[c][i, j]
          common[i, j] += scatter[c][i, j] / Double(labels.count)
          if i != j { common[j, i] = common[i, j] }
        }
      }
    }
    let weight = strength * Double(d + 1)
    // Components are whitened, so 1 is the size of a variance.
    let ridge = 1e-6
    var factors: [Float] = []
    var offsets: [Float] = []
    for c in 0..<classes {
      let covariance = Matrix<Double>(rows: d, columns: d) { i, j in
        let pooled = (scatter[c][i, j] + weight * common[i, j]) / (counts[c] + weight)
        return pooled + (i == j ? ridge : 0)
      }
      // Σ⁻¹ = Wᵀ W with W = Λ^−½ Vᵀ, so the distance is ‖W (z − μ)‖².
      let eigen = try covariance.symmetricEigen()
      var logarithm = 0.0
      for k in 0..<d {
        let value = max(eigen.values[k], ridge)
        logarithm += _logarithm(value)
        for i in 0..<d { factors.append(Float(eigen.vectors[i, k] / value.squareRoot())) }
      }
      offsets.append(Float(-0.5 * logarithm))
    }
    return TrainedGaussians(
      features: features, means: means.values.map(Float.init), factors: factors, offsets: offsets)
  }
}

/// Means and covariances of classes.
struct TrainedGaussians: SpectralModel {
  let id = GaussianMaximumLikelihood.description.id
  let features: Features
  var classCount: Int { offsets.count }
  var scratchPerPixel: Int { 2 * features.dimension }
  /// Classes × d.
  private let means: [Float]
  /// Classes × d × d: rows of W.
  private let factors: [Float]
  /// −½ log det Σ.
  private let offsets: [Float]
  private let packed: [PackedMatrix]

  init(features: Features, means: [Float], factors: [Float], offsets: [Float]) {
    (self.features, self.means, self.factors, self.offsets) = (features, means, factors, offsets)
    let d = features.dimension
    packed = offsets.indices.map { c in
      PackedMatrix(transposing: Array(factors[(c * d * d)..<((c + 1) * d * d)]), rows: d, columns: d)
    }
  }

  init(_ file: WeightFile, _ card: ModelCard) throws {
    let features = try Features(file)
    let d = features.dimension
    let (classes, means) = try file.matrix("gml.means", columns: d)
    let (rows, factors) = try file.matrix("gml.factors", columns: d)
    guard rows == classes * d, classes >= 2 else {
      throw ClassificationError.badModel(path: file.path, reason: "its covariances do not fit its means")
    }
    self.init(
      features: features, means: means, factors: factors, offsets: try file.vector("gml.offsets", count: classes))
  }

  var configuration: [String: String] { ["components": "\(features.dimension)"] }

  var contents: [(name: String, content: SafetensorsWriter.Content)] {
    let d = features.dimension
    return features.contents + [
      ("gml.means", .floats(Tensor([classCount, d], means))),
      ("gml.factors", .floats(Tensor([classCount * d, d], factors))),
      ("gml.offsets", .floats(Tensor([classCount], offsets))),
    ]
  }

  /// Logarithms of the densities but for a constant, −½ log det Σ − ½ (z − μ)ᵀ Σ⁻¹ (z − μ), made probabilities.
  func classify(
    _ values: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>,
    into probabilities: UnsafeMutablePointer<Float>
  ) {
    let d = features.dimension
    let (centred, turned) = (scratch, scratch + count * d)
    means.withUnsafeBufferPointer { means in
      for c in 0..<classCount {
        for n in 0..<count {
          for i in 0..<d { centred[n * d + i] = values[n * d + i] - means[c * d + i] }
        }
        packed[c].multiply(centred, rows: count, turned)
        for n in 0..<count {
          var sum: Float = 0
          for i in 0..<d { sum += turned[n * d + i] * turned[n * d + i] }
          // Far from every class the exponentials would all vanish; the softmax takes the largest out first.
          probabilities[n * classCount + c] = offsets[c] - 0.5 * min(sum, 1e30)
        }
      }
    }
    Scores.softmax(probabilities, count: count, classes: classCount)
  }
}
