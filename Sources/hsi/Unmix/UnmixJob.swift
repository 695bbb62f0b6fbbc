import Foundation
import HSIKit

/// One run of `hsi unmix`: open, solve, write, report.
struct UnmixJob {
  let request: UnmixRequest
  let scenePath: String
  let outputPath: String
  let input: InputOptions
  let output: WritingOptions
  let products: ProductOptions
  let map: MapOptions
  let context: RunContext

  func run() throws {
    var provenance = Provenance(
      arguments: [CommandLine.arguments[0]] + HSICommand.arguments,
      options: ["method": request.method].merging(request.values.mapValues { "\($0)" }) { $1 },
      version: Version.number, libraries: Libraries.versions, context: context)
    let extras = try extraBands()
    let reader = try input.open(scenePath, context)
    let solver = try UnmixSolver(request: request, reader: reader, input: input, context: context)
    let inputs = try reader.files + solver.files + input.scene.selectionFiles()
    provenance.addInputs(inputs, hashData: products.hash)
    let paths = ProductPaths(abundances: outputPath, options: products, item: map.stac, isBlind: solver.findsEndmembers)
    try paths.check(overwrite: output.overwrite, inputs: inputs)

    let grid = try map.grid(reader, window: solver.window, context)

    let solution = try solver.factorise()
    let maps = try UnmixProducts(
      paths: paths, shape: solver.source.shape, metadata: solver.source.metadata,
      names: solution.endmembers.names,
      extras: extras, writesGuidance: solution.learnsGuidance, output: output, inputs: inputs,
      grid: grid, context)
    do {
      try solution.deliver { try maps.add($0) }
    } catch {
      maps.discard()
      throw error
    }
    guard maps.validPixels > 0 else {
      maps.discard()
      throw UnmixingError.tooFewPixels(valid: 0, needed: 1, purpose: "unmixing")
    }
    if maps.negativePixels > 0 {
      context.warn(
        "W-NEGATIVE",
        "\(maps.negativePixels) of \(maps.validPixels) pixels have negative abundances: the endmembers may not enclose "
          + "the data")
    }
    var outputs = try maps.finish()
    let facts = UnmixFacts(solver: solver, solution: solution, maps: maps, reader: reader)
    outputs += try writeEndmembers(facts, paths, inputs)
    outputs += try writeChannels(facts, paths, inputs)
    try writePicturesAndReports(facts, paths, inputs, outputs, grid, &provenance)
  }

  private func extraBands() throws -> [UnmixProducts.Extra] {
    try (products.add ?? "").split(separator: ",").map { name in
      guard let extra = UnmixProducts.Extra(rawValue: String(name)) else {
        throw CoreError.invalidParameter(
          name: "--add", value: String(name),
          requirement: "one of " + UnmixProducts.Extra.allCases.map(\.rawValue).joined(separator: ", "))
      }
      return extra
    }
  }

  private func writeEndmembers(
    _ facts: UnmixFacts, _ paths: ProductPaths, _ inputs: [String]
  ) throws -> [UnmixingReport.Output] {
    guard let base = paths.endmembers else { return [] }
    let files = try SpectralLibraryFile.write(
      facts.fileEndmembers, to: base, overwrite: output.overwrite, inputs: inputs)
    return files.map { UnmixingReport.Output(path: $0, content: "endmembers") }
  }

  private func writeChannels(
    _ facts: UnmixFacts, _ paths: ProductPaths, _ inputs: [String]
  ) throws -> [UnmixingReport.Output] {
    guard !paths.channelQuality.isEmpty else { return [] }
    guard facts.solution.channelQuality != nil else {
      context.warn("W-NO-QUALITY", "\(request.method) learns no channel quality; none was written")
      return []
    }
    return try paths.channelQuality.map { path in
      let isJSON = path.lowercased().hasSuffix(".json")
      let data = isJSON ? try ChannelQuality.json(facts.channels) : ChannelQuality.csv(facts.channels)
      try OutputFile.write(data, to: path, overwrite: output.overwrite, inputs: inputs)
      return UnmixingReport.Output(path: path, content: "channel quality")
    }
  }

  private func writePicturesAndReports(
    _ facts: UnmixFacts, _ paths: ProductPaths, _ inputs: [String], _ earlier: [UnmixingReport.Output],
    _ grid: OrthoGrid?, _ provenance: inout Provenance
  ) throws {
    var outputs = earlier
    let pictures = UnmixPictures(facts: facts, input: input, context: context)
    let needsScene = paths.quicklook != nil || paths.html != nil
    let scene = needsScene ? try pictures.scene() : nil
    let georeference = facts.solver.source.metadata.georeference
    if let path = paths.quicklook, let scene {
      let step = (facts.solver.source.shape.samples + scene.image.width - 1) / scene.image.width
      outputs += try PNG.write(
        scene.image, to: path, georeference: georeference, step: step, overwrite: output.overwrite,
        inputs: inputs
      ).map { UnmixingReport.Output(path: $0, content: "quicklook") }
    }
    if let path = paths.composite {
      outputs += try PNG.write(
        pictures.composite(), to: path, georeference: georeference, step: facts.maps.previews.step,
        overwrite: output.overwrite, inputs: inputs
      ).map { UnmixingReport.Output(path: $0, content: "abundance composite") }
    }
    for (path, content) in [
      (paths.report, "report"), (paths.html, "report page"), (paths.provenance, "provenance"),
    ] {
      if let path, path != "-" { outputs.append(UnmixingReport.Output(path: path, content: content)) }
    }
    outputs += try map.writeItem(
      of: MapOptions.Raster(
        path: paths.abundances, format: output.library(inputs: []).format, shape: facts.maps.abundanceShape,
        type: .float32, metadata: facts.maps.abundanceMetadata),
      grid: grid, others: outputs.filter { $0.path != paths.abundances }, inputs: inputs,
      overwrite: output.overwrite, context)
    provenance.finish(context)
    let report = facts.report(
      request: request, path: scenePath, outputs: outputs, provenance: provenance)
    if let path = paths.report {
      if path == "-" {
        try Terminal.output(String(decoding: try report.json(), as: UTF8.self) + "\n")
      } else {
        try OutputFile.write(report.json(), to: path, overwrite: output.overwrite, inputs: inputs)
      }
    }
    if let path = paths.html {
      let page = HTMLReport.page(report, figures: try pictures.figures(scene))
      try OutputFile.write(page, to: path, overwrite: output.overwrite, inputs: inputs)
    }
    if let path = paths.provenance {
      try OutputFile.write(provenance.json(), to: path, overwrite: true, inputs: inputs)
    }
  }
}
