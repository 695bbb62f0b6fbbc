import Foundation
import HSIClassification
import HSICore
import HSIDetection
import HSIRaster
import HSIReport

/// What is learnt about the matches of a scene while they are delivered.
struct MatchFacts {
  /// What is known of one spectrum.
  struct Found {
    var pixels = 0
    var fits = 0.0
    var depths = 0.0
    /// Place of the pixel that it fits best, in the window, and the fit there.
    var line = 0
    var sample = 0
    var best = Float.nan
    var spectrum: [Float] = []
  }

  let spectra: SpectralLibrary
  let sense: ScoreSense
  let givesDepth: Bool
  private(set) var found: [Found]
  private(set) var pixels = 0
  /// Number of the best spectrum, and fit.
  private(set) var previews: PreviewMaps

  init(spectra: SpectralLibrary, sense: ScoreSense, givesDepth: Bool, shape: CubeShape) {
    (self.spectra, self.sense, self.givesDepth) = (spectra, sense, givesDepth)
    found = [Found](repeating: Found(), count: spectra.count)
    previews = PreviewMaps(shape: shape, layers: 2, longestSide: ReportPicture.longestSide)
  }

  mutating func add(_ strip: Strip, _ result: LibraryMatching.Result) {
    pixels += strip.count
    for n in 0..<strip.count where result.best[n] > 0 {
      let k = result.best[n] - 1
      let fit = result.fit[n]
      found[k].pixels += 1
      found[k].fits += Double(fit)
      if givesDepth { found[k].depths += Double(result.depth[n]) }
      guard found[k].best.isNaN || (sense == .lower ? fit < found[k].best : fit > found[k].best) else { continue }
      let place = Int(strip.positions[n])
      found[k].best = fit
      found[k].line = strip.window.line + place / strip.window.samples
      found[k].sample = place % strip.window.samples
      found[k].spectrum = Array(strip.pixels.row(n))
    }
    previews.add(window: strip.window, positions: strip.positions) { n, layer in
      layer == 0 ? Float(result.best[n]) : result.fit[n]
    }
  }

  /// Spectra that were found, those of most pixels first.
  var present: [Int] {
    found.indices.filter { found[$0].pixels > 0 }.sorted { (found[$1].pixels, $0) < (found[$0].pixels, $1) }
  }

  /// Pixels that are none of the spectra.
  var unknown: Int { pixels - found.reduce(0) { $0 + $1.pixels } }

  /// `12 of 500 spectra on 3400 of 5000 pixels, most quartz.1 (1200)`.
  var summary: String {
    let present = present
    let matched = pixels - unknown
    var text = "\(present.count) of \(spectra.count) spectra on \(matched) of \(pixels) pixels"
    if let first = present.first { text += ", most \(spectra.names[first]) (\(found[first].pixels))" }
    return text
  }

  func warn(_ context: RunContext) {
    guard unknown == pixels, pixels >= 10 else { return }
    context.warn(
      "W-NO-MATCH",
      "no pixel is as near to a spectrum as the limit asks: raise or lower \(option: "set") limit after a look at the fits, or "
        + "compare quantity and bands of scene and library")
  }

  /// Spectra that were found, for people.
  var table: String {
    var rows = [["value", "spectrum", "pixels", "share", "mean fit"] + (givesDepth ? ["mean depth"] : [])]
    for k in present.prefix(30) {
      let n = Double(found[k].pixels)
      rows.append(
        [
          "\(k + 1)", spectra.names[k], "\(found[k].pixels)", String(format: "%.1f %%", 100 * n / Double(pixels)),
          String(format: "%.3f", found[k].fits / n),
        ] + (givesDepth ? [String(format: "%.3f", found[k].depths / n)] : []))
    }
    if present.count > 30 { rows.append(["", "\(present.count - 30) more", "", "", ""] + (givesDepth ? [""] : [])) }
    rows.append(
      [
        "0", "none of them", "\(unknown)", String(format: "%.1f %%", 100 * Double(unknown) / Double(max(1, pixels))),
        "",
      ]
        + (givesDepth ? [""] : []))
    return TextTable.text(rows, left: [1])
  }
}

/// What is known after matching: what pictures and reports are made from.
struct MatchOutcome {
  let job: MatchJob
  let description: MethodDescription
  let parameters: MethodParameters
  let sweep: SceneSweep
  let facts: MatchFacts
  let context: RunContext

  /// The colour of pixels that are like none of the spectra.
  private static let none = Colour(20, 20, 20)

  /// Colours of the spectra: the more pixels, the earlier the colour.
  private var colours: [Int: Colour] {
    Dictionary(uniqueKeysWithValues: facts.present.enumerated().map { ($1, CategoricalPalette.colour($0)) })
  }

  /// The map in colours; pixels without a match are black, those without data transparent.
  var picture: RGBImage {
    let colours = colours
    return ClassPicture.image(facts.previews) { colours[$0 - 1] ?? MatchOutcome.none }
  }

  /// The JSON report.
  func report(outputs: [ReportOutput], provenance: Provenance) throws -> MatchReport {
    let (opened, used, window) = (sweep.opened, sweep.source.bands, sweep.source.window)
    func spread(_ spectrum: some Collection<Double>) -> [Double] {
      SceneChannel.spread(spectrum, used: used, bands: opened.reader.shape.bands)
    }
    let colours = colours
    let matches = facts.present.map { k -> MatchBody.Match in
      let found = facts.found[k]
      let pixel = PixelPosition(line: found.line + window.line, sample: found.sample + window.sample)
      let map = opened.metadata.georeference?.coordinates(line: pixel.line, sample: pixel.sample)
      let n = Double(found.pixels)
      return MatchBody.Match(
        value: k + 1, name: facts.spectra.names[k], colour: (colours[k] ?? MatchOutcome.none).hex,
        pixels: found.pixels,
        share: n / Double(facts.pixels), fit: found.fits / n, depth: facts.givesDepth ? found.depths / n : nil,
        best: MatchBody.Best(
          pixel: pixel, map: map.map { ReportMapPosition(x: $0.x, y: $0.y) }, fit: Double(found.best),
          spectrum: spread(found.spectrum.map(Double.init))), spectrum: spread(facts.spectra[k]))
    }
    var settings: [String: Double] = [:]
    for parameter in description.parameters { settings[parameter.name] = parameters[parameter.name] }
    return MatchReport(
      of: sweep.reported(validPixels: facts.pixels), channels: SceneChannel.all(opened.metadata.axis, used: used),
      body: MatchBody(
        method: ReportMethod(
          id: description.id, name: description.name, task: description.task.rawValue,
          citation: description.citation, settings: settings),
        sense: facts.sense.rawValue, library: job.library, spectra: facts.spectra.count, matches: matches,
        unknown: facts.unknown),
      outputs: outputs, provenance: provenance)
  }

  /// Everything that the page shows.
  func figures() throws -> MatchBody.Figures {
    let opened = sweep.opened
    let choice = try SceneColours.choose(opened, context)
    let scene = try Quicklook.render(
      try opened.source(bands: .list(choice.bands), context), longestSide: ReportPicture.longestSide, context)
    let caption = SceneColours.caption(choice, opened.metadata)
    let previews = facts.previews
    return MatchBody.Figures(
      scene: try ReportPicture(scene, encode: PNG.encode),
      sceneCaption: caption.prefix(1).uppercased() + caption.dropFirst(),
      map: try ReportPicture(picture, encode: PNG.encode),
      fit: try ReportMap(
        previews.layers[1], width: previews.width, height: previews.height, encode: PNG.encode))
  }
}
