import ArgumentParser
import HSIKit

/// How a raster of classes is opened.
struct LabelOptions: ParsableArguments {
  @Option(help: "Array of the label file (MATLAB variable, HDF5 path).")
  var labelVar: String?

  @Option(help: "Value of pixels without a class in label files, beside 0 and the file's own no-data value.")
  var labelNodata: String?
}

/// Rasters of classes and splits, as they come from files.
struct LabelReading {
  /// Array of the label file.
  let variable: String?
  /// Value of pixels without a class.
  let nodata: String?
  let context: RunContext

  /// How labels are read; maps of hsi need no options.
  init(_ options: LabelOptions? = nil, context: RunContext) {
    variable = options?.labelVar
    nodata = options?.labelNodata
    self.context = context
  }

  /// A raster of classes and the open file.
  struct File {
    var labels: LabelMap
    let reader: any CubeReader
  }

  /// The classes in a file of any format that hsi reads.
  ///
  /// - Throws: the errors of opening; `ClassificationError.badLabels`, `.noLabels`; `CoreError.memory`.
  func read(_ path: String) throws -> File {
    let (reader, cube) = try band(of: path, variable: variable, nodata: try nodataValue())
    let labels = try LabelMap(
      lines: reader.shape.lines, samples: reader.shape.samples,
      values: UnsafeBufferPointer(start: cube.pixels.pointer, count: cube.count), positions: cube.positions,
      known: reader.metadata.classes, path: path, palette: LabelReading.palette)
    return File(labels: labels, reader: reader)
  }

  /// The classes of a file on the pixels of a scene: as they are where size and position agree, by nearest neighbour
  /// (`W-LABELS-GRID`) where only the pixels differ.
  ///
  /// - Throws: `ClassificationError.grid` where the two cannot be related.
  func read(_ path: String, for scene: any CubeReader, window: PixelWindow) throws -> (labels: LabelMap, files: [String]) {
    let file = try read(path)
    let labels = try aligned(file, path, scene)
    return (labels.cropped(to: window), file.reader.files)
  }

  private func aligned(_ file: File, _ path: String, _ scene: any CubeReader) throws -> LabelMap {
    let (own, shape) = (file.labels, scene.shape)
    let sizes =
      "it has \(own.lines) lines × \(own.samples) samples but the scene \(shape.lines) × \(shape.samples)"
    switch GridComparison.compare(
      file.reader.metadata.georeference, own.lines, own.samples, to: scene.metadata.georeference, shape)
    {
    case .same: return own
    case .unrelated:
      throw ClassificationError.grid(
        path: path, reason: sizes + ", and they have no georeference by which one could be brought to the other",
        advice: "pass labels of the size of the scene")
    case .otherSystem:
      throw ClassificationError.grid(
        path: path, reason: "its reference system differs from that of the scene",
        advice: "reproject the labels to the scene first (gdalwarp -r near -t_srs …)")
    case .other(let from, let to):
      guard let moved = own.resampled(from: from, to: to, lines: shape.lines, samples: shape.samples) else {
        throw ClassificationError.grid(
          path: path, reason: sizes + ", and no labelled pixel lies in the scene", advice: "check both georeferences")
      }
      context.warn(
        "W-LABELS-GRID",
        "\(path) lies on other pixels than the scene: \(moved.labelled) pixels of the scene take the class of the label "
          + "pixel that their centre lies in")
      return moved
    }
  }

  /// A split on the pixels of labels or a scene.
  ///
  /// - Throws: `ClassificationError.grid` for another size, `.badLabels` for values that are no role.
  func split(_ path: String, lines: Int, samples: Int, window: PixelWindow? = nil) throws -> (split: Split, files: [String]) {
    let (reader, cube) = try band(of: path, variable: nil, nodata: nil)
    guard (reader.shape.lines, reader.shape.samples) == (lines, samples) else {
      throw ClassificationError.grid(
        path: path,
        reason: "it has \(reader.shape.lines) lines × \(reader.shape.samples) samples but the labels \(lines) × \(samples)",
        advice: "make the split from these labels with hsi classify split")
    }
    var roles = [PixelRole](repeating: .none, count: lines * samples)
    for (row, place) in cube.positions.enumerated() {
      let value = cube.pixels[row, 0]
      guard value == value.rounded(), (0...4).contains(value), let role = PixelRole(rawValue: UInt8(value)) else {
        throw ClassificationError.badLabels(
          path: path, reason: "a split holds 0 to 4 but line \(Int(place) / samples), sample \(Int(place) % samples) is \(value)",
          advice: "pass a raster of hsi classify split")
      }
      roles[Int(place)] = role
    }
    let facts =
      reader.metadata.summary.flatMap { SplitFacts(parsing: $0) }
      ?? SplitFacts(scheme: "file", training: "given", validation: "given", guardRadius: 0, seed: 0)
    let whole = Split(lines: lines, samples: samples, roles: roles, facts: facts)
    return (window.map { whole.cropped(to: $0) } ?? whole, reader.files)
  }

  /// The values of a raster of one band.
  private func band(of path: String, variable: String?, nodata: OpenOptions.Nodata?) throws -> (any CubeReader, Cube) {
    var open = OpenOptions()
    open.variable = variable
    open.nodata = nodata
    open.isScaled = false
    let reader = try RasterFormats.open(path, options: open, context: context)
    guard reader.shape.bands == 1 else {
      throw ClassificationError.badLabels(
        path: path, reason: "it has \(reader.shape.bands) bands",
        advice: "pass a raster of one band (hsi convert FILE ONE.tif -b N takes one out), or name the array with --label-var")
    }
    let needed = reader.shape.pixels * 24
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(purpose: "holding the labels of \(path)", needed: needed, budget: context.memory.bytes)
    }
    var selection = SelectionOptions()
    selection.bands = .all
    var quiet = context
    quiet.progress = SilentProgress()
    return (reader, try FileSource(reader, selection, context: context).load(quiet))
  }

  private func nodataValue() throws -> OpenOptions.Nodata? {
    guard let text = nodata else { return nil }
    guard let value = OpenOptions.Nodata(text) else {
      throw CoreError.invalidParameter(name: "--label-nodata", value: text, requirement: "a number or none")
    }
    return value
  }

  /// Colours of classes that have none.
  static func palette(_ index: Int) -> [UInt8] {
    let colour = CategoricalPalette.colour(index)
    return [colour.red, colour.green, colour.blue]
  }
}

extension RunContext {
  /// Writes labels of known values as a raster of classes.
  func writeClasses(
    _ ids: (Int) -> Float, lines: Int, samples: Int, classes: [ClassEntry], type: SampleType, name: String,
    like metadata: CubeMetadata, summary: String?, to path: String, options: OutputOptions
  ) throws -> [String] {
    var described = metadata.replacingBands(names: [name], quantity: .class)
    described.classes = classes
    described.nodata = [0]
    described.summary = summary
    let writer = ResultWriter(
      try RasterFormats.create(
        path, shape: CubeShape(lines: lines, samples: samples, bands: 1), type: type, metadata: described,
        options: options, context: self), metadata: described)
    do {
      let row = PixelMatrix(rows: samples, columns: 1)
      let places = (0..<Int32(samples)).map { $0 }
      for line in 0..<lines {
        for sample in 0..<samples { row[sample, 0] = ids(line * samples + sample) }
        try writer.write(
          row, positions: places, window: PixelWindow(line: line, sample: 0, lines: 1, samples: samples))
      }
      return try writer.finish()
    } catch {
      writer.discard()
      throw error
    }
  }
}
