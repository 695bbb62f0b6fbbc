import HSICore

/// Takes away whole bands: ⌊ratio · bands⌋ of the active ones, drawn by the seed.
///
/// Lost bands become NaN, or the value that stands for 0. Cost N L.
public struct MissingBands: ParameterDegradation, TakingDegradation {
  public static let description = MethodDescription(
    id: "missing-bands", name: "Missing bands", task: .degrade,
    citation: "MP-HSIR (multi-prompt hyperspectral image restoration), its degradations",
    cost: "N L", advice: "Dead detectors, or bands lost in the atmosphere.",
    parameters: [ParameterDescription("ratio", 0.1, in: 0...1, "share of the bands that are lost"), .lostAsZero],
    aliases: ["bands"])

  private let ratio: Double
  private let isZero: Bool

  public init(_ parameters: MethodParameters) throws {
    ratio = parameters.value("ratio")
    isZero = parameters.value("zero") >= 0.5
  }

  private init(ratio: Double, isZero: Bool) { (self.ratio, self.isZero) = (ratio, isZero) }

  public var usesRange: Bool { isZero }
  public var leavingHoles: Self { Self(ratio: ratio, isZero: false) }

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

  public func caveat(_ target: DegradationTarget) -> String? {
    let active = target.active.count { $0 }
    guard ratio > 0, lost(of: active) == 0 else { return nil }
    return "of \(active) good bands none is lost at a ratio of \(PlainNumber.exact(ratio))"
  }

  /// How many of some bands are lost. The small term keeps products such as 0.3 · 10 from falling below the whole number that they
  /// are.
  private func lost(of active: Int) -> Int { Int(clamping: ratio * Double(active) + 1e-9) }

  public func draw(_ target: DegradationTarget) -> Drawn {
    let active = target.active.indices.filter { target.active[$0] }
    var random = NoiseStream.bands.random(target.seed)
    let bands = random.distinct(lost(of: active.count), below: active.count).map { active[$0] }.sorted()
    return Drawn(bands: bands, ratio: ratio, lost: isZero ? Float(target.range.low) : .nan)
  }
}
