import HSIClassification
import HSICore
import HSIRaster
import HSIReport

/// Makes a raster of classes from abundances: the largest one where it is large enough, no class elsewhere.
public struct SimulateLabelsJob: Sendable {
  /// Abundances, one band each; classes are numbered from 1 in their order and named after them.
  public var abundances: String
  /// The raster of classes.
  public var output: String
  /// Least abundance of a pixel that has a class, above 0 and at most 1.
  public var purity = 0.7
  /// How the raster is written.
  public var writing = RasterWriting()

  /// Classes of abundances.
  public init(abundances: String, output: String) {
    self.abundances = abundances
    self.output = output
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening and writing.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let opened = try SceneRequest(abundances).open(context)
    let reader = opened.reader
    guard reader.shape.bands >= 2, reader.shape.bands <= ClassTable.limit else {
      throw RasterError.inconsistent(
        path: abundances, reason: "it has \(reader.shape.bands) bands", advice: "pass abundances of 2 materials or more"
      )
    }
    var plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(opened.files)
    try plan.writeRaster(output, writing)
    try plan.check()
    let scene = try opened.source(bands: .good, context).load(context)
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
      entries: names.enumerated().map { ClassEntry(name: $1, colour: ClassRaster.palette($0)) })
    let files = try ClassRaster.write(
      { Float(ids[$0]) }, lines: reader.shape.lines, samples: reader.shape.samples, classes: classes.byValue,
      type: classes.sampleType, name: "class", like: reader.metadata,
      summary: "hsi simulate labels: largest abundance, at least \(purity)", to: output,
      options: writing.options(inputs: plan.protected), context)
    return JobResult(outputs: files.map { ReportOutput(path: $0, content: "classes") })
  }
}
