import ArgumentParser
import HSIKit

/// `hsi simulate labels`.
struct SimulateLabelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "labels",
    abstract: "Make a raster of classes from abundances: the largest one where it is large enough.",
    discussion: """
      A pixel has the class of its largest abundance where that reaches --purity, and no class elsewhere. Classes are \
      numbered from 1 in the order of the abundance bands and named after them.

      Examples:
        hsi simulate labels scene_abundances.dat labels.dat --purity 0.7
      """)

  @Argument(help: "Abundances, one band each.")
  var abundances: String

  @Argument(help: "The raster of classes to write (GeoTIFF, or by extension or --of).")
  var destination: String

  @Option(help: "Least abundance of a pixel that has a class, above 0.")
  var purity = 0.7

  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    guard purity > 0, purity <= 1 else {
      throw CoreError.invalidParameter(name: "--purity", value: "\(purity)", requirement: "above 0 and at most 1")
    }
    let reader = try RasterFormats.open(abundances, context: context)
    guard reader.shape.bands >= 2, reader.shape.bands <= ClassTable.limit else {
      throw RasterError.inconsistent(
        path: abundances, reason: "it has \(reader.shape.bands) bands", advice: "pass abundances of 2 materials or more")
    }
    let scene = try FileSource(reader, SelectionOptions(), context: context).load(context)
    var ids = [UInt16](repeating: 0, count: reader.shape.pixels)
    for (n, place) in scene.positions.enumerated() {
      let row = scene.pixels.row(n)
      var best = 0
      for k in 1..<row.count where row[k] > row[best] { best = k }
      if Double(row[best]) >= purity { ids[Int(place)] = UInt16(best + 1) }
    }
    let names = (0..<reader.shape.bands).map { band -> String in
      let name = reader.metadata.bandNames.indices.contains(band) ? reader.metadata.bandNames[band] : ""
      let plain = name.replacing(/^abundance: */, with: "")
      return plain.isEmpty ? "class \(band + 1)" : plain
    }
    let classes = ClassTable(
      values: (1...reader.shape.bands).map { UInt16($0) },
      entries: names.enumerated().map { ClassEntry(name: $1, colour: LabelReading.palette($0)) })
    _ = try context.writeClasses(
      { Float(ids[$0]) }, lines: reader.shape.lines, samples: reader.shape.samples, classes: classes.byValue,
      type: classes.sampleType, name: "class", like: reader.metadata,
      summary: "hsi simulate labels: largest abundance, at least \(purity)", to: destination,
      options: try output.library(inputs: reader.files))
  }
}
