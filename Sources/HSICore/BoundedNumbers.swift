/// Numbers that come from files and options may be anything. Conversions and products of them end at the limits of `Int` where
/// plain arithmetic would stop the program.
extension Int {
  /// The whole part of a number; the nearest limit beyond those of `Int`, 0 for NaN.
  public init(clamping value: Double) {
    if let whole = Int(exactly: value.rounded(.towardZero)) {
      self = whole
    } else {
      self = value.isNaN ? 0 : value < 0 ? .min : .max
    }
  }

  /// The whole part of a number; the nearest limit beyond those of `Int`, 0 for NaN.
  public init(clamping value: Float) { self.init(clamping: Double(value)) }

  /// The product of sizes, `Int.max` where it is larger; a factor below 0 counts as 0.
  ///
  /// Meant for numbers of bytes that are compared with a budget: what no `Int` holds fits into none.
  public static func product(_ factors: Int...) -> Int {
    guard factors.allSatisfy({ $0 > 0 }) else { return 0 }
    var result = 1
    for factor in factors {
      let (value, overflow) = result.multipliedReportingOverflow(by: factor)
      if overflow { return .max }
      result = value
    }
    return result
  }

  /// The sum of sizes, `Int.max` where it is larger; a term below 0 counts as 0.
  public static func sum(_ terms: Int...) -> Int {
    terms.reduce(0) { total, term in
      let (value, overflow) = total.addingReportingOverflow(Swift.max(0, term))
      return overflow ? .max : value
    }
  }
}

extension CubeShape {
  /// Bytes of all samples of a type, `Int.max` beyond what an `Int` holds.
  public func bytes(of type: SampleType) -> Int { .product(lines, samples, bands, type.size) }

  /// Whether sizes and working memory of so many samples can be reckoned with: 2⁵⁰ samples at most, which is beyond any disk.
  public var isCountable: Bool { Int.product(lines, samples, bands) <= 1 << 50 }
}
