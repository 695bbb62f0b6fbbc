import HSICore
import HSINumerics

/// A classical restorer of missing values and bands. It implements `fill`; `restore` is made from it.
public protocol FillingRestorer: ClassicalRestorer {
  /// Fills every value that is NaN or infinite. At least one value is missing, and at least one is not.
  ///
  /// - Parameter noise: levels where they are known.
  func fill(_ scene: Cube, _ missing: MissingValues, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene
}

extension FillingRestorer {
  public var fills: RestorationFill { [.values, .bands] }

  public func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    if let noise { try noise.check(bands: scene.shape.bands) }
    context.progress.report(phase: "finding missing values", fraction: 0)
    let missing = MissingValues(scene)
    context.progress.report(phase: "finding missing values", fraction: 1)
    guard missing.count > 0 else { return unchanged(scene, "no value is missing", context) }
    guard missing.count < scene.count * scene.shape.bands else {
      return unchanged(scene, "all values are missing", context)
    }
    var result = try fill(scene, missing, noise: noise, context)
    result.facts["missing"] = Double(missing.count)
    result.facts["missingBands"] = Double(missing.bands.count)
    result.facts["emptyPixels"] = Double(missing.emptyPixels)
    return result
  }

  /// The scene filled along the wavelength, where bands without any value are all that is missing: a subspace of the other bands
  /// says nothing about them, and would only blur what is known. nil where more is missing.
  func fillBandsOnly(_ scene: Cube, _ missing: MissingValues) -> RestoredScene? {
    guard missing.count == missing.bands.count * scene.count else { return nil }
    let result = scene.copyOfPixels()
    let gaps = SpectralGaps(scene.metadata.axis, choosingFor: result)
    gaps.fill(result)
    return RestoredScene(scene: scene.replacingPixels(by: result), facts: ["order": Double(gaps.curve.rawValue)])
  }
}

/// Which values of a scene are NaN or infinite.
public struct MissingValues: Sendable {
  /// Number of them.
  public let count: Int
  /// Bands without any value, ascending.
  public let bands: [Int]
  /// Pixels without any value.
  public let emptyPixels: Int
  /// Per band the number of values that are there.
  public let observed: [Int]

  /// Counts them. Cost N L.
  public init(_ scene: Cube) {
    let (bands, chunk) = (scene.shape.bands, 4096)
    let blocks = (scene.count + chunk - 1) / chunk
    var counts = [Int](repeating: 0, count: blocks * (bands + 1))
    counts.withUnsafeMutableBufferPointer { counts in
      let (counts, pixels) = (counts, scene.pixels.pointer)
      Parallel.forEachChunk(of: scene.count, chunk: chunk) { block, rows in
        for row in rows {
          var any = false
          for b in 0..<bands where pixels[row * bands + b].isFinite {
            counts[block * (bands + 1) + b] += 1
            any = true
          }
          if !any { counts[block * (bands + 1) + bands] += 1 }
        }
      }
    }
    let totals = (0...bands).map { b in (0..<blocks).reduce(0) { $0 + counts[$1 * (bands + 1) + b] } }
    observed = Array(totals.prefix(bands))
    emptyPixels = totals[bands]
    count = scene.count * bands - observed.reduce(0, +)
    self.bands = observed.indices.filter { totals[$0] == 0 }
  }
}
