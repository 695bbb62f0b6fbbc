import HSICore

/// The classes of a label raster: their values in the raster, names and colours. Background (0) is not one of them.
///
/// A class is known by its 0-based index in computations and by its value in rasters; values may have gaps.
public struct ClassTable: Sendable, Hashable, Codable {
  /// Values in rasters, ascending, none of them 0.
  public let values: [UInt16]
  /// Name and colour of each.
  public let entries: [ClassEntry]

  /// Largest number of classes.
  public static let limit = 4096

  /// Classes; as many values as entries, ascending from 1.
  public init(values: [UInt16], entries: [ClassEntry]) {
    precondition(values.count == entries.count && values.first != 0)
    self.values = values
    self.entries = entries
  }

  /// The classes of some values, with the names and colours that a raster gives (by value), or `class 7` and a colour
  /// of the palette.
  ///
  /// Colours of the raster are used when they tell the classes apart, that is when not all of them are the same.
  public init(values: some Sequence<UInt16>, known: [ClassEntry]?, palette: (Int) -> [UInt8]) {
    let sorted = Set(values).subtracting([0]).sorted()
    func given(_ value: UInt16) -> ClassEntry? {
      known.flatMap { Int(value) < $0.count ? $0[Int(value)] : nil }
    }
    let colours = sorted.compactMap { given($0)?.colour }.filter { $0.count == 3 }
    let hasColours =
      colours.count == sorted.count && (Set(colours).count > 1 || (sorted.count == 1 && colours[0] != [0, 0, 0]))
    self.init(
      values: sorted,
      entries: sorted.enumerated().map { index, value in
        let entry = given(value)
        let name = entry?.name.trimmingPrefix(while: \.isWhitespace) ?? ""
        return ClassEntry(
          name: name.isEmpty ? "class \(value)" : String(name),
          colour: hasColours ? entry?.colour ?? palette(index) : palette(index))
      })
  }

  /// `class grass`, or `class 7` where that is the name.
  static func title(_ name: String) -> String { name.contains("class") ? name : "class \(name)" }

  /// Number of classes.
  public var count: Int { values.count }
  /// Names in order.
  public var names: [String] { entries.map(\.name) }

  /// The index of a value; nil for values that are no class.
  public func index(of value: UInt16) -> Int? {
    var (low, high) = (0, values.count)
    while low < high {
      let middle = (low + high) / 2
      if values[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low < values.count && values[low] == value ? low : nil
  }

  /// Names and colours by value, as a class raster holds them: 0 is `Unclassified` in black, values between the classes
  /// are unnamed.
  public var byValue: [ClassEntry] {
    var list = [ClassEntry](
      repeating: ClassEntry(name: "unused", colour: [0, 0, 0]), count: Int(values.last ?? 0) + 1)
    list[0] = ClassEntry(name: "Unclassified", colour: [0, 0, 0])
    for (value, entry) in zip(values, entries) { list[Int(value)] = entry }
    return list
  }

  /// The type of a raster of these classes: one byte up to value 255, else two.
  public var sampleType: SampleType { (values.last ?? 0) <= 255 ? .uint8 : .uint16 }

  /// All classes of two tables; those of `self` decide about names and colours.
  public func union(_ other: ClassTable) -> ClassTable {
    let all = Set(values).union(other.values).sorted()
    return ClassTable(
      values: all,
      entries: all.map { value in
        if let index = index(of: value) { return entries[index] }
        return other.index(of: value).map { other.entries[$0] }
          ?? ClassEntry(name: "class \(value)", colour: [0, 0, 0])
      })
  }
}
