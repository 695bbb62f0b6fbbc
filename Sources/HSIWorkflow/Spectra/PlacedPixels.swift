import HSICore
import HSIRaster

/// Groups of pixels of a scene by pixel, polygon or class, and the means of their spectra.
struct PlacedPixels {
  /// The pixels of one spectrum, or of one mean.
  struct Group {
    var name: String
    /// Places in the file, ascending.
    var places: [Int]
  }

  /// In the order in which they were named.
  var groups: [Group]

  /// The groups of pixels that are meant.
  ///
  /// - Throws: `CoreError.invalidParameter` for pixels outside the part that is used; the errors of polygons and labels.
  init(_ places: ExtractSpectraJob.Places, in opened: OpenScene, _ context: RunContext) throws {
    let shape = opened.reader.shape
    let window = try opened.window()
    switch places {
    case .pixels(let positions):
      groups = try positions.map { pixel in
        let isInside =
          (window.line..<(window.line + window.lines)).contains(pixel.line)
          && (window.sample..<(window.sample + window.samples)).contains(pixel.sample)
        guard isInside else {
          throw CoreError.invalidParameter(
            name: "\(option: "pixel")", value: "\(pixel.sample),\(pixel.line)",
            requirement: "inside the image of \(shape.samples) samples × \(shape.lines) lines"
              + (window == shape.window ? "" : " and its \(option: "window")"))
        }
        return Group(name: pixel.title, places: [pixel.line * shape.samples + pixel.sample])
      }
    case .polygons(let path, let attribute):
      let vectors = try VectorFeatures(path, attribute: attribute, on: opened.reader, context)
      let repeated = Dictionary(grouping: vectors.features.compactMap(\.text)) { $0 }.filter { $1.count > 1 }
      var seen: [String: Int] = [:]
      groups = vectors.features.compactMap { feature in
        var name = "polygon \(feature.number)"
        if let text = feature.text {
          seen[text, default: 0] += 1
          name = repeated[text] == nil ? text : "\(text) \(seen[text] ?? 1)"
        }
        return feature.places.isEmpty ? nil : Group(name: name, places: feature.places)
      }
    case .classes(let request):
      let labels = try request.read(on: opened.reader, context).aligned(
        to: opened.reader, window: shape.window, context)
      var groups = labels.classes.names.map { Group(name: $0, places: []) }
      for (place, index) in labels.indices.enumerated() where index >= 0 {
        groups[Int(index)].places.append(place)
      }
      self.groups = groups
    }
  }

  /// Adds up the spectra of all groups.
  ///
  /// - Parameter samples: pixels in a line of the file.
  func measure(
    _ source: FileSource, samples: Int, _ context: RunContext
  ) throws -> GroupStatistics {
    // A pixel may belong to several polygons.
    var members = groups.indices.flatMap { index in groups[index].places.map { (place: $0, group: Int32(index)) } }
    members.sort { ($0.place, $0.group) < ($1.place, $1.group) }
    var statistics = GroupStatistics(groups: groups.count, bands: source.shape.bands)
    let window = source.window
    var next = 0
    let strip = Strip()
    let pieces = PlacedPixels.pieces(members.map { $0.place / samples - window.line }, source, context)
    for (index, lines) in pieces.enumerated() {
      try context.checkCancellation()
      context.progress.report(phase: "spectra", fraction: Double(index) / Double(pieces.count))
      try source.read(lines: lines, into: strip)
      for (row, position) in strip.positions.enumerated() {
        let line = window.line + strip.window.line + Int(position) / window.samples
        let place = line * samples + window.sample + Int(position) % window.samples
        while next < members.count, members[next].place < place { next += 1 }
        while next < members.count, members[next].place == place {
          statistics.add(strip.pixels.row(row), to: Int(members[next].group))
          next += 1
        }
      }
    }
    context.progress.report(phase: "spectra", fraction: 1)
    return statistics
  }

  /// The lines to read, in strips: a single pixel of a large scene costs a few lines.
  ///
  /// - Parameter wanted: lines of the window, ascending; those outside do not count.
  private static func pieces(_ wanted: [Int], _ source: FileSource, _ context: RunContext) -> [Range<Int>] {
    let (height, block) = (source.stripLines(context.memory), max(1, source.blockLines))
    var pieces: [Range<Int>] = []
    for line in wanted where (0..<source.shape.lines).contains(line) {
      if let last = pieces.last, line < last.upperBound { continue }
      if let last = pieces.last, line - last.upperBound < block, line + 1 - last.lowerBound <= height {
        pieces[pieces.count - 1] = last.lowerBound..<(line + 1)
      } else {
        pieces.append(line..<(line + 1))
      }
    }
    return pieces
  }
}

extension PixelPosition {
  /// `x12 y34`, without the commas that separate names in libraries.
  var title: String { "x\(sample) y\(line)" }
}
