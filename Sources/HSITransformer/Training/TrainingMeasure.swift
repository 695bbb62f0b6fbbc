import Foundation

/// What a training is judged by, for people.
public struct TrainingMeasure: Sendable, Hashable {
  /// Such as `MPSNR`.
  public var name: String
  /// Such as `dB`; nil for plain numbers.
  public var unit: String?
  /// Decimal places that mean something.
  public var digits: Int

  /// A measure.
  public init(name: String, unit: String? = nil, digits: Int) {
    self.name = name
    self.unit = unit
    self.digits = digits
  }

  /// A value with its unit.
  public func text(_ value: Double) -> String {
    String(format: "%.\(digits)f", value) + (unit.map { " " + $0 } ?? "")
  }
}
