import CKernels

/// Many sums without rounding: each is a whole number of a common unit, kept as digits to the base 2³² (planes of doubles).
///
/// Adding and merging are exact, hence associative and commutative: no order and no division of the terms changes a bit of a total.
/// Memory: 8 bytes a digit; five digits or so for values of one kind.
final class ExactTotals {
  /// Number of totals.
  let count: Int
  /// Index of the first plane: its unit is 2^(32 · lowest).
  private(set) var lowest = 0
  /// Number of planes; the last one has the sign.
  private(set) var depth = 0
  private var planes: UnsafeMutablePointer<Double>
  /// Additions since digits were last carried.
  private var additions = 0

  /// Bits of a digit.
  private static let bits = Int(HSI_EXACT_PLANE)
  /// Additions after which digits are carried: 2²⁰ digits below 2³² stay below 2⁵³.
  private static let most = 1 << 20

  /// Totals of 0.
  init(count: Int) {
    self.count = count
    planes = .allocate(capacity: 1)
  }

  deinit { planes.deallocate() }

  /// Makes room for planes with the given indices, and one above for the sign.
  private func reserve(_ first: Int, _ last: Int) {
    let top = last + 1
    guard depth == 0 || first < lowest || top >= lowest + depth else { return }
    let low = depth == 0 ? first : min(first, lowest)
    let high = depth == 0 ? top : max(top, lowest + depth - 1)
    if depth > 0, high > lowest + depth - 1 { carry() }
    let wanted = high - low + 1
    let room = UnsafeMutablePointer<Double>.allocate(capacity: max(1, wanted * count))
    room.initialize(repeating: 0, count: wanted * count)
    if depth > 0 { (room + (lowest - low) * count).update(from: planes, count: depth * count) }
    planes.deallocate()
    (planes, lowest, depth) = (room, low, wanted)
    // What was the plane of the sign is one of digits now, if there is another above it.
    carry()
  }

  /// Room for terms that are multiples of 2^unit and below 2^top in magnitude.
  ///
  /// - Returns: the planes that they are added to, and whom to call.
  func add(
    unit: Int, top: Int,
    _ body: (_ planes: UnsafeMutablePointer<Double>, _ lowest: Int32, _ first: Int32, _ depth: Int32) -> Void
  ) {
    let first = ExactTotals.floor(unit)
    let last = max(first, ExactTotals.floor(top))
    reserve(first, last)
    additions += 1
    if additions >= ExactTotals.most { carry() }
    body(planes, Int32(lowest), Int32(first - lowest), Int32(last - first + 1))
  }

  private static func floor(_ exponent: Int) -> Int {
    exponent >= 0 ? exponent / bits : -((-exponent + bits - 1) / bits)
  }

  private func carry() {
    hsi_exact_carry(planes, depth, count, count)
    additions = 1
  }

  /// Adds the totals of another, which stays what it is.
  func merge(_ other: ExactTotals) {
    precondition(other.count == count, "\(other.count) totals for \(count)")
    guard other.depth > 0 else { return }
    other.carry()
    // The last plane of the other one holds signs and little else: that of this one will do for it.
    reserve(other.lowest, other.lowest + other.depth - 2)
    let target = planes + (other.lowest - lowest) * count
    for i in 0..<(other.depth * count) { target[i] += other.planes[i] }
    carry()
  }

  /// The totals, each as the sum of two doubles.
  func rounded() -> (high: [Double], low: [Double]) {
    var high = [Double](repeating: 0, count: count)
    var low = high
    if depth > 0 {
      carry()
      hsi_exact_round(planes, depth, count, count, Int32(lowest), &high, &low)
    }
    return (high, low)
  }

  // MARK: - As whole numbers

  /// The totals in two's complement: `words` of 64 bits each, the lowest first, all totals of a word one after the other, in units
  /// of 2^(64 · unit). As few words as there are for any total: equal totals have equal words.
  func words() -> (unit: Int, words: [[Int64]]) {
    guard depth > 0 else { return (0, []) }
    carry()
    // Whole words: an even plane first, and the sign in a plane of its own or above.
    let base = lowest >= 0 ? lowest / 2 : -((-lowest + 1) / 2)
    let last = lowest + depth - 1
    let end = last >= 0 ? last / 2 : -((-last + 1) / 2)
    var words: [[Int64]] = []
    for word in base...end {
      var values = [Int64](repeating: 0, count: count)
      let (low, high) = (2 * word - lowest, 2 * word + 1 - lowest)
      for i in 0..<count {
        // Above the last plane there is but the sign.
        let sign: Int64 = planes[(depth - 1) * count + i] < 0 ? -1 : 0
        func digit(_ k: Int) -> Int64 { k < 0 ? 0 : k < depth ? Int64(planes[k * count + i]) : sign }
        values[i] = digit(high) << 32 | (digit(low) & 0xFFFF_FFFF)
      }
      words.append(values)
    }
    while words.count > 1 {
      let (top, below) = (words[words.count - 1], words[words.count - 2])
      guard (0..<count).allSatisfy({ top[$0] == below[$0] >> 63 }) else { break }
      words.removeLast()
    }
    if words.count == 1, words[0].allSatisfy({ $0 == 0 }) { return (0, []) }
    let zeros = words.prefix { $0.allSatisfy { $0 == 0 } }.count
    return (base + zeros, Array(words.dropFirst(zeros)))
  }

  /// Totals from words; nil where there are too many, or not as many as totals.
  convenience init?(count: Int, unit: Int, words: [[Int64]]) {
    // What single precision can come to, and no more planes than kernels take.
    guard (-16...12).contains(unit), words.count <= 12 - unit, words.allSatisfy({ $0.count == count }) else {
      return nil
    }
    self.init(count: count)
    guard !words.isEmpty else { return }
    reserve(2 * unit, 2 * unit + 2 * words.count - 1)
    for (word, values) in words.enumerated() {
      let isTop = word == words.count - 1
      let low = planes + (2 * unit - lowest + 2 * word) * count
      for (i, value) in values.enumerated() {
        low[i] = Double(value & 0xFFFF_FFFF)
        low[count + i] = isTop ? Double(value >> 32) : Double((value >> 32) & 0xFFFF_FFFF)
      }
    }
    carry()
  }
}
