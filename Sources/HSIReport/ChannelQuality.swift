import Foundation

/// The channel-quality list as files of its own.
public enum ChannelQuality {
  /// `band,wavelength_nm,fwhm_nm,used,quality` with one line per channel; unknown values are empty.
  public static func csv(_ channels: [SceneChannel]) -> Data {
    func text(_ value: Double?) -> String { value.map { $0.isFinite ? "\($0)" : "" } ?? "" }
    var lines = ["band,wavelength_nm,fwhm_nm,used,quality"]
    for channel in channels {
      lines.append(
        "\(channel.band),\(text(channel.wavelengthNm)),\(text(channel.fwhmNm)),\(channel.used ? 1 : 0),"
          + text(channel.quality))
    }
    return Data((lines.joined(separator: "\n") + "\n").utf8)
  }

  /// `{"version": …, "channels": [{"band": 1, "wavelength_nm": …, "used": true, "quality": …}, …]}`.
  public static func json(_ channels: [SceneChannel]) throws -> Data {
    struct List: Encodable {
      var version = UnmixingBody.currentVersion
      var channels: [SceneChannel]
    }
    return try ReportCoding.encode(List(channels: channels))
  }

  /// Numbers as a person lists them: `3, 104–113, 150`.
  public static func ranges(_ bands: [Int]) -> String {
    var parts: [String] = []
    var index = 0
    let sorted = bands.sorted()
    while index < sorted.count {
      var end = index
      while end + 1 < sorted.count, sorted[end + 1] == sorted[end] + 1 { end += 1 }
      switch end - index {
      case 0: parts.append("\(sorted[index])")
      case 1: parts += ["\(sorted[index])", "\(sorted[end])"]
      default: parts.append("\(sorted[index])–\(sorted[end])")
      }
      index = end + 1
    }
    return parts.joined(separator: ", ")
  }
}
