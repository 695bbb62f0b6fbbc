/// What a method is for. Rooms add their tasks as static members; `rawValue` is what files and the command line show.
public struct MethodTask: RawRepresentable, Hashable, Sendable, Codable {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }

  public init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(String.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}

extension MethodTask {
  /// Noise removal.
  public static let denoise = MethodTask(rawValue: "denoise")
  /// Classes of pixels.
  public static let classify = MethodTask(rawValue: "classify")
}
