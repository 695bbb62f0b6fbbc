import HSICore

/// Takes away whole bands: ⌊ratio · bands⌋ of the active ones, drawn by the seed.
///
/// Lost bands become NaN, or the value that stands for 0. Cost N L.
public struct MissingBands: ParameterDegradation, StripDegradation {
  public static let description = MethodDescription(
    id: "missing-bands", name: "Missing bands", task: .degrade,
    citation: "MP-HSIR (multi-prompt hyperspectral image restoration), its degradations",
    cost: "N L", advice: "Dead detectors, or bands lost in the atmosphere.",
    parameters: [ParameterDescription("ratio", 0.1, in: 0...1, "share of the bands that are lost"), .lostAsZero])

  private let ratio: Double
  private let isZero: Bool

  public init(_ parameters: MethodParameters) throws {
    ratio = parameters.value("ratio")
    isZero = parameters.value("zero") >= 0.5
  }

  /// The bands of an image that are lost.
  public struct Drawn: DrawnDegradation {
    /// 0-based, ascending.
    public let bands: [Int]
    fileprivate let ratio: Double
    fileprivate let lost: Float

    public func apply(to pixels: PixelMatrix, positions: [Int32], window: PixelWindow) {
      for row in 0..<pixels.rows { for band in bands { pixels[row, band] = lost } }
    }

    public var facts: [String: String] {
      [
        "kind": MissingBands.description.id, "ratio": "\(ratio)", "lost": "\(lost)",
        "bands": bands.map { "\($0 + 1)" }.joined(separator: ","),
      ]
    }
  }

  public func draw(_ target: DegradationTarget) -> Drawn {
    let active = target.active.indices.filter { target.active[$0] }
    var random = NoiseStream.bands.random(target.seed)
    // The small term keeps products such as 0.3 · 10 from falling below the whole number that they are.
    let count = Int(ratio * Double(active.count) + 1e-9)
    let bands = random.distinct(count, below: active.count).map { active[$0] }.sorted()
    return Drawn(bands: bands, ratio: ratio, lost: isZero ? Float(target.range.low) : .nan)
  }
}
