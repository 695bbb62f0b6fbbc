import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIRestoration
import HSITransformer

/// What is known after a run: everything that pictures and reports are made from.
struct DenoiseFacts {
  let opened: OpenScene
  let source: FileSource
  let choice: DenoiserChoice
  /// The noisy scene on the processed bands.
  let scene: Cube
  let result: RestoredScene
  /// Noise before, given or estimated.
  let before: NoiseLevels
  let noiseSource: String
  private(set) var diagnostics: ResidualDiagnostics?
  private(set) var shown: [ShownPixels.Choice] = []
  var timings: RestorationBody.Timings?

  init(
    opened: OpenScene, source: FileSource, choice: DenoiserChoice, scene: Cube, result: RestoredScene,
    before: NoiseLevels, noiseSource: String
  ) {
    self.opened = opened
    self.source = source
    self.choice = choice
    self.scene = scene
    self.result = result
    self.before = before
    self.noiseSource = noiseSource
  }

  private var reader: any CubeReader { opened.reader }

  /// The processed bands of the file, 0-based.
  var bands: [Int] { source.bands }

  /// Computes what the reports say about the result.
  mutating func judge(_ context: RunContext) throws {
    diagnostics = try ResidualDiagnostics(noisy: scene, restored: result.scene, context)
    shown = ShownPixels.choose(result.scene)
  }

  /// `fasthyde removed 3.1 % of the signal`: root mean squares of what was removed and of the scene.
  var summary: String {
    if let reason = result.unchanged { return "\(choice.denoiser.description.id) changed nothing: \(reason)" }
    var (removed, signal) = (0.0, 0.0)
    let (before, after) = (scene.pixels.pointer, result.scene.pixels.pointer)
    for n in 0..<(scene.count * scene.shape.bands) {
      let value = Double(before[n])
      let difference = value - Double(after[n])
      removed += difference * difference
      signal += value * value
    }
    let share = signal > 0 ? 100 * (removed / signal).squareRoot() : 0
    return "\(choice.denoiser.description.id) removed \(String(format: "%.3g", share)) % of the signal"
  }

  /// The JSON report.
  func report(outputs: [ReportOutput], provenance: Provenance) -> RestorationReport {
    let (shape, window) = (reader.shape, source.window)
    let description = choice.denoiser.description
    return RestorationReport(
      of: ReportScene(
        path: opened.path, format: reader.format,
        shape: CubeShape(lines: window.lines, samples: window.samples, bands: shape.bands),
        usedBands: bands.count, validPixels: scene.count, metadata: reader.metadata, window: window),
      channels: channels,
      body: RestorationBody(
        method: ReportMethod(
          id: description.id, name: description.name, citation: description.citation, reason: choice.reason,
          settings: choice.settings, rank: result.rank, facts: result.facts, unchanged: result.unchanged,
          model: choice.model),
        noiseSource: noiseSource, residual: residual, pixels: pixels, timings: timings),
      outputs: outputs, provenance: provenance)
  }

  private var channels: [RestorationBody.Channel] {
    let axis = reader.metadata.axis
    var channels = (0..<axis.count).map {
      RestorationBody.Channel(band: $0 + 1, wavelengthNm: axis.wavelengths?[$0], fwhmNm: axis.fwhm?[$0])
    }
    for (i, band) in bands.enumerated() {
      channels[band].processed = true
      channels[band].noiseBefore = before.standardDeviations[i]
      channels[band].noiseAfter = diagnostics.map {
        $0.noiseLeft(before: before.standardDeviations[i], band: i)
      }
      channels[band].removedRms = diagnostics?.rms[i]
      channels[band].spatialCorrelation = diagnostics?.spatialCorrelation[i]
      // The next processed band need not be the neighbour in the file.
      let isNeighbour = i + 1 < bands.count && bands[i + 1] == band + 1
      channels[band].spectralCorrelation = isNeighbour ? diagnostics?.spectralCorrelation[i] : nil
    }
    return channels
  }

  private var residual: RestorationBody.Residual? {
    guard let diagnostics, diagnostics.totalRms > 0 else { return nil }
    return .init(
      rms: diagnostics.totalRms,
      share: diagnostics.signalRms > 0 ? diagnostics.totalRms / diagnostics.signalRms : 0,
      spatialCorrelation: diagnostics.meanSpatialCorrelation,
      spectralCorrelation: diagnostics.meanSpectralCorrelation,
      correlationError: 1 / Double(max(1, scene.count)).squareRoot())
  }

  private var pixels: [RestorationBody.Pixel] {
    shown.map { choice in
      let place = Int(scene.positions[choice.row])
      let line = source.window.line + place / scene.shape.samples
      let sample = source.window.sample + place % scene.shape.samples
      let map = reader.metadata.georeference?.coordinates(line: line, sample: sample)
      func spectrum(_ cube: Cube) -> [Double] {
        SceneChannel.spread(
          cube.pixels.row(choice.row).map(Double.init), used: bands, bands: reader.shape.bands)
      }
      return RestorationBody.Pixel(
        line: line, sample: sample, map: map.map { ReportMapPosition(x: $0.x, y: $0.y) },
        brightness: choice.brightness, before: spectrum(scene), after: spectrum(result.scene))
    }
  }
}
