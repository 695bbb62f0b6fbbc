import HSICore

/// Which class each pixel of an image has: 0 means none.
public struct LabelMap: Sendable, Equatable {
  /// Image rows.
  public let lines: Int
  /// Image columns.
  public let samples: Int
  /// Value of every pixel, row-major; 0 where it has no class.
  public private(set) var ids: [UInt16]
  /// The classes that occur.
  public private(set) var classes: ClassTable

  /// A map of values; as many as pixels.
  ///
  /// - Parameters:
  ///   - known: names and colours by value, where the raster has some.
  ///   - palette: colour of class `index` where it has none.
  public init(
    lines: Int, samples: Int, ids: [UInt16], known: [ClassEntry]? = nil, palette: (Int) -> [UInt8] = LabelMap.grey
  ) {
    precondition(ids.count == lines * samples)
    self.lines = lines
    self.samples = samples
    self.ids = ids
    classes = ClassTable(values: ids, known: known, palette: palette)
  }

  /// A map of the values of one band, as they come from a file.
  ///
  /// - Parameters:
  ///   - values: of the valid pixels; whole numbers from 0 to 65535, whatever type they are stored in.
  ///   - positions: places of the valid pixels, row-major. All others have no class.
  ///   - path: for messages.
  /// - Throws: `ClassificationError.badLabels` for negative, fractional and too large values and too many classes,
  ///   `.noLabels` when all pixels are background.
  public init(
    lines: Int, samples: Int, values: UnsafeBufferPointer<Float>, positions: [Int32], known: [ClassEntry]? = nil,
    path: String, palette: (Int) -> [UInt8] = LabelMap.grey
  ) throws {
    precondition(values.count == positions.count)
    var ids = [UInt16](repeating: 0, count: lines * samples)
    for (value, place) in zip(values, positions) {
      guard value == value.rounded() else {
        throw LabelMap.refusal(
          path, value, place, samples, "class numbers are whole",
          "pass a raster of classes, not of probabilities or abundances")
      }
      guard value >= 0 else {
        throw LabelMap.refusal(
          path, value, place, samples, "class numbers are not negative",
          "name the value of unlabelled pixels with \(option: "label nodata")")
      }
      guard value <= 65535 else {
        throw LabelMap.refusal(path, value, place, samples, "class numbers reach 65535", "renumber the classes")
      }
      ids[Int(place)] = UInt16(value)
    }
    self.init(lines: lines, samples: samples, ids: ids, known: known, palette: palette)
    guard classes.count > 0 else { throw ClassificationError.noLabels(path: path) }
    guard classes.count <= ClassTable.limit else {
      throw ClassificationError.badLabels(
        path: path, reason: "it holds \(classes.count) different values",
        advice: "at most \(ClassTable.limit) classes are possible; pass a raster of classes")
    }
  }

  /// Colours of a map that has none and is not shown.
  public static func grey(_ index: Int) -> [UInt8] {
    let level = UInt8(64 + index * 37 % 160)
    return [level, level, level]
  }

  /// Pixels of each class, in the order of `classes`.
  public var counts: [Int] {
    var counts = [Int](repeating: 0, count: classes.count)
    for id in ids where id != 0 { if let index = classes.index(of: id) { counts[index] += 1 } }
    return counts
  }

  /// Number of pixels with a class.
  public var labelled: Int { ids.reduce(0) { $0 + ($1 == 0 ? 0 : 1) } }

  /// The class of every pixel as an index, −1 for none.
  public var indices: [Int32] {
    var lookup = [Int32](repeating: -1, count: 65536)
    for (index, value) in classes.values.enumerated() { lookup[Int(value)] = Int32(index) }
    return ids.map { lookup[Int($0)] }
  }

  /// The same map without the classes of pixels outside `places`, row-major and ascending; classes that lose all pixels
  /// stay in the list.
  public func restricted(to places: [Int32]) -> LabelMap {
    var result = self
    var kept = [UInt16](repeating: 0, count: ids.count)
    for place in places { kept[Int(place)] = ids[Int(place)] }
    result.ids = kept
    return result
  }

  /// True within `radius` (Chebyshev) of a pixel that has a class.
  public func neighbourhood(radius: Int) -> [Bool] {
    Neighbourhood.dilated(ids.map { $0 != 0 }, lines: lines, samples: samples, radius: radius)
  }

  /// The map with only those classes that have pixels.
  public var droppingEmptyClasses: LabelMap {
    let counts = counts
    let kept = classes.values.indices.filter { counts[$0] > 0 }
    if kept.count == classes.count { return self }
    return with(ClassTable(values: kept.map { classes.values[$0] }, entries: kept.map { classes.entries[$0] }))
  }

  /// The part inside a window of the image.
  public func cropped(to window: PixelWindow) -> LabelMap {
    if window.pixels == ids.count { return self }
    var part: [UInt16] = []
    part.reserveCapacity(window.pixels)
    for line in window.line..<(window.line + window.lines) {
      let start = line * samples + window.sample
      part += ids[start..<(start + window.samples)]
    }
    var result = LabelMap(lines: window.lines, samples: window.samples, ids: part)
    result.classes = classes
    return result
  }

  /// The same pixels with another list of classes, which holds all that occur.
  public func with(_ classes: ClassTable) -> LabelMap {
    var result = self
    result.classes = classes
    return result
  }

  /// The map on the pixels of another grid of the same reference system: each takes the value of the pixel that its
  /// centre lies in, 0 outside.
  ///
  /// - Parameters:
  ///   - own: the six numbers of this map (`x = t₀ + t₁·sample + t₂·line`, `y = t₃ + t₄·sample + t₅·line`).
  ///   - target: those of the other grid.
  /// - Returns: nil when a transform cannot be inverted or no labelled pixel lies in the other grid.
  public func resampled(from own: [Double], to target: [Double], lines: Int, samples: Int) -> LabelMap? {
    let determinant = own[1] * own[5] - own[2] * own[4]
    guard determinant != 0, determinant.isFinite else { return nil }
    var moved = [UInt16](repeating: 0, count: lines * samples)
    for line in 0..<lines {
      for sample in 0..<samples {
        let (p, q) = (Double(sample) + 0.5, Double(line) + 0.5)
        let x = target[0] + target[1] * p + target[2] * q - own[0]
        let y = target[3] + target[4] * p + target[5] * q - own[3]
        // A centre on the border between two pixels belongs to the later one, whatever the rounding.
        let column = ((own[5] * x - own[2] * y) / determinant + 1e-6).rounded(.down)
        let row = ((own[1] * y - own[4] * x) / determinant + 1e-6).rounded(.down)
        guard column >= 0, row >= 0, column < Double(self.samples), row < Double(self.lines) else { continue }
        moved[line * samples + sample] = ids[Int(row) * self.samples + Int(column)]
      }
    }
    guard moved.contains(where: { $0 != 0 }) else { return nil }
    var result = LabelMap(lines: lines, samples: samples, ids: moved)
    result.classes = classes
    return result
  }

  private static func refusal(
    _ path: String, _ value: Float, _ place: Int32, _ samples: Int, _ rule: String, _ advice: String
  ) -> ClassificationError {
    .badLabels(
      path: path,
      reason: "line \(Int(place) / samples), sample \(Int(place) % samples) is \(value) but \(rule)", advice: advice)
  }
}
