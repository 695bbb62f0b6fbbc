import Foundation
import HSICore
import HSINumerics
import HSITransformer

/// A scene in [0, 1] band by band (`BandNormalisation`), kept for drawing windows from it: two bytes a value, in memory or in a scratch file.
///
/// Values are rounded to 1/65534, which no network sees; valid ones are at least that, so that 0 means missing, as the loss of
/// `LESSAutoencoder` has it. A pixel is missing where the scene has none or one of its values is not finite.
public final class NormalisedScene: @unchecked Sendable {
  /// Lines, samples and bands.
  public let shape: CubeShape
  /// Wavelengths of the bands.
  public let axis: SpectralAxis
  /// Metres per pixel; nil where they are not known.
  public let resolution: Double?
  /// What the bands were brought to [0, 1] by.
  public let normalisation: BandNormalisation
  /// A digest of all values.
  public let fingerprint: UInt64
  /// Number of missing pixels above and left of a place, (lines + 1) × (samples + 1).
  private let missing: [Int32]
  private let memory: [UInt16]
  private let scratch: ScratchFile?

  /// Bytes of the values of a scene.
  public static func bytes(_ shape: CubeShape) -> Int { 2 * shape.pixels * shape.bands }

  /// Reads a scene twice: for its statistics, unless they are given, and for its values.
  ///
  /// - Parameters:
  ///   - output: the file in whose folder a scratch file holds the values; nil to keep them in memory.
  /// - Throws: `CoreError.memory`, `.cancelled`, `.diskFull`, `.cannotWrite`, the errors of reading.
  public init(
    _ source: any StripSource, normalisation given: BandNormalisation? = nil, resolution: Double?,
    scratchBeside output: String? = nil,
    _ context: RunContext
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    let normalisation = try given ?? BandNormalisation(source, context)
    precondition(normalisation.count == source.shape.bands)
    (shape, axis, self.resolution, self.normalisation) = (source.shape, source.metadata.axis, resolution, normalisation)
    let (bands, samples) = (source.shape.bands, source.shape.samples)
    let scratch = try output.map { try ScratchFile(for: $0, size: NormalisedScene.bytes(source.shape)) }
    var memory = [UInt16](repeating: 0, count: scratch == nil ? source.shape.pixels * bands : 0)
    var isMissing = [Bool](repeating: true, count: source.shape.pixels)
    var digest = Fingerprint()
    try source.forEachStrip(context, label: "reading", extraBytesPerPixel: 2 * bands) { strip in
      var part = [UInt16](repeating: 0, count: strip.window.lines * samples * bands)
      for (row, position) in strip.positions.enumerated() {
        let (pixel, target) = (strip.pixels.pointer + row * bands, Int(position) * bands)
        guard (0..<bands).allSatisfy({ pixel[$0].isFinite }) else { continue }
        isMissing[strip.window.line * samples + Int(position)] = false
        for b in 0..<bands { part[target + b] = UInt16(1 + (normalisation(pixel[b], band: b) * 65534).rounded()) }
      }
      for start in stride(from: 0, to: part.count, by: 4) {
        digest.add(part[start..<min(start + 4, part.count)].reduce(0) { $0 << 16 | UInt64($1) })
      }
      let first = strip.window.line * samples * bands
      if let scratch {
        try part.withUnsafeBytes { try scratch.write($0, at: 2 * first) }
      } else {
        memory.replaceSubrange(first..<(first + part.count), with: part)
      }
    }
    (self.memory, self.scratch, fingerprint) = (memory, scratch, digest.value)
    missing = NormalisedScene.table(isMissing, source.shape)
    _ = try scratch?.mapped()
  }

  private static func table(_ isMissing: [Bool], _ shape: CubeShape) -> [Int32] {
    let width = shape.samples + 1
    var table = [Int32](repeating: 0, count: (shape.lines + 1) * width)
    for line in 0..<shape.lines {
      var row: Int32 = 0
      for sample in 0..<shape.samples {
        row += isMissing[line * shape.samples + sample] ? 1 : 0
        table[(line + 1) * width + sample + 1] = table[line * width + sample + 1] + row
      }
    }
    return table
  }

  /// Number of missing pixels of a square.
  public func missingPixels(line: Int, sample: Int, side: Int) -> Int {
    let width = shape.samples + 1
    let (top, bottom) = (line * width + sample, (line + side) * width + sample)
    return Int(missing[bottom + side] - missing[bottom] - missing[top + side] + missing[top])
  }

  /// Writes a square as `[pixels][bands]`, row by row, turned; missing pixels are 0. Beyond its borders the scene is its mirror
  /// image.
  public func copy(
    line: Int, sample: Int, side: Int, _ symmetry: PatchSymmetry = .identity, to target: UnsafeMutablePointer<Float>
  ) {
    let bands = shape.bands
    func fill(_ values: UnsafePointer<UInt16>) {
      for row in 0..<side {
        for column in 0..<side {
          let from = symmetry.source(row: row, column: column, size: side)
          let y = NormalisedScene.mirrored(line + from.row, shape.lines)
          let x = NormalisedScene.mirrored(sample + from.column, shape.samples)
          let pixel = values + (y * shape.samples + x) * bands
          let out = target + (row * side + column) * bands
          for b in 0..<bands { out[b] = pixel[b] == 0 ? 0 : max(Float(pixel[b] - 1), 1) * (1 / 65534) }
        }
      }
    }
    if let base = try? scratch?.mapped().baseAddress { return fill(base.assumingMemoryBound(to: UInt16.self)) }
    memory.withUnsafeBufferPointer { values in if let base = values.baseAddress { fill(base) } }
  }

  /// Mirror image about the last place: 0 1 2 3 2 1 …, whatever the distance.
  private static func mirrored(_ place: Int, _ count: Int) -> Int {
    guard count > 1 else { return 0 }
    let period = 2 * count - 2
    let within = ((place % period) + period) % period
    return within < count ? within : period - within
  }
}
