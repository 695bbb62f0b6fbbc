import HSIClassification
import HSICore
import HSIRaster
import HSIReport

/// Rasters of one band whose numbers are classes.
enum ClassRaster {
  /// Colours of classes that have none.
  static func palette(_ index: Int) -> [UInt8] {
    let colour = CategoricalPalette.colour(index)
    return [colour.red, colour.green, colour.blue]
  }

  /// The values of a raster of one band.
  static func band(
    of path: String, variable: String?, nodata: OpenOptions.Nodata?, _ context: RunContext
  ) throws -> (any CubeReader, Cube) {
    var open = OpenOptions()
    open.variable = variable
    open.nodata = nodata
    open.isScaled = false
    let reader = try RasterFormats.open(path, options: open, context: context)
    guard reader.shape.bands == 1 else {
      throw ClassificationError.badLabels(
        path: path, reason: "it has \(reader.shape.bands) bands",
        advice:
          "pass a raster of one band (hsi convert FILE ONE.tif \(option: "band list") N takes one out), or name the array with \(option: "label variable")"
      )
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

  /// Writes known values as a raster of classes.
  ///
  /// - Parameters:
  ///   - ids: the value of a pixel by its place, `line · samples + sample`; 0 is no data.
  ///   - classes: names and colours by value.
  ///   - metadata: of the scene or raster whose pixels these are.
  ///   - summary: what is written as the description of the file.
  static func write(
    _ ids: (Int) -> Float, lines: Int, samples: Int, classes: [ClassEntry], type: SampleType, name: String,
    like metadata: CubeMetadata, summary: String?, to path: String, options: OutputOptions, _ context: RunContext
  ) throws -> [String] {
    var described = metadata.replacingBands(names: [name], quantity: .class)
    described.classes = classes
    described.nodata = [0]
    described.summary = summary
    let writer = ResultWriter(
      try RasterFormats.create(
        path, shape: CubeShape(lines: lines, samples: samples, bands: 1), type: type, metadata: described,
        options: options, context: context), metadata: described)
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
