import CKernels
import Foundation
import HSICore
import HSINumerics

/// Vertex component analysis (VCA).
///
/// The signal-to-noise ratio estimated from the K leading components decides the projection: below
/// `15 + 10 log₁₀ K` dB the K − 1 principal components with a constant row `c = max ‖x‖`; otherwise the K leading
/// eigenvectors of the correlation matrix, every pixel divided by its product with the mean pixel. Then K times: a
/// random direction orthogonal to the vertices so far, and the pixel farthest along it.
///
/// Two passes over the scene (statistics, projection) and K scans of the N × K scores in memory. Random directions
/// come from `CounterRandom(seed, stream: step)`; eigenvectors have their largest-magnitude entry positive.
/// Cost N L² + 2 N L K + 2 N K² flops, 4 N K bytes.
public struct VCA: EndmemberExtractor {
  public static let description = MethodDescription(
    id: "vca", name: "Vertex component analysis (VCA)", task: .extract,
    citation: "J. M. P. Nascimento and J. M. Bioucas-Dias, Vertex component analysis, IEEE TGRS 43(4), 2005",
    cost: "N L² + 2 N L K, two passes, 4 N K bytes",
    advice:
      "The usual first choice where some pixels are nearly pure. Exclude bad channels; it depends on the seed.",
    parameters: [
      ParameterDescription(
        "projected", 1, in: 0...1,
        "1: endmembers are the picks projected on the signal subspace; 0: the pixels as they are")
    ])

  private let projected: Bool
  private let probes: Matrix<Double>?

  public init(_ parameters: MethodParameters) throws {
    projected = parameters.value("projected") >= 0.5
    probes = nil
  }

  /// VCA with given directions instead of random ones.
  ///
  /// - Parameter probes: K × K, column i is the random vector of step i.
  public init(probes: Matrix<Double>) {
    projected = true
    self.probes = probes
  }

  /// Estimated signal-to-noise ratio in dB for K endmembers: `10 log₁₀((P_x − K/L·P_y) / (P_y − P_x))` with the
  /// power `P_y` of the pixels and `P_x` of their projection on the mean and K principal components.
  public static func signalToNoise(_ statistics: SceneStatistics, count: Int) throws -> Double {
    try signalToNoise(statistics, count: count, eigenvalues: statistics.covariance.symmetricEigenvalues())
  }

  private static func signalToNoise(_ statistics: SceneStatistics, count: Int, eigenvalues: [Double]) -> Double {
    let bands = Double(statistics.mean.count)
    let meanPower = statistics.mean.reduce(0) { $0 + $1 * $1 }
    let total = eigenvalues.reduce(0, +) + meanPower
    let projected = eigenvalues.prefix(count).reduce(0, +) + meanPower
    let signal = projected - Double(count) / bands * total
    guard signal > 0 else { return -.infinity }
    guard total > projected else { return .infinity }
    return 10 * log10(signal / (total - projected))
  }

  public func extract(_ scene: any StripSource, count: Int, _ context: RunContext) throws -> SpectralLibrary {
    let claim = context.claimThreads()
    defer { claim.release() }
    let reader = SceneReader(scene, context)
    let statistics = try reader.statistics()
    try requireExtractable(
      statistics, count: count, limit: scene.shape.bands, reason: "VCA needs as many bands as endmembers")
    try reader.requireMemory(4 * statistics.count * (count + 1), purpose: "holding the scores of VCA")
    let ratio = try VCA.signalToNoise(statistics, count: count)
    let isNoisy = ratio < 15 + 10 * log10(Double(count)) && count > 1
    context.logger.info(
      "VCA: signal-to-noise ratio \(ratio) dB, \(isNoisy ? "principal components" : "projective")")

    let eigen = try (isNoisy ? statistics.covariance : statistics.correlation).symmetricEigen()
    let used = isNoisy ? count - 1 : count
    try reader.requireDimensions(eigen.values, needed: used, isCentred: isNoisy, count: count)
    let axes = eigen.vectors.selecting(columns: Array(0..<used))
    let centre = axes.transposed.multiplied(by: statistics.mean)
    let scores = PixelMatrix(rows: statistics.count, columns: count)
    try reader.project(
      axes, offset: isNoisy ? centre : nil, count: statistics.count, into: scores, label: "projection")
    if isNoisy { VCA.appendConstant(scores) }
    let divisors = isNoisy ? [] : VCA.divideByMean(scores, centre)
    let picks = try vertices(scores, seed: context.seed, context)

    guard projected else { return try reader.library(picks) }
    var values: [Double] = []
    for n in picks {
      var coordinates = scores.row(n).map(Double.init)
      if isNoisy {
        coordinates.removeLast()
      } else {
        coordinates = coordinates.map { $0 * Double(divisors[n]) }
      }
      let spectrum = axes.multiplied(by: coordinates)
      values += isNoisy ? zip(spectrum, statistics.mean).map(+) : spectrum
    }
    let positions = try reader.pick(picks).positions
    return SpectralLibrary(
      names: endmemberNames(count), axis: scene.metadata.axis, values: values, pixels: positions)
  }

  /// Fills the last column with the largest norm of the others.
  private static func appendConstant(_ scores: PixelMatrix) {
    let columns = scores.columns
    var largest = 0.0
    for n in 0..<scores.rows {
      let row = scores.pointer + n * columns
      var norm = 0.0
      for k in 0..<(columns - 1) { norm += Double(row[k]) * Double(row[k]) }
      largest = max(largest, norm)
    }
    let constant = Float(largest.squareRoot())
    for n in 0..<scores.rows { scores.pointer[n * columns + columns - 1] = constant }
  }

  /// Divides every row by its product with `centre`; rows without a positive product become NaN and are never
  /// picked. Returns the divisors.
  private static func divideByMean(_ scores: PixelMatrix, _ centre: [Double]) -> [Float] {
    let columns = scores.columns
    let floor = 1e-6 * centre.reduce(0) { $0 + $1 * $1 }
    var divisors = [Float](repeating: 0, count: scores.rows)
    divisors.withUnsafeMutableBufferPointer { divisors in
      let (divisors, rows) = (divisors.baseAddress!, scores.pointer)
      Parallel.forEachChunk(of: scores.rows, chunk: 8192) { _, range in
        for n in range {
          let row = rows + n * columns
          var product = 0.0
          for k in 0..<columns { product += Double(row[k]) * centre[k] }
          divisors[n] = Float(product)
          let scale = product > floor ? 1 / product : .nan
          for k in 0..<columns { row[k] = Float(Double(row[k]) * scale) }
        }
      }
    }
    return divisors
  }

  /// K pixel numbers: the farthest pixel along directions orthogonal to the vertices found so far.
  private func vertices(_ scores: PixelMatrix, seed: UInt64, _ context: RunContext) throws -> [Int] {
    let count = scores.columns
    var found: [[Double]] = [(0..<count).map { $0 == count - 1 ? 1 : 0 }]
    var picks: [Int] = []
    for step in 0..<count {
      try context.checkCancellation()
      var random = CounterRandom(seed: seed, stream: UInt64(step))
      var direction = probes?.column(step) ?? (0..<count).map { _ in random.normal() }
      let basis = orthonormalised(found)
      for _ in 0..<2 { direction = removing(basis, from: direction) }
      let norm = direction.reduce(0) { $0 + $1 * $1 }.squareRoot()
      if norm > 0 { direction = direction.map { $0 / norm } }
      let pick = Int(hsi_argmax_abs_projection(scores.pointer, scores.rows, count, direction, nil))
      picks.append(pick)
      let vertex = scores.row(pick).map(Double.init)
      guard vertex.allSatisfy(\.isFinite) else {
        throw UnmixingError.noVariation(detail: "no pixel has a positive product with the mean spectrum")
      }
      if step == 0 { found = [vertex] } else { found.append(vertex) }
    }
    return picks
  }
}

/// An orthonormal basis of the span of `vectors` (modified Gram–Schmidt, twice); dependent ones are dropped.
func orthonormalised(_ vectors: [[Double]]) -> [[Double]] {
  var basis: [[Double]] = []
  for vector in vectors {
    let size = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
    var rest = vector
    for _ in 0..<2 { rest = removing(basis, from: rest) }
    let norm = rest.reduce(0) { $0 + $1 * $1 }.squareRoot()
    if norm > 1e-10 * size, norm > 0 { basis.append(rest.map { $0 / norm }) }
  }
  return basis
}

/// The part of a vector that is orthogonal to an orthonormal basis.
func removing(_ basis: [[Double]], from vector: [Double]) -> [Double] {
  var rest = vector
  for b in basis {
    var product = 0.0
    for i in rest.indices { product += b[i] * rest[i] }
    for i in rest.indices { rest[i] -= product * b[i] }
  }
  return rest
}
