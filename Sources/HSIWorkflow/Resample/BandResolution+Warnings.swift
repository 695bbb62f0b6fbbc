import HSICore
import HSIReport
import HSISpectral

extension BandResolution {
  /// One line about what is left out, and one about what is interpolated.
  ///
  /// - Parameter owner: whose bands they are made of: `the scene`.
  func warn(_ target: ResampleTarget, owner: String, interpolates: Bool, _ context: RunContext) {
    func list(_ bands: [Int]) -> String {
      let isNamed = bands.allSatisfy { !target.bandNames[$0].isEmpty }
      return isNamed && bands.count <= 12
        ? bands.map { target.bandNames[$0] }.joined(separator: ", ")
        : "bands " + ChannelQuality.ranges(bands.map { $0 + 1 })
    }
    if !uncovered.isEmpty {
      context.warn(
        "W-BANDS-UNCOVERED",
        "\(uncovered.count) bands of \(target.name) are left out: the good bands of \(owner) do not cover them, or they "
          + "carry no signal (\(list(uncovered)))")
    }
    if !unresolved.isEmpty {
      context.warn(
        "W-BANDS-UNRESOLVED",
        interpolates
          ? "\(unresolved.count) bands of \(target.name) are narrower than those of \(owner) and interpolated "
            + "(\(list(unresolved)))"
          : "\(unresolved.count) bands of \(target.name) are left out: they are narrower than those of \(owner), "
            + "\(list(unresolved)) (\(option: "interpolate") makes them)")
    }
  }
}
