import Foundation
import HSIKit

/// One run of `hsi classify predict`: strips with a margin, probabilities, maps.
struct PredictJob {
  let scenePath: String
  let mapPath: String
  let modelPath: String
  let adapterPath: String?
  let model: ClassificationModel
  let products: PredictProductOptions
  let input: InputOptions
  let output: WritingOptions
  let modelFiles: [String]
  let context: RunContext

  func run() throws {
    var provenance = Provenance(
      options: ["scene": scenePath, "model": modelPath], version: Version.number, libraries: Libraries.ofClassification,
      context: context)
    if let adapterPath { provenance.options["adapter"] = adapterPath }
    let reader = try input.open(scenePath, context)
    let (file, source) = try SceneBands.source(reader, for: model.axis, model: modelPath, input: input, context)
    let inputs = reader.files + modelFiles
    provenance.addInputs(reader.files)
    provenance.addInputs(modelFiles, hashData: true)
    let provenancePath = products.noProv || mapPath.hasPrefix("/vsi") ? nil : mapPath + ".prov.json"
    let isENVI = (try output.library(inputs: []).format ?? OutputFormat(path: mapPath)) == .envi
    let header = isENVI ? [(mapPath as NSString).deletingPathExtension + ".hdr"] : []
    try ProductPaths.check(
      [mapPath] + header + [products.prob, products.confidence, products.quicklook, provenancePath].compactMap { $0 },
      replaceable: provenancePath, overwrite: output.overwrite, inputs: inputs)
    let height = try stripLines(source)
    let counts = try classify(source, file, reader, height: height, inputs: inputs)
    provenance.finish(context)
    if let provenancePath { try OutputFile.write(provenance.json(), to: provenancePath, overwrite: true, inputs: inputs) }
    try Terminal.output(table(counts))
  }

  // MARK: - Memory

  /// Lines to classify at a time: as many as keep pixels with their margin, the classifier's work and the results within
  /// half the budget and the pixels within 256 MiB.
  private func stripLines(_ source: any StripSource) throws -> Int {
    let (shape, radius) = (source.shape, model.classifier.patchRadius)
    let work = model.classifier.predictionBytes(samples: shape.samples)
    let perRead = shape.samples * (shape.bands * 4 + 5) + source.workingBytesPerLine
    let perLine = perRead + work.perLine + shape.samples * (8 * model.classes.count + 24)
    let margin = 2 * radius * perRead + work.fixed
    let needed = perLine + margin
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "classifying one line of \(shape.samples) pixels with \(model.classifier.id)", needed: needed,
        budget: context.memory.bytes)
    }
    let room = max(0, context.memory.bytes / 2 - margin) / perLine
    return max(1, min(shape.lines, room, max(radius + 1, (256 << 20) / max(1, perRead))))
  }

  // MARK: - Strips

  private func classify(
    _ source: any StripSource, _ file: FileSource, _ reader: any CubeReader, height: Int, inputs: [String]
  ) throws -> [Int] {
    let (shape, radius) = (source.shape, model.classifier.patchRadius)
    let metadata = reader.metadata.cropping(to: file.window)
    var writers: [ResultWriter] = []
    do {
      let map = try mapWriter(shape, metadata, inputs)
      writers.append(map)
      var (prob, confidence): (ResultWriter?, ResultWriter?)
      if let path = products.prob {
        let names = model.classes.names.map { "prob: \($0)" }
        prob = try floatWriter(path, shape, metadata.replacingBands(names: names, quantity: .probability), inputs)
        prob.map { writers.append($0) }
      }
      if let path = products.confidence {
        confidence = try floatWriter(
          path, shape, metadata.replacingBands(names: ["confidence"], quantity: .probability), inputs)
        confidence.map { writers.append($0) }
      }
      var counts = [Int](repeating: 0, count: model.classes.count)
      var preview = PreviewMaps(shape: shape, layers: 1, longestSide: 8192)
      let strip = Strip()
      let (values, best) = (PixelMatrix(rows: 0, columns: 1), PixelMatrix(rows: 0, columns: 1))
      context.progress.report(phase: "classifying", fraction: 0)
      for first in stride(from: 0, to: shape.lines, by: height) {
        try context.checkCancellation()
        let last = min(shape.lines, first + height)
        let (top, bottom) = (max(0, first - radius), min(shape.lines, last + radius))
        try source.read(lines: top..<bottom, into: strip)
        let part = Cube(
          shape: CubeShape(lines: bottom - top, samples: shape.samples, bands: shape.bands),
          metadata: source.metadata, pixels: strip.pixels, positions: strip.positions)
        let wanted = (first - top)..<(last - top)
        let share = Double(first) / Double(shape.lines)...Double(last) / Double(shape.lines)
        var inner = context
        inner.progress = PartialProgress(context.progress, phase: "classifying", part: share)
        let probabilities = try model.classifier.probabilities(part, lines: wanted, inner)
        let rows = part.rows(lines: wanted)
        let offset = Int32(wanted.lowerBound * shape.samples)
        let positions = rows.map { strip.positions[$0] - offset }
        values.reshape(rows: rows.count, columns: 1)
        best.reshape(rows: rows.count, columns: 1)
        for n in 0..<rows.count {
          let row = probabilities.row(n)
          var winner = 0
          for c in 1..<row.count where row[c] > row[winner] { winner = c }
          counts[winner] += 1
          values[n, 0] = Float(model.classes.values[winner])
          best[n, 0] = row[winner]
        }
        let window = PixelWindow(line: first, sample: 0, lines: last - first, samples: shape.samples)
        try map.write(values, positions: positions, window: window)
        try prob?.write(probabilities, positions: positions, window: window)
        try confidence?.write(best, positions: positions, window: window)
        if products.quicklook != nil { preview.add(window: window, positions: positions) { n, _ in values[n, 0] } }
        context.progress.report(phase: "classifying", fraction: Double(last) / Double(shape.lines))
      }
      guard counts.contains(where: { $0 > 0 }) else {
        throw RasterError.inconsistent(
          path: scenePath, reason: "it has no valid pixel", advice: "check --nodata, --mask and --window")
      }
      for writer in writers { _ = try writer.finish() }
      if let path = products.quicklook {
        let ids = preview.layers[0].map { $0.isFinite ? UInt16($0) : 0 }
        let shown = LabelMap(lines: preview.height, samples: preview.width, ids: ids)
        let known = model.classes.union(shown.classes)
        _ = try PNG.write(
          ClassPicture.image(shown.with(known), longestSide: 8192).image, to: path,
          georeference: metadata.georeference, step: preview.step, overwrite: output.overwrite, inputs: inputs)
      }
      return counts
    } catch {
      for writer in writers { writer.discard() }
      throw error
    }
  }

  private func mapWriter(_ shape: CubeShape, _ metadata: CubeMetadata, _ inputs: [String]) throws -> ResultWriter {
    var described = metadata.replacingBands(names: ["class"], quantity: .class)
    described.classes = model.classes.byValue
    described.nodata = [0]
    let writer = try RasterFormats.create(
      mapPath, shape: CubeShape(lines: shape.lines, samples: shape.samples, bands: 1),
      type: model.classes.sampleType, metadata: described, options: output.library(inputs: inputs), context: context)
    return ResultWriter(writer, metadata: described)
  }

  private func floatWriter(
    _ path: String, _ shape: CubeShape, _ metadata: CubeMetadata, _ inputs: [String]
  ) throws -> ResultWriter {
    try output.resultWriter(
      path, lines: shape.lines, samples: shape.samples, metadata: metadata, inputs: inputs, context)
  }

  private func table(_ counts: [Int]) -> String {
    let total = counts.reduce(0, +)
    var rows = [["value", "class", "pixels", "share"]]
    for (index, count) in counts.enumerated() {
      rows.append(
        [
          "\(model.classes.values[index])", model.classes.names[index], "\(count)",
          String(format: "%.1f %%", 100 * Double(count) / Double(max(1, total))),
        ])
    }
    return TextTable.text(rows, left: [1])
  }
}

/// Progress of a part of some work, shown as progress of the whole.
private struct PartialProgress: ProgressReporter {
  private let whole: any ProgressReporter
  private let phase: String
  private let part: ClosedRange<Double>

  init(_ whole: any ProgressReporter, phase: String, part: ClosedRange<Double>) {
    self.whole = whole
    self.phase = phase
    self.part = part
  }

  func report(phase: String, fraction: Double, detail: String?) {
    let reached = part.lowerBound + fraction * (part.upperBound - part.lowerBound)
    // Whoever reports the whole ends the phase.
    whole.report(phase: self.phase, fraction: min(reached, 0.999), detail: detail)
  }
}
