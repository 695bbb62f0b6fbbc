import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIRestoration
import HSITransformer

/// The scene before and after in the same colours, and what was removed.
///
/// Scenes larger than the picture are shown by every `step`-th line and sample, not by means, which would hide noise.
struct DenoisePictures {
  let before: RGBImage
  let after: RGBImage
  /// Scene pixels per picture pixel.
  let step: Int
  private let shown: (before: Cube, after: Cube)
  private let caption: String

  /// Colours are stretched between percentiles of the scene after, so that noise does not wash them out.
  init(_ facts: DenoiseFacts, longestSide: Int, _ context: RunContext) throws {
    let scene = facts.scene
    var choice = try Quicklook.bands(scene.metadata) ?? Quicklook.highestVariance(scene, context)
    if choice.reason == "grey" { choice = Quicklook.BandChoice(bands: [0], reason: "grey") }
    shown = (
      DenoisePictures.columns(choice.bands, of: scene),
      DenoisePictures.columns(choice.bands, of: facts.result.scene)
    )
    let limits = try Quicklook.limits(shown.after, longestSide: longestSide, context)
    before = try Quicklook.render(shown.before, limits: limits, longestSide: longestSide, context)
    after = try Quicklook.render(shown.after, limits: limits, longestSide: longestSide, context)
    step = Quicklook.step(scene.shape, longestSide: longestSide)
    let fileBands = Quicklook.BandChoice(bands: choice.bands.map { facts.bands[$0] }, reason: choice.reason)
    caption = SceneColours.caption(fileBands, facts.opened.metadata)
  }

  /// Everything that the HTML page shows.
  func figures(_ facts: DenoiseFacts) throws -> RestorationBody.Figures {
    func picture(_ image: RGBImage) throws -> ReportPicture { try ReportPicture(image, encode: PNG.encode) }
    var figures = RestorationBody.Figures(
      before: try picture(before), after: try picture(after),
      caption: caption.prefix(1).uppercased() + caption.dropFirst())
    guard let diagnostics = facts.diagnostics, diagnostics.totalRms > 0 else { return figures }
    figures.noisiest = try noisiest(facts)
    let (image, scale) = residual()
    figures.residual = try picture(image)
    figures.residualScale = String(format: "black −%.3g, white +%.3g", scale, scale)
    var total = [Float](repeating: .nan, count: before.width * before.height)
    forEachShown { row, place in total[place] = diagnostics.pixelRms[row] }
    figures.total = try ReportMap(
      total, width: before.width, height: before.height, colours: .cividis, encode: PNG.encode)
    return figures
  }

  /// The three bands with the least signal for their noise, before and after.
  private func noisiest(_ facts: DenoiseFacts) throws -> [RestorationBody.Figures.NoisyBand] {
    let (scene, clean) = (facts.scene, facts.result.scene)
    let bands = scene.shape.bands
    let noise = facts.before.standardDeviations
    var (sums, squares) = ([Double](repeating: 0, count: bands), [Double](repeating: 0, count: bands))
    for row in 0..<clean.count {
      for band in 0..<bands {
        let value = Double(clean.pixels[row, band])
        sums[band] += value
        squares[band] += value * value
      }
    }
    let count = Double(max(1, clean.count))
    // Bands whose signal does not vary show nothing.
    let ratios = (0..<bands).compactMap { band -> (band: Int, ratio: Double)? in
      let deviation = max(0, squares[band] / count - sums[band] / count * (sums[band] / count)).squareRoot()
      return noise[band] > 0 && deviation > 0 ? (band, deviation / noise[band]) : nil
    }
    return try ratios.sorted { ($0.ratio, $0.band) < ($1.ratio, $1.band) }.prefix(3).map { item in
      let pair = (DenoisePictures.columns([item.band], of: scene), DenoisePictures.columns([item.band], of: clean))
      let quiet = RunContext()
      let limits = try Quicklook.limits(pair.1, longestSide: ReportPicture.longestSide, quiet)
      let pictures = try [pair.0, pair.1].map {
        try ReportPicture(
          Quicklook.render($0, limits: limits, longestSide: ReportPicture.longestSide, quiet), encode: PNG.encode)
      }
      return RestorationBody.Figures.NoisyBand(
        band: facts.bands[item.band] + 1, before: pictures[0], after: pictures[1])
    }
  }

  /// The difference of the shown bands; the scale is the 99th percentile of its size.
  private func residual() -> (image: RGBImage, scale: Double) {
    let count = shown.before.shape.bands
    func difference(_ row: Int, _ band: Int) -> Float {
      shown.before.pixels[row, band] - shown.after.pixels[row, band]
    }
    var sizes: [Float] = []
    forEachShown { row, _ in
      for band in 0..<count { sizes.append(abs(difference(row, band))) }
    }
    sizes = sizes.filter(\.isFinite).sorted()
    let scale = sizes.isEmpty ? 1 : max(sizes[Int(clamping: 0.99 * Double(sizes.count - 1))], .leastNormalMagnitude)
    var image = RGBImage(width: before.width, height: before.height)
    forEachShown { row, place in
      for c in 0..<3 {
        let value = 127.5 + 127.5 * difference(row, count == 1 ? 0 : c) / scale
        image.pixels[4 * place + c] = UInt8(max(0, min(255, (value.isFinite ? value : 127.5).rounded())))
      }
      image.pixels[4 * place + 3] = 255
    }
    return (image, Double(scale))
  }

  /// Calls `body` with the row and the place in the picture of every pixel that is shown.
  private func forEachShown(_ body: (Int, Int) -> Void) {
    let samples = shown.before.shape.samples
    for (row, position) in shown.before.positions.enumerated() {
      let (line, sample) = (Int(position) / samples, Int(position) % samples)
      guard line % step == 0, sample % step == 0 else { continue }
      body(row, line / step * before.width + sample / step)
    }
  }

  /// Some bands of a cube.
  private static func columns(_ bands: [Int], of cube: Cube) -> Cube {
    let pixels = PixelMatrix(rows: cube.count, columns: bands.count)
    for row in 0..<cube.count {
      for (i, band) in bands.enumerated() { pixels[row, i] = cube.pixels[row, band] }
    }
    return Cube(
      shape: CubeShape(lines: cube.shape.lines, samples: cube.shape.samples, bands: bands.count),
      metadata: cube.metadata.selecting(bands: bands), pixels: pixels, positions: cube.positions)
  }
}
