import CKernels
import Foundation
import HSICore
import HSINumerics

/// A formula of band values, such as `(b800-b670)/(b800+b670)`.
///
/// `b800` (or `R800`) is the value at 800 nm. There are numbers, `+ - * / ^`, parentheses, and `sqrt log exp abs min max`; log is the natural
/// one. `^` binds before a minus sign in front and from right to left. What is no such formula is refused with its place; nesting and
/// length are bounded. Computed in double precision.
///
/// ```swift
/// let formula = try IndexFormula("(b800-b670)/(b800+b670)")
/// formula.bands                        // [800, 670]
/// try formula.evaluate([0.5, 0.1])     // 0.666…
/// ```
public struct IndexFormula: Sendable, Hashable {
  /// As it was given.
  public let text: String
  /// The wavelengths that it names in nm, each once, in order.
  public let bands: [Double]

  struct Step: Sendable, Hashable {
    var operation: UInt32
    var index = 0
    var value = 0.0
  }

  /// In reverse Polish order.
  let steps: [Step]
  /// Values that wait at most at a time.
  let depth: Int

  /// Longest text.
  public static let longest = 4096

  /// Reads a formula.
  ///
  /// - Throws: `SpectralError.formula` with the 1-based place of what is wrong.
  public init(_ text: String) throws {
    var parser = FormulaParser(text)
    try parser.parse()
    self.text = text
    (bands, steps) = (parser.bands, parser.steps)
    var (waiting, most) = (0, 0)
    for step in steps {
      waiting += FormulaParser.gain(step.operation)
      most = max(most, waiting)
    }
    depth = most
  }

  /// The value for one value per entry of `bands`; NaN where it is not finite.
  public func evaluate(_ values: [Double]) -> Double {
    precondition(values.count == bands.count, "\(values.count) values for \(bands.count) bands")
    var stack: [Double] = []
    func pop() -> Double { stack.removeLast() }
    for step in steps {
      switch hsi_formula_operation(step.operation) {
      case HSI_FORMULA_NUMBER: stack.append(step.value)
      case HSI_FORMULA_BAND: stack.append(values[step.index])
      case HSI_FORMULA_NEGATE: stack.append(-pop())
      case HSI_FORMULA_ROOT: stack.append(pop().squareRoot())
      case HSI_FORMULA_LOGARITHM: stack.append(log(pop()))
      case HSI_FORMULA_EXPONENTIAL: stack.append(exp(pop()))
      case HSI_FORMULA_ABSOLUTE: stack.append(abs(pop()))
      default:
        let b = pop()
        let a = pop()
        switch hsi_formula_operation(step.operation) {
        case HSI_FORMULA_ADD: stack.append(a + b)
        case HSI_FORMULA_SUBTRACT: stack.append(a - b)
        case HSI_FORMULA_MULTIPLY: stack.append(a * b)
        case HSI_FORMULA_DIVIDE: stack.append(a / b)
        case HSI_FORMULA_POWER: stack.append(pow(a, b))
        case HSI_FORMULA_MINIMUM: stack.append(a <= b ? a : b)
        default: stack.append(a >= b ? a : b)
        }
      }
    }
    let value = stack.last ?? .nan
    return value.isFinite ? value : .nan
  }

  /// Whether multiplying all bands by one factor multiplies the value by a power of it, as in ratios, sums and products of bands: then it
  /// does not matter for the picture whether they are reflectances from 0 to 1. Tried on several values.
  public var isHomogeneous: Bool {
    var power: Double?
    for trial in 0..<6 {
      var random = CounterRandom(seed: 0x1DEA, stream: UInt64(trial))
      let values = bands.map { _ in random.uniform(0.05, 0.6) }
      let (a, b) = (evaluate(values), evaluate(values.map { $0 * 1.5 }))
      guard a.isFinite, b.isFinite, abs(a) > 1e-12 else { continue }
      guard a * b > 0 else { return false }
      let found = log(b / a) / log(1.5)
      if let power, abs(found - power) > 1e-6 { return false }
      power = found
    }
    return true
  }

  /// The values of pixels: `columns` is pixels × `bands`, `output` has a value every `stride` floats.
  ///
  /// - Returns: how many are not finite (a division by 0, a root of a negative number …); they become NaN.
  @discardableResult
  public func apply(_ columns: PixelMatrix, into output: UnsafeMutablePointer<Float>, stride: Int) -> Int {
    let width = columns.columns
    precondition(width == bands.count, "\(width) columns for \(bands.count) bands")
    let list = steps.map {
      hsi_formula_step(operation: Int32($0.operation), index: Int32($0.index), value: $0.value)
    }
    let (source, chunk, lanes) = (columns.pointer, 4096, Int(HSI_FORMULA_LANES))
    var found = [Int](repeating: 0, count: (columns.rows + chunk - 1) / chunk)
    found.withUnsafeMutableBufferPointer { found in
      guard let found = found.baseAddress else { return }
      Parallel.forEachChunk(of: columns.rows, chunk: chunk) { index, rows in
        withUnsafeTemporaryAllocation(of: Double.self, capacity: lanes * depth) { scratch in
          guard let scratch = scratch.baseAddress else { return }
          found[index] = hsi_formula(
            source + rows.lowerBound * width, width, rows.count, list, list.count, output + rows.lowerBound * stride,
            stride, scratch)
        }
      }
    }
    return found.reduce(0, +)
  }
}

/// Recursive descent, bounded.
struct FormulaParser {
  private let bytes: [UInt8]
  private let text: String
  private var at = 0
  private var nesting = 0
  private(set) var bands: [Double] = []
  private(set) var steps: [IndexFormula.Step] = []

  /// Deepest nesting, and most steps.
  private static let (deepest, most) = (48, 1024)
  /// Functions by name, with the number of their arguments.
  private static let functions: [String: (operation: hsi_formula_operation, arguments: Int)] = [
    "sqrt": (HSI_FORMULA_ROOT, 1), "log": (HSI_FORMULA_LOGARITHM, 1), "exp": (HSI_FORMULA_EXPONENTIAL, 1),
    "abs": (HSI_FORMULA_ABSOLUTE, 1), "min": (HSI_FORMULA_MINIMUM, 2), "max": (HSI_FORMULA_MAXIMUM, 2),
  ]

  init(_ text: String) {
    self.text = text
    bytes = Array(text.utf8)
  }

  /// By how much the stack grows.
  static func gain(_ operation: UInt32) -> Int {
    switch hsi_formula_operation(operation) {
    case HSI_FORMULA_NUMBER, HSI_FORMULA_BAND: 1
    case HSI_FORMULA_NEGATE, HSI_FORMULA_ROOT, HSI_FORMULA_LOGARITHM, HSI_FORMULA_EXPONENTIAL, HSI_FORMULA_ABSOLUTE: 0
    default: -1
    }
  }

  private func wrong(_ reason: String, at place: Int? = nil) -> SpectralError {
    .formula(text: String(text.prefix(80)), position: (place ?? at) + 1, reason: reason)
  }

  mutating func parse() throws {
    guard bytes.count <= IndexFormula.longest else {
      throw wrong("it is longer than \(IndexFormula.longest) characters", at: 0)
    }
    try sum()
    skip()
    guard at == bytes.count else { throw wrong("there is \(shown) where an operation should be") }
    guard !bands.isEmpty else { throw wrong("it names no band; b800 is the value at 800 nm", at: 0) }
  }

  private mutating func skip() { while at < bytes.count, bytes[at] == 32 || bytes[at] == 9 { at += 1 } }

  /// The next character as it is shown in messages.
  private var shown: String {
    guard at < bytes.count else { return "nothing" }
    let rest = String(decoding: bytes[at...], as: UTF8.self)
    return rest.first.map { "'\($0)'" } ?? "nothing"
  }

  private mutating func take(_ character: Character) -> Bool {
    skip()
    guard at < bytes.count, bytes[at] == character.asciiValue else { return false }
    at += 1
    return true
  }

  private mutating func add(_ operation: hsi_formula_operation, index: Int = 0, value: Double = 0) throws {
    guard steps.count < FormulaParser.most else { throw wrong("it has more than \(FormulaParser.most) parts") }
    steps.append(.init(operation: UInt32(operation.rawValue), index: index, value: value))
  }

  private mutating func nested(_ body: (inout FormulaParser) throws -> Void) throws {
    nesting += 1
    guard nesting <= FormulaParser.deepest else { throw wrong("it is nested more than \(FormulaParser.deepest) deep") }
    try body(&self)
    nesting -= 1
  }

  private mutating func sum() throws {
    try product()
    while true {
      if take("+") {
        try product()
        try add(HSI_FORMULA_ADD)
      } else if take("-") {
        try product()
        try add(HSI_FORMULA_SUBTRACT)
      } else {
        return
      }
    }
  }

  private mutating func product() throws {
    try signed()
    while true {
      if take("*") {
        try signed()
        try add(HSI_FORMULA_MULTIPLY)
      } else if take("/") {
        try signed()
        try add(HSI_FORMULA_DIVIDE)
      } else {
        return
      }
    }
  }

  private mutating func signed() throws {
    if take("-") {
      try nested { try $0.signed() }
      try add(HSI_FORMULA_NEGATE)
    } else if take("+") {
      try nested { try $0.signed() }
    } else {
      try power()
    }
  }

  private mutating func power() throws {
    try value()
    guard take("^") else { return }
    try nested { try $0.signed() }
    try add(HSI_FORMULA_POWER)
  }

  private mutating func value() throws {
    if take("(") {
      try nested { try $0.sum() }
      guard take(")") else { throw wrong("there is \(shown) where a ')' should be") }
      return
    }
    skip()
    guard at < bytes.count else { throw wrong("it ends where a value should be") }
    let start = at
    if isDigit(bytes[at]) || bytes[at] == 46 {
      guard let number = number(), number.isFinite else { throw wrong("this is no number", at: start) }
      return try add(HSI_FORMULA_NUMBER, value: number)
    }
    guard isLetter(bytes[at]) else { throw wrong("there is \(shown) where a value should be") }
    while at < bytes.count, isLetter(bytes[at]) { at += 1 }
    let word = String(decoding: bytes[start..<at], as: UTF8.self).lowercased()
    if ["b", "r"].contains(word) {
      let place = at
      guard at < bytes.count, isDigit(bytes[at]), let wavelength = number(exponents: false) else {
        throw wrong("a band is a b and its wavelength in nm, as in b800", at: place)
      }
      guard (100...100_000).contains(wavelength) else {
        throw wrong("bands are named by wavelengths from 100 to 100000 nm, not by numbers", at: start)
      }
      let index = bands.firstIndex(of: wavelength) ?? bands.count
      if index == bands.count { bands.append(wavelength) }
      return try add(HSI_FORMULA_BAND, index: index)
    }
    guard let function = FormulaParser.functions[word] else {
      let known = FormulaParser.functions.keys.sorted()
      throw wrong("\(word.prefix(20)) is no function; known: \(known.joined(separator: " "))", at: start)
    }
    guard take("(") else { throw wrong("there is \(shown) where the '(' of \(word) should be") }
    for argument in 0..<function.arguments {
      if argument > 0, !take(",") { throw wrong("\(word) has \(function.arguments) values, separated by a comma") }
      try nested { try $0.sum() }
    }
    guard take(")") else { throw wrong("there is \(shown) where the ')' of \(word) should be") }
    try add(function.operation)
  }

  private func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
  private func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) || (97...122).contains(byte) }

  /// A number from here on.
  private mutating func number(exponents: Bool = true) -> Double? {
    let start = at
    while at < bytes.count, isDigit(bytes[at]) { at += 1 }
    if at < bytes.count, bytes[at] == 46 {
      at += 1
      while at < bytes.count, isDigit(bytes[at]) { at += 1 }
    }
    if exponents, at + 1 < bytes.count, bytes[at] == 101 || bytes[at] == 69 {
      var end = at + 1
      if bytes[end] == 43 || bytes[end] == 45 { end += 1 }
      if end < bytes.count, isDigit(bytes[end]) {
        while end < bytes.count, isDigit(bytes[end]) { end += 1 }
        at = end
      }
    }
    return Double(String(decoding: bytes[start..<at], as: UTF8.self))
  }
}
