import Foundation
import HSIKit

/// One run of `hsi denoise`: open, restore, judge, write, report.
struct DenoiseJob {
  let request: DenoiseRequest
  let scenePath: String
  let outputPath: String
  let noise: String?
  let dropsBad: Bool
  let keepsType: Bool
  let input: InputOptions
  let output: WritingOptions
  let products: DenoiseProductOptions
  let map: MapOptions
  let context: RunContext

  func run() throws {
    var provenance = Provenance(
      arguments: [CommandLine.arguments[0]] + HSICommand.arguments,
      options: request.values.mapValues { "\($0)" }, version: Version.number, libraries: Libraries.versions,
      context: context)
    let named = try DenoiserChoice.named(request)
    let reader = try input.open(scenePath, context)
    let bands = Array(Set(try input.bands(of: reader, default: .good))).sorted()
    let source = try input.source(reader, bands: .list(bands), context)
    let isLevelsFile = noise.map { Double($0) == nil } ?? false
    let given = try noise.map { try NoiseOption.levels($0, bands: bands, total: reader.shape.bands) }
    let inputs =
      try reader.files + (named?.files ?? []) + (isLevelsFile ? [noise ?? ""] : []) + input.scene.selectionFiles()
    provenance.addInputs(reader.files + (isLevelsFile ? [noise ?? ""] : []), hashData: products.hash)
    provenance.addInputs(named?.files ?? [], hashData: true)
    let grid = try map.grid(reader, window: source.window, context)
    let options = try output.library(interleave: reader.interleave, inputs: inputs, grid: grid)
    let paths = DenoisePaths(restored: outputPath, options: products, item: map.stac, format: options.format)
    try paths.check(overwrite: output.overwrite, inputs: inputs)
    if let named { try requireMemory(named.denoiser, source.shape) }

    var clock = Stopwatch()
    let scene = try source.load(context)
    guard scene.count > 0 else { throw RestorationError.tooFewPixels(purpose: "denoising") }
    let reading = clock.lap()
    let levels = try given ?? NoiseLevels.estimate(scene, context)
    let choice = try named ?? .automatic(for: scene, noise: levels, context)
    provenance.options["method"] = choice.denoiser.description.id
    if named == nil { try requireMemory(choice.denoiser, source.shape) }
    let result = try choice.denoiser.restore(scene, noise: levels, context)
    let denoising = clock.lap()

    var facts = DenoiseFacts(
      reader: reader, source: source, choice: choice, scene: scene, result: result, before: levels,
      noiseSource: given == nil ? "estimated" : "given")
    if paths.report != nil || paths.html != nil { try facts.judge(context) }
    let judging = clock.lap()
    let (raster, written) = try writeCube(facts, paths, options)
    var outputs = written
    outputs += try writeResidual(facts, paths, inputs, grid)
    let writing = clock.lap()
    facts.timings = .init(readingS: reading, denoisingS: denoising, judgingS: judging, writingS: writing)
    try writePicturesAndReports(facts, paths, inputs, outputs, raster, grid, &provenance)
  }

  /// Refuses work that cannot fit before the scene is read.
  private func requireMemory(_ denoiser: any Restorer, _ shape: CubeShape) throws {
    let needed = shape.pixels * (shape.bands * 4 + 4) + denoiser.workingBytes(shape)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "\(denoiser.description.id) on \(shape)", needed: needed, budget: context.memory.bytes)
    }
  }

  // MARK: - Rasters

  private func writeCube(
    _ facts: DenoiseFacts, _ paths: DenoisePaths, _ options: OutputOptions
  ) throws -> (MapOptions.Raster, [ReportOutput]) {
    let reader = facts.reader
    let bands = dropsBad ? facts.bands : Array(0..<reader.shape.bands)
    let places = Dictionary(uniqueKeysWithValues: bands.enumerated().map { ($1, $0) })
    let window = facts.source.window
    let type = keepsType ? reader.sampleType : .float32
    var metadata = reader.metadata.selecting(bands: bands).cropping(to: window)
    if type == .float32, reader.sampleType != .float32 {
      // The number that marks missing pixels as single precision holds it.
      metadata.nodata = metadata.nodata.map { $0.map { Double(Float($0)) } }
    }
    let shape = CubeShape(lines: window.lines, samples: window.samples, bands: bands.count)
    let writer = try RasterFormats.create(
      paths.restored, shape: shape, type: type, metadata: metadata, options: options, context: context)
    let outcome = try CubeUpdate.run(
      from: reader, window: window, bands: bands, values: facts.result.scene,
      places: facts.bands.compactMap { places[$0] }, to: writer, context)
    let values = facts.scene.count * facts.bands.count
    if outcome.clipped > 0 {
      context.warn(
        "W-CLIPPED",
        "\(outcome.clipped) of \(values) restored values exceed the range of \(type.rawValue) and were clipped "
          + "(--ot float32 keeps them)")
    }
    if outcome.shifted > 0 {
      context.warn(
        "W-NODATA-VALUE",
        "\(outcome.shifted) of \(values) restored values would have meant no data and were moved to the next number"
      )
    }
    let copied = bands.count - facts.bands.count
    if copied > 0 {
      context.logger.notice(
        "\(copied) of \(bands.count) bands were not processed and are copied unchanged (--drop-bad leaves them out)"
      )
    }
    let raster = MapOptions.Raster(
      path: paths.restored, format: options.format, shape: shape, type: type, metadata: metadata)
    return (raster, outcome.files.map { ReportOutput(path: $0, content: "restored cube") })
  }

  private func writeResidual(
    _ facts: DenoiseFacts, _ paths: DenoisePaths, _ inputs: [String], _ grid: OrthoGrid?
  ) throws -> [ReportOutput] {
    guard let path = paths.residual else { return [] }
    var metadata = facts.scene.metadata
    metadata.quantity = .unknown
    metadata.extra = [HeaderField("HSI_PRODUCT", "residual")]
    let shape = facts.scene.shape
    let writer = try output.resultWriter(
      path, lines: shape.lines, samples: shape.samples, metadata: metadata, inputs: inputs, grid: grid, context)
    do {
      let restored = facts.result.scene.pixels
      var row = 0
      try facts.scene.forEachStrip(context, label: "writing what was removed") { strip in
        let base = restored.pointer + row * shape.bands
        for i in 0..<(strip.count * shape.bands) { strip.pixels.pointer[i] -= base[i] }
        row += strip.count
        try writer.write(strip.pixels, of: strip)
      }
      return try writer.finish().map { ReportOutput(path: $0, content: "what was removed") }
    } catch {
      writer.discard()
      throw error
    }
  }

  // MARK: - Pictures and reports

  private func writePicturesAndReports(
    _ facts: DenoiseFacts, _ paths: DenoisePaths, _ inputs: [String], _ earlier: [ReportOutput],
    _ raster: MapOptions.Raster, _ grid: OrthoGrid?, _ provenance: inout Provenance
  ) throws {
    var outputs = earlier
    if let files = paths.pictures {
      let pictures = try DenoisePictures(facts, longestSide: 8192, context)
      for (path, image, content) in [
        (files.before, pictures.before, "picture before"), (files.after, pictures.after, "picture after"),
      ] {
        outputs += try PNG.write(
          image, to: path, georeference: facts.scene.metadata.georeference, step: pictures.step,
          overwrite: output.overwrite, inputs: inputs
        ).map { ReportOutput(path: $0, content: content) }
      }
    }
    for (path, content) in [
      (paths.report, "report"), (paths.html, "report page"), (paths.provenance, "provenance"),
    ] {
      if let path, path != "-" { outputs.append(ReportOutput(path: path, content: content)) }
    }
    let figures =
      paths.html == nil ? nil : try DenoisePictures(facts, longestSide: ReportPicture.longestSide, context)
    outputs += try map.writeItem(
      of: raster, grid: grid, others: outputs.filter { $0.path != raster.path }, inputs: inputs,
      overwrite: output.overwrite, context)
    provenance.finish(context)
    if paths.report != nil || paths.html != nil {
      let report = facts.report(path: scenePath, outputs: outputs, provenance: provenance)
      if let path = paths.report {
        if path == "-" {
          try Terminal.output(String(decoding: try report.json(), as: UTF8.self))
        } else {
          try OutputFile.write(report.json(), to: path, overwrite: output.overwrite, inputs: inputs)
        }
      }
      if let path = paths.html, let figures {
        let page = HTMLReport.page(report, figures: try figures.figures(facts))
        try OutputFile.write(page, to: path, overwrite: output.overwrite, inputs: inputs)
      }
    }
    if let path = paths.provenance {
      try OutputFile.write(provenance.json(), to: path, overwrite: true, inputs: inputs)
    }
  }
}

/// Seconds between calls.
struct Stopwatch {
  private var last = ContinuousClock.now

  mutating func lap() -> Double {
    let now = ContinuousClock.now
    defer { last = now }
    let (seconds, attoseconds) = (now - last).components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
