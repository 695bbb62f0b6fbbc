import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIUnmixing

/// Simulates a scene with exact abundances and endmembers beside it.
///
/// Writes OUT, STEM_abundances, STEM_endmembers (.sli, .hdr, .csv) and STEM_truth.json; the bytes depend on the recipe only.
public struct SimulateSceneJob: Sendable {
  /// What is simulated.
  public var recipe: SceneRecipe
  /// The scene.
  public var output: String
  /// Files that the recipe was made from, such as a spectral library.
  public var sources: [String] = []
  /// Type of the samples: `float32`, or `int16` or `uint16` scaled by 10000.
  public var type = SampleType.float32
  /// How rasters are written.
  public var writing = RasterWriting()

  /// A scene of a recipe.
  public init(recipe: SceneRecipe, output: String) {
    self.recipe = recipe
    self.output = output
  }

  /// Does the work.
  ///
  /// - Throws: `CoreError.invalidParameter`, the errors of writing.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let simulator = try SceneSimulator(recipe, cancellation: context.cancellation)
    guard [.float32, .int16, .uint16].contains(type) else {
      throw CoreError.invalidParameter(
        name: "\(option: "sample type")", value: type.rawValue, requirement: "float32, int16 or uint16")
    }
    let names = OutputStem(output)
    let (truthPath, mapPath, spectraPath) = (
      names.file("truth.json"), names.raster("abundances"), names.file("endmembers.sli")
    )
    var plan = OutputPlan(overwrites: writing.overwrites, context)
    plan.read(sources)
    for raster in [output, mapPath] { try plan.writeRaster(raster, writing) }
    for file in SpectraOutput.files(spectraPath) + [truthPath] { plan.write(file) }
    try plan.check()

    let shape = simulator.shape
    var metadata = simulator.metadata
    if type != .float32 {
      metadata.scale = [Double](repeating: 1e-4, count: shape.bands)
      metadata.nodata = [Double?](repeating: type == .int16 ? -32768 : 65535, count: shape.bands)
    }
    var scene = RasterProduct("scene", path: output, content: "scene", metadata: metadata)
    scene.type = type
    var maps = simulator.abundances.metadata
    maps.nodata = writing.nodata(bands: maps.bands)
    var result = JobResult()
    result.outputs += try write(simulator, scene, "simulating", plan, context)
    result.outputs += try write(
      simulator.abundances, RasterProduct("abundances", path: mapPath, content: "abundances", metadata: maps),
      "abundances", plan, context)
    result.outputs += try SpectraOutput.write(
      simulator.endmembers, to: spectraPath, overwrite: writing.overwrites, inputs: plan.protected
    ).map { ReportOutput(path: $0, content: "endmembers") }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    try plan.store(encoder.encode(simulator.truth), at: truthPath)
    result.outputs.append(ReportOutput(path: truthPath, content: "truth"))
    return result
  }

  private func write(
    _ source: any StripSource, _ product: RasterProduct, _ label: String, _ plan: OutputPlan, _ context: RunContext
  ) throws -> [ReportOutput] {
    let sink = ProductSink(
      lines: source.shape.lines, samples: source.shape.samples, writing: writing, inputs: plan.protected, context)
    try sink.open(product)
    return try sink.run { sink in
      try source.forEachStrip(context, label: label) { strip in
        var results = ProductStrip(window: strip.window, positions: strip.positions)
        results[product.name] = strip.pixels
        try sink.write(results)
      }
      return try sink.finish()
    }
  }
}
