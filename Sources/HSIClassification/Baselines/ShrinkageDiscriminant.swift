import HSICore
import HSINumerics
import HSITransformer

/// Normal classes with one covariance: linear discriminant analysis whose covariance is shrunk as far as its own scatter says.
///
/// Bands are standardised. With the pooled within-class covariance S of N pixels in L bands and m = tr S / L,
///
///     Σ = (1 − δ) S + δ m I,    δ = min(1, (Σ_n ‖x_n‖⁴ − N ‖S‖²) / (N² ‖S − m I‖²)),
///
/// the scores are `μ_cᵀ Σ⁻¹ x − ½ μ_cᵀ Σ⁻¹ μ_c` (equal priors) and their softmax the probabilities. Works with fewer pixels than bands.
/// Source: O. Ledoit and M. Wolf, A well-conditioned estimator for large-dimensional covariance matrices, J. Multivariate Analysis 88, 2004.
public struct ShrinkageDiscriminant: Classifier {
  public static let description = MethodDescription(
    id: "lda", name: "Linear discriminant analysis with shrinkage",
    task: .classify,
    citation:
      "R. A. Fisher, Annals of Eugenics 7, 1936; O. Ledoit and M. Wolf, A well-conditioned estimator for large-dimensional "
      + "covariance matrices, J. Multivariate Analysis 88, 2004",
    cost: "N L C, training n L² + L³",
    advice: "Few labels and many bands: no parameter to choose; linear borders.", aliases: ["shrinkage-lda"])

  public init(_ parameters: MethodParameters) throws {}

  public var patchRadius: Int { 0 }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int {
    samples * shape.bands * 12 + 24 * shape.bands * shape.bands + 16 * classes * shape.bands
  }

  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try task.check()
    let (pixels, labels) = task.spectra(of: task.training)
    let features = try task.features(.standardised)
    let values = features.apply(pixels)
    let (count, bands, classes) = (labels.count, features.dimension, task.classes.count)
    let means = ShrinkageDiscriminant.means(values, labels, classes: classes)
    let centred = Matrix<Double>(rows: count, columns: bands) { Double(values[$0, $1]) - means[labels[$0], $1] }
    let covariance = ShrinkageDiscriminant.shrunk(centred)
    // Σ⁻¹ μ_c as columns.
    let axes = try covariance.solvedPositiveDefinite(means.transposed)
    var offsets = [Float](repeating: 0, count: classes)
    for c in 0..<classes {
      offsets[c] = Float(-0.5 * (0..<bands).reduce(0) { $0 + means[c, $1] * axes[$1, c] })
    }
    return TrainedLogistic(
      id: ShrinkageDiscriminant.description.id, features: features, weights: axes.transposed.values.map(Float.init),
      biases: offsets)
  }

  private static func means(_ values: PixelMatrix, _ labels: [Int], classes: Int) -> Matrix<Double> {
    var means = Matrix<Double>(rows: classes, columns: values.columns)
    var counts = [Double](repeating: 0, count: classes)
    for (n, label) in labels.enumerated() {
      counts[label] += 1
      for b in 0..<values.columns { means[label, b] += Double(values[n, b]) }
    }
    for c in 0..<classes { for b in 0..<values.columns { means[c, b] /= max(counts[c], 1) } }
    return means
  }

  /// Σ of rows without their class means.
  static func shrunk(_ rows: Matrix<Double>) -> Matrix<Double> {
    let (count, bands) = (Double(rows.rows), rows.columns)
    var covariance = rows.gram
    for i in covariance.values.indices { covariance.values[i] /= count }
    let level = (0..<bands).reduce(0) { $0 + covariance[$1, $1] } / Double(bands)
    var (size, distance, fourth) = (0.0, 0.0, 0.0)
    for i in 0..<bands {
      for j in 0..<bands {
        let value = covariance[i, j]
        size += value * value
        let gap = value - (i == j ? level : 0)
        distance += gap * gap
      }
    }
    for n in 0..<rows.rows {
      let square = (0..<bands).reduce(0) { $0 + rows[n, $1] * rows[n, $1] }
      fourth += square * square
    }
    let share = distance > 0 ? min(1, max(0, (fourth - count * size) / (count * count * distance))) : 1
    // One pixel per class leaves nothing: any multiple of the identity is as good.
    let floor = level > 0 ? 1e-9 * level : 1
    for i in 0..<bands {
      for j in 0..<bands { covariance[i, j] *= 1 - share }
      covariance[i, i] += share * level + floor
    }
    return covariance
  }
}
