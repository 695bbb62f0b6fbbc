import HSICore
import HSINumerics
import HSITransformer

/// The class whose mean spectrum has the smallest angle to the pixel, `θ = arccos(⟨x, m⟩ / (‖x‖ ‖m‖))`.
///
/// Probabilities are `exp(−θ/τ) / Σ exp(−θ/τ)` with the τ that makes the training labels most likely. Pixels without
/// length are given equal probabilities.
public struct SpectralAngleMapper: Classifier {
  public static let description = MethodDescription(
    id: "sam", name: "Spectral angle mapper (SAM)",
    task: .classify,
    citation: "F. A. Kruse et al., The spectral image processing system (SIPS), Remote Sensing of Environment 44, 1993",
    cost: "N L C",
    advice: "The plainest baseline; blind to brightness, hence robust to shadow and poor where classes differ by it.")

  public init(_ parameters: MethodParameters) throws {}

  public var patchRadius: Int { 0 }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int {
    4 * samples * (shape.bands + classes)
  }

  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try task.check()
    let (pixels, labels) = task.spectra(of: task.training)
    let (bands, classes) = (pixels.columns, task.classes.count)
    var means = [Double](repeating: 0, count: classes * bands)
    for (n, label) in labels.enumerated() {
      for b in 0..<bands { means[label * bands + b] += Double(pixels[n, b]) }
    }
    var directions = [Float](repeating: 0, count: classes * bands)
    for c in 0..<classes {
      let row = means[(c * bands)..<((c + 1) * bands)]
      let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
      guard norm > 0 else { throw ClassificationError.constantSpectra }
      for b in 0..<bands { directions[c * bands + b] = Float(means[c * bands + b] / norm) }
    }
    let raw = try Features.fit(.raw, pixels)
    let untuned = TrainedAngleMapper(directions: directions, classCount: classes, sharpness: 1, features: raw)
    let angles = PixelMatrix(rows: labels.count, columns: classes)
    for n in 0..<labels.count { untuned.angles(pixels.pointer + n * bands, into: angles.pointer + n * classes) }
    return TrainedAngleMapper(
      directions: directions, classCount: classes, sharpness: SpectralAngleMapper.sharpness(angles, labels),
      features: raw)
  }

  /// 1/τ of highest likelihood: golden section on its logarithm between 1 and 10⁵ per radian.
  private static func sharpness(_ angles: PixelMatrix, _ labels: [Int]) -> Float {
    func loss(_ exponent: Double) -> Double {
      let beta = Double.exp10(exponent)
      var sum = 0.0
      for (n, label) in labels.enumerated() {
        let row = angles.row(n)
        let least = Double(row.min() ?? 0)
        let total = row.reduce(0.0) { $0 + _exponential(-beta * (Double($1) - least)) }
        sum += beta * (Double(row[label]) - least) + _logarithm(total)
      }
      return sum
    }
    let golden = (5.0.squareRoot() - 1) / 2
    var (low, high) = (0.0, 5.0)
    var (a, b) = (high - golden * (high - low), low + golden * (high - low))
    var (lossA, lossB) = (loss(a), loss(b))
    for _ in 0..<40 {
      if lossA <= lossB {
        (high, b, lossB) = (b, a, lossA)
        a = high - golden * (high - low)
        lossA = loss(a)
      } else {
        (low, a, lossA) = (a, b, lossB)
        b = low + golden * (high - low)
        lossB = loss(b)
      }
    }
    return Float(Double.exp10((low + high) / 2))
  }
}

extension Double {
  fileprivate static func exp10(_ x: Double) -> Double { _exponential(x * 2.302585092994046) }
}

/// Directions of class means.
struct TrainedAngleMapper: SpectralModel {
  let id = SpectralAngleMapper.description.id
  let classCount: Int
  let features: Features
  let scratchPerPixel = 0
  let takesAnyUnits = true
  /// Classes × bands, each of length 1.
  private let directions: [Float]
  private let packed: PackedMatrix
  /// 1/τ.
  private let sharpness: Float

  init(directions: [Float], classCount: Int, sharpness: Float, features: Features) {
    self.directions = directions
    self.classCount = classCount
    self.sharpness = sharpness
    self.features = features
    packed = PackedMatrix(transposing: directions, rows: classCount, columns: features.bands)
  }

  init(_ file: WeightFile, _ card: ModelCard) throws {
    let features = try Features(file)
    let (rows, values) = try file.matrix("sam.directions", columns: features.dimension)
    let sharpness = try file.vector("sam.sharpness", count: 1)
    guard features.components == nil, rows >= 2 else {
      throw ClassificationError.badModel(path: file.path, reason: "its directions are not those of a SAM model")
    }
    self.init(directions: values, classCount: rows, sharpness: sharpness[0], features: features)
  }

  var configuration: [String: String] { [:] }

  var contents: [(name: String, content: SafetensorsWriter.Content)] {
    features.contents + [
      ("sam.directions", .floats(Tensor([classCount, bands], directions))),
      ("sam.sharpness", .floats(Tensor([1], [sharpness]))),
    ]
  }

  /// Angles of one spectrum to all class means, radians; π/2 for a spectrum without length.
  func angles(_ spectrum: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>) {
    packed.multiply(spectrum, rows: 1, out)
    var square = 0.0
    for b in 0..<bands { square += Double(spectrum[b]) * Double(spectrum[b]) }
    let norm = square.squareRoot()
    for c in 0..<classCount {
      let cosine = norm > 0 ? Double(out[c]) / norm : 0
      out[c] = Float(arccosine(max(-1, min(1, cosine))))
    }
  }

  func classify(
    _ values: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>,
    into probabilities: UnsafeMutablePointer<Float>
  ) {
    for n in 0..<count {
      let row = probabilities + n * classCount
      angles(values + n * bands, into: row)
      for c in 0..<classCount { row[c] *= -sharpness }
    }
    Scores.softmax(probabilities, count: count, classes: classCount)
  }
}

#if canImport(Glibc)
  import Glibc
  private func arccosine(_ x: Double) -> Double { Glibc.acos(x) }
#else
  import Foundation
  private func arccosine(_ x: Double) -> Double { Foundation.acos(x) }
#endif
