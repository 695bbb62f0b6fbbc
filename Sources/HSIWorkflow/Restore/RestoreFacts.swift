import HSICore
import HSINumerics
import HSIRaster
import HSIReport
import HSIRestoration

/// What is known after a run: everything that pictures and reports are made from.
struct RestoreFacts {
  let opened: OpenScene
  let source: FileSource
  let task: RestorationTask
  let reason: String
  let restorer: any Restorer
  /// Parameters that were given.
  let values: [String: Double]
  /// The kernel of a deblurring.
  let blur: KernelChoice?
  /// The processed bands with what is missing as NaN.
  let before: Cube
  let result: RestoredScene
  /// What was missing, and what still is.
  let gaps: MissingValues
  let after: MissingValues
  /// `inpaint by fasthyin, 1200 of 1200 missing values filled`.
  var summary: String {
    var text = result.unchanged.map { "changed nothing: \($0)" } ?? "\(task.rawValue) by \(restorer.description.id)"
    if gaps.count > 0 {
      text += ", \(gaps.count - min(gaps.count, after.count)) of \(gaps.count) missing values filled"
    }
    return text
  }

  /// Per pixel of the result the number of values that were filled, and that changed; empty on another grid.
  let flags: PixelMatrix
  var heldBack: RestoreBody.HeldBack?
  /// What the predictor said, where it was asked.
  var prediction: RestoreBody.Prediction?

  init(
    opened: OpenScene, source: FileSource, task: RestorationTask, reason: String, restorer: any Restorer,
    values: [String: Double], blur: KernelChoice?, before: Cube, result: RestoredScene, gaps: MissingValues
  ) {
    self.opened = opened
    self.source = source
    self.task = task
    self.reason = reason
    self.restorer = restorer
    self.values = values
    self.blur = blur
    self.before = before
    self.result = result
    self.gaps = gaps
    after = MissingValues(result.scene)
    flags = restorer.scale == 1 ? RestoreFacts.flags(before, result.scene) : PixelMatrix(rows: 0, columns: 2)
  }

  /// Per pixel of the result the number of values that were filled, and of known ones that changed.
  private static func flags(_ before: Cube, _ after: Cube) -> PixelMatrix {
    let (result, bands) = (PixelMatrix(rows: after.count, columns: 2), after.shape.bands)
    var row = 0
    for n in 0..<after.count {
      while row < before.count, before.positions[row] < after.positions[n] { row += 1 }
      let isKnown = row < before.count && before.positions[row] == after.positions[n]
      let new = after.pixels.pointer + n * bands
      for band in 0..<bands where new[band].isFinite {
        let old = isKnown ? before.pixels.pointer[row * bands + band] : .nan
        if !old.isFinite { result[n, 0] += 1 } else if old != new[band] { result[n, 1] += 1 }
      }
    }
    return result
  }

  /// Pixels with at least one value that was filled (0) or changed (1); nil on another grid.
  private func pixels(flag: Int) -> Int? {
    restorer.scale == 1 ? (0..<flags.rows).count { flags[$0, flag] > 0 } : nil
  }

  /// The processed bands of the file, 0-based.
  var bands: [Int] { source.bands }

  /// Bands of the file that had no values and have some now.
  var revived: [Int] { gaps.bands.filter { after.observed[$0] > 0 }.map { bands[$0] } }

  /// The JSON report.
  func report(outputs: [ReportOutput], provenance: Provenance) -> RestoreReport {
    let description = restorer.description
    let defaults = description.parameters.compactMap { p in p.defaultValue.map { (p.name, $0) } }
    var settings = Dictionary(defaults) { $1 }.merging(values) { $1 }
    if let blur {
      for name in KernelChoice.names { settings[name] = nil }
      settings.merge(blur.settings) { $1 }
    }
    let window = source.window
    return RestoreReport(
      of: ReportScene(
        path: opened.path, format: opened.reader.format,
        shape: CubeShape(lines: window.lines, samples: window.samples, bands: opened.reader.shape.bands),
        usedBands: bands.count, validPixels: before.count, metadata: opened.metadata, window: window),
      channels: channels,
      body: counted(
        RestoreBody(
          task: task.rawValue,
          method: ReportMethod(
            id: description.id, name: description.name, citation: description.citation, reason: reason,
            settings: settings,
            rank: result.rank, facts: result.facts, unchanged: result.unchanged),
          missing: gaps.count, missingAfter: after.count, scale: restorer.scale, heldBack: heldBack)),
      outputs: outputs, provenance: provenance)
  }

  private func counted(_ body: RestoreBody) -> RestoreBody {
    var body = body
    (body.filledPixels, body.changedPixels) = (pixels(flag: 0), pixels(flag: 1))
    body.prediction = prediction
    return body
  }

  private var channels: [RestoreBody.Channel] {
    let axis = opened.metadata.axis
    var channels = (0..<axis.count).map {
      RestoreBody.Channel(band: $0 + 1, wavelengthNm: axis.wavelengths?[$0], fwhmNm: axis.fwhm?[$0])
    }
    let changed = changedRms
    for (i, band) in bands.enumerated() {
      channels[band].used = true
      channels[band].missing = before.count - gaps.observed[i]
      channels[band].missingAfter = result.scene.count - after.observed[i]
      channels[band].changedRms = changed?[i]
    }
    return channels
  }

  /// Root mean square change of known values per band; nil where the grid changed.
  private var changedRms: [Double]? {
    let scene = result.scene
    guard restorer.scale == 1 else { return nil }
    let width = bands.count
    var (squares, counts) = ([Double](repeating: 0, count: width), [Int](repeating: 0, count: width))
    var row = 0
    for other in 0..<scene.count {
      // Restorers may fill pixels: the result has those of the scene and perhaps more.
      while row < before.count, before.positions[row] < scene.positions[other] { row += 1 }
      guard row < before.count, before.positions[row] == scene.positions[other] else { continue }
      let (old, new) = (before.pixels.pointer + row * width, scene.pixels.pointer + other * width)
      for band in 0..<width where old[band].isFinite && new[band].isFinite {
        let change = Double(new[band]) - Double(old[band])
        squares[band] += change * change
        counts[band] += 1
      }
    }
    return zip(squares, counts).map { $1 > 0 ? ($0 / Double($1)).squareRoot() : 0 }
  }
}

/// The scene before and after in the same colours.
struct RestorePictures {
  let before: RGBImage
  let after: RGBImage
  /// Pixels of the cubes per picture pixel.
  let steps: (before: Int, after: Int)
  private let caption: String

  /// Colours are stretched between percentiles of the scene after.
  init(_ facts: RestoreFacts, longestSide: Int, _ context: RunContext) throws {
    let (old, new) = (facts.before, facts.result.scene)
    var choice = try Quicklook.bands(old.metadata) ?? Quicklook.highestVariance(new, context)
    if choice.reason == "grey" { choice = Quicklook.BandChoice(bands: [0], reason: "grey") }
    let shown = (RestorePictures.columns(choice.bands, of: old), RestorePictures.columns(choice.bands, of: new))
    let limits = try Quicklook.limits(shown.1, longestSide: longestSide, context)
    before = try Quicklook.render(shown.0, limits: limits, longestSide: longestSide, context)
    after = try Quicklook.render(shown.1, limits: limits, longestSide: longestSide, context)
    steps = (Quicklook.step(old.shape, longestSide: longestSide), Quicklook.step(new.shape, longestSide: longestSide))
    let fileBands = Quicklook.BandChoice(bands: choice.bands.map { facts.bands[$0] }, reason: choice.reason)
    caption = SceneColours.caption(fileBands, facts.opened.metadata)
  }

  /// Everything that the HTML page shows.
  func figures() throws -> RestoreBody.Figures {
    RestoreBody.Figures(
      before: try ReportPicture(before, encode: PNG.encode), after: try ReportPicture(after, encode: PNG.encode),
      caption: caption.prefix(1).uppercased() + caption.dropFirst())
  }

  /// Some bands of a cube; pixels that lack one of them are left out, and so stay empty in the picture.
  private static func columns(_ bands: [Int], of cube: Cube) -> Cube {
    let rows = (0..<cube.count).filter { row in bands.allSatisfy { cube.pixels[row, $0].isFinite } }
    let pixels = PixelMatrix(rows: rows.count, columns: bands.count)
    for (n, row) in rows.enumerated() {
      for (i, band) in bands.enumerated() { pixels[n, i] = cube.pixels[row, band] }
    }
    return Cube(
      shape: CubeShape(lines: cube.shape.lines, samples: cube.shape.samples, bands: bands.count),
      metadata: cube.metadata.selecting(bands: bands), pixels: pixels, positions: rows.map { cube.positions[$0] })
  }
}
