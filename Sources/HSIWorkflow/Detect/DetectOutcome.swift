import Foundation
import HSICore
import HSIDetection
import HSIRaster
import HSIReport

/// What is known after a detection: what summary, pictures and reports are made from.
struct DetectOutcome {
  let job: DetectJob
  let description: MethodDescription
  let parameters: MethodParameters
  let targets: DetectTargets
  let detector: any Detector
  let sweep: SceneSweep
  let facts: DetectFacts
  let tail: TailFit?
  let threshold: DetectionBody.Threshold?
  let roc: ROC?
  let context: RunContext

  /// Pixels beside the best ones that a picture of them shows.
  private static let reach = 15
  /// Best pixels with a picture.
  private static let pictured = 4

  /// `ace: best 0.83 at sample 40, line 12; 17 pixels above 0.31, 7 expected; AUC 0.993`.
  var summary: String {
    var parts: [String] = []
    if let best = facts.best.first {
      let window = sweep.source.window
      parts.append(
        "\(description.id): best \(short(Double(facts.sign * best.rank))) at sample \(best.sample + window.sample), line "
          + "\(best.line + window.line)")
    }
    if let threshold {
      parts.append(
        "\(threshold.detections) pixels \(facts.sign < 0 ? "below" : "above") \(short(threshold.score)), "
          + "\(short(threshold.expected)) expected of background")
    }
    if let roc { parts.append("AUC " + String(format: "%.4f", roc.area)) }
    return parts.joined(separator: "; ")
  }

  private func short(_ value: Double) -> String { String(format: "%.3g", value) }

  /// The scores in colour, as large as the preview.
  var picture: RGBImage {
    let previews = facts.previews
    let map = previews.layers[0]
    return colours.image(map, width: previews.width, height: previews.height, range: range)
  }

  /// Dark where nothing speaks for a target, whatever the sense.
  private var colours: ColourMap { .viridis }

  /// From the middle of the scores to what a ten-thousandth exceeds: the background is dark, and single pixels do not hide the others.
  private var range: ClosedRange<Double> {
    let sign = Double(facts.sign)
    let (low, high) = (facts.histogram.quantile(0.5), facts.histogram.quantile(0.9999))
    let ends = [sign * low, sign * max(high, low + 1e-30)].sorted()
    return ends[0]...ends[1]
  }

  /// The JSON report.
  func report(outputs: [ReportOutput], provenance: Provenance) throws -> DetectionReport {
    let reader = sweep.opened.reader
    let used = sweep.source.bands
    let window = sweep.source.window
    func spread(_ spectrum: some Collection<Double>) -> [Double] {
      SceneChannel.spread(spectrum, used: used, bands: reader.shape.bands)
    }
    let best = try facts.best.map { candidate -> DetectionBody.Pixel in
      let pixel = PixelPosition(line: candidate.line + window.line, sample: candidate.sample + window.sample)
      let map = sweep.opened.metadata.georeference?.coordinates(line: pixel.line, sample: pixel.sample)
      let score = facts.scoreBands.firstIndex(of: candidate.band) ?? 0
      let names = targets.library?.names ?? []
      return DetectionBody.Pixel(
        pixel: pixel, map: map.map { ReportMapPosition(x: $0.x, y: $0.y) }, score: Double(facts.sign * candidate.rank),
        values: candidate.values.map(Double.init),
        target: facts.scoreBands.count > 1 && names.indices.contains(score) ? names[score] : nil,
        spectrum: spread(try spectrum(line: candidate.line, sample: candidate.sample)),
        isTarget: facts.isTarget(line: candidate.line, sample: candidate.sample))
    }
    var settings = job.request.values
    for parameter in description.parameters { settings[parameter.name] = parameters[parameter.name] }
    let isGas = if case .gas = job.request.wanted { true } else { false }
    if isGas {
      settings["by column"] = job.request.columnGroup == nil ? 0 : 1
      settings["logarithm"] = job.request.isLogarithmic ? 1 : 0
    } else if let width = job.request.columnGroup {
      settings["columns per background"] = Double(width)
    }
    let library = isGas ? nil : targets.library
    return DetectionReport(
      of: sweep.reported(validPixels: facts.count),
      channels: SceneChannel.all(sweep.opened.metadata.axis, used: used),
      body: DetectionBody(
        method: ReportMethod(
          id: description.id, name: description.name, task: description.task.rawValue,
          citation: description.citation, settings: settings, facts: detector.facts),
        sense: detector.sense.rawValue, bands: detector.bands.map(\.name),
        targets: (0..<(library?.count ?? 0)).compactMap { k in
          library.map { DetectionBody.Target(name: $0.names[k], spectrum: spread($0[k])) }
        },
        scores: facts.scores, histogram: facts.bins(tail),
        tail: tail.map {
          DetectionBody.Tail(
            middle: $0.middle, start: $0.start, share: $0.share, exponent: $0.exponent, slope: $0.slope)
        }, threshold: threshold,
        truth: roc.map { roc in
          DetectionBody.Truth(
            targets: roc.targets, background: roc.background, auc: roc.area,
            partialAuc: roc.partialArea(below: 0.01), detectionAt0001: roc.detection(atFalseAlarm: 0.001),
            curve: roc.thinned(to: 200).map { .init(falseAlarm: $0.falseAlarm, detection: $0.detection) })
        }, best: best),
      outputs: outputs, provenance: provenance)
  }

  /// The spectrum of a pixel of the window.
  private func spectrum(line: Int, sample: Int) throws -> [Double] {
    let strip = Strip()
    try sweep.source.read(lines: line..<(line + 1), into: strip)
    guard let row = strip.positions.firstIndex(of: Int32(sample)) else { return [] }
    return strip.pixels.row(row).map(Double.init)
  }

  /// Everything that the page shows.
  func figures() throws -> DetectionBody.Figures {
    let opened = sweep.opened
    let choice = try SceneColours.choose(opened, context)
    let scene = try Quicklook.render(
      try opened.source(bands: .list(choice.bands), context), longestSide: ReportPicture.longestSide, context)
    let caption = SceneColours.caption(choice, opened.metadata)
    let previews = facts.previews
    let (window, shape) = (sweep.source.window, opened.reader.shape)
    let chips = try facts.best.prefix(DetectOutcome.pictured).map { best -> ReportPicture in
      let side = 2 * DetectOutcome.reach + 1
      let (line, sample) = (best.line + window.line, best.sample + window.sample)
      var request = opened.request
      request.area = .pixels(
        PixelWindow(
          line: line - DetectOutcome.reach, sample: sample - DetectOutcome.reach, lines: side, samples: side
        ).clipped(to: shape))
      let around = try OpenScene(request, opened.reader, context)
      return try ReportPicture(
        try Quicklook.render(try around.source(bands: .list(choice.bands), context), longestSide: side, context),
        encode: PNG.encode)
    }
    return DetectionBody.Figures(
      scene: try ReportPicture(scene, encode: PNG.encode),
      sceneCaption: caption.prefix(1).uppercased() + caption.dropFirst(),
      scores: try ReportMap(
        previews.layers[0], width: previews.width, height: previews.height, range: range, colours: colours,
        encode: PNG.encode), chips: chips)
  }
}
