import CKernels
import HSICore
import HSINumerics
import HSISpectral

/// Pixel purity index: how often a pixel is extreme along random directions.
///
/// The centred scene is projected on unit vectors (skewers); the pixels with the largest and smallest value of each
/// get a point (lowest number on ties). Endmembers are the pixels with most points, skipping those within
/// `separation` radians of one already taken, since neighbours of one pure pixel share its points; the angle is halved
/// until enough are found. Skewer s comes from `CounterRandom(seed, stream: s)`.
/// Two passes over the scene, 2 N L S flops.
public struct PPI: EndmemberExtractor {
  public static let description = MethodDescription(
    id: "ppi", name: "Pixel purity index (PPI)", task: .extract,
    citation:
      "J. W. Boardman, F. A. Kruse and R. O. Green, Mapping target signatures via partial unmixing of AVIRIS "
      + "data, JPL Airborne Earth Science Workshop, 1995",
    cost: "2 N L S for S skewers, two passes",
    advice:
      "The classical screening for pure pixels; slower than VCA and no better, but its counts are easy to read.",
    parameters: [
      ParameterDescription("skewers", 10_000, in: 1...1e7, "number of random directions"),
      ParameterDescription(
        "separation", 0.05, in: 0...1.5, "smallest spectral angle in radians between two endmembers"),
    ])

  private let skewers: Int
  private let separation: Double
  /// Skewers per product and pixels per item: the result of one item stays in the second-level cache.
  private static let skewerBlock = 256
  private static let pixelBlock = 256

  public init(_ parameters: MethodParameters) throws {
    skewers = Int(parameters.value("skewers"))
    separation = parameters.value("separation")
  }

  public func extract(_ scene: any StripSource, count: Int, _ context: RunContext) throws -> SpectralLibrary {
    let claim = context.claimThreads()
    defer { claim.release() }
    let reader = SceneReader(scene, context)
    let statistics = try reader.statistics()
    try requireExtractable(
      statistics, count: count, limit: scene.shape.bands, reason: "the scene has no more bands")
    let directions = PPI.randomSkewers(skewers, bands: scene.shape.bands, seed: context.seed)
    let points = try PPI.count(reader, directions, statistics)
    let candidates = points.indices.filter { points[$0] > 0 }.sorted { (points[$1], $0) < (points[$0], $1) }
    guard candidates.count >= count else {
      throw UnmixingError.tooManyEndmembers(
        count: count, limit: candidates.count, reason: "only so many pixels are extreme in any direction")
    }
    return try reader.library(choose(candidates, count: count, reader))
  }

  /// Unit vectors, `count` × bands.
  static func randomSkewers(_ count: Int, bands: Int, seed: UInt64) -> Matrix<Float> {
    var result = Matrix<Float>(rows: count, columns: bands)
    for s in 0..<count {
      var random = CounterRandom(seed: seed, stream: UInt64(s))
      let values = (0..<bands).map { _ in random.normal() }
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for l in 0..<bands { result[s, l] = Float(values[l] / norm) }
    }
    return result
  }

  /// Points of every pixel for given skewers (S × L).
  static func count(_ reader: SceneReader, _ skewers: Matrix<Float>, _ statistics: SceneStatistics) throws -> [Int32] {
    let (bands, total) = (reader.bands, skewers.rows)
    let panels = stride(from: 0, to: total, by: skewerBlock).map { first in
      let columns = min(skewerBlock, total - first)
      let block = (0..<(bands * columns)).map { skewers[first + $0 % columns, $0 / columns] }
      var packed = [Float](repeating: 0, count: hsi_gemm_packed_size(bands, columns))
      hsi_gemm_pack(block, columns, bands, columns, &packed)
      return (first: first, columns: columns, packed: packed)
    }
    let mean = statistics.mean.map(Float.init)
    var highest = [Extreme](repeating: Extreme(value: -.infinity, pixel: 0), count: total)
    var lowest = [Extreme](repeating: Extreme(value: .infinity, pixel: 0), count: total)
    try reader.forEach(label: "skewers", extraBytesPerPixel: 4 * bands) { pixels, n, first in
      let centred = PixelMatrix(rows: n, columns: bands)
      Parallel.forEachChunk(of: n, chunk: pixelBlock) { _, range in
        for i in range {
          for l in 0..<bands { centred.pointer[i * bands + l] = pixels[i * bands + l] - mean[l] }
        }
      }
      highest.withUnsafeMutableBufferPointer { highest in
        lowest.withUnsafeMutableBufferPointer { lowest in
          let (highest, lowest) = (highest.baseAddress!, lowest.baseAddress!)
          // One item per panel: every item owns the extremes of its skewers.
          Parallel.forEach(panels.count) { p in
            scan(
              centred, panels[p].packed, panels[p].columns, first, highest + panels[p].first,
              lowest + panels[p].first)
          }
        }
      }
    }
    var points = [Int32](repeating: 0, count: statistics.count)
    for s in 0..<total {
      points[highest[s].pixel] += 1
      points[lowest[s].pixel] += 1
    }
    return points
  }

  private struct Extreme {
    var value: Float
    var pixel: Int
  }

  private static func scan(
    _ pixels: PixelMatrix, _ packed: [Float], _ columns: Int, _ number: Int,
    _ highest: UnsafeMutablePointer<Extreme>,
    _ lowest: UnsafeMutablePointer<Extreme>
  ) {
    withUnsafeTemporaryAllocation(of: Float.self, capacity: pixelBlock * columns) { products in
      let products = products.baseAddress!
      for first in stride(from: 0, to: pixels.rows, by: pixelBlock) {
        let n = min(pixelBlock, pixels.rows - first)
        hsi_gemm(
          pixels.pointer + first * pixels.columns, pixels.columns, packed, products, columns, n, columns,
          pixels.columns, 0)
        for i in 0..<n {
          let row = products + i * columns
          for s in 0..<columns {
            if row[s] > highest[s].value { highest[s] = Extreme(value: row[s], pixel: number + first + i) }
            if row[s] < lowest[s].value { lowest[s] = Extreme(value: row[s], pixel: number + first + i) }
          }
        }
      }
    }
  }

  /// The first `count` candidates that are `separation` apart.
  private func choose(_ candidates: [Int], count: Int, _ reader: SceneReader) throws -> [Int] {
    let considered = Array(candidates.prefix(max(50 * count, 200)))
    let spectra = try reader.pick(considered).spectra
    var angle = separation
    while true {
      var chosen: [Int] = []
      for i in considered.indices where chosen.count < count {
        if angle <= 0 || chosen.allSatisfy({ SpectralDistance.angle(spectra[$0], spectra[i]) >= angle }) {
          chosen.append(i)
        }
      }
      if chosen.count == count { return chosen.map { considered[$0] } }
      angle = angle < 1e-6 ? 0 : angle / 2
    }
  }
}
