import Foundation
import HSIClassification
import HSICore
import HSINetworks
import HSINumerics
import HSIRaster
import HSIReport
import HSITransformer

extension ProductName {
  /// Features of every pixel, N × components.
  public static let features: ProductName = "features"
}

/// Features of every pixel of a scene by a pre-trained network, as a raster for any other tool.
public struct EmbedJob: Sendable {
  /// The scene.
  public var scene: SceneRequest
  /// The raster of features.
  public var output: String
  /// The weights.
  public var model: String
  /// Principal components of the features; 0 for the features themselves.
  public var components = 16
  /// Most bands of a pass.
  public var mostBands = 48
  /// How the raster is written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// Features of a scene.
  public init(scene: SceneRequest, output: String, model: String) {
    (self.scene, self.output, self.model) = (scene, output, model)
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening, of the model and of writing; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let path = WeightSearch.locate(model)
    var sweep = try SceneSweep(
      scene, output: output, options: ["model": model, "components": "\(components)"], writing: writing,
      records: records,
      context)
    sweep.read([path])
    try sweep.check()
    let encoder = try Model<LESSAutoencoder>.read(path).network.encoder
    let open = try PretrainingSource(sweep.source, of: sweep.opened)
    let embedding = LESSEmbedding(encoder, mostBands: mostBands)
    let features = try featureGrid(of: open, embedding, context)
    let count = features.values.columns
    let product = RasterProduct(
      .features, path: output, content: "features",
      metadata: sweep.described(
        (1...count).map { components > 0 ? "component \($0)" : "feature \($0)" }, .unknown))
    var run = try sweep.run([product], label: "writing", bytesPerPixel: 4 * count) { strip in
      var results = ProductStrip(window: strip.window, positions: strip.positions)
      results[.features] = features.pixels(of: strip, patch: encoder.configuration.patch)
      return results
    }
    return try sweep.finish(&run, main: product)
  }

  /// Features of the grid of patches, or their principal components.
  private func featureGrid(of open: PretrainingSource, _ embedding: LESSEmbedding, _ context: RunContext) throws
    -> FeatureGrid
  {
    let (rows, columns) = embedding.grid(open.source.shape)
    let width = embedding.encoder.configuration.width
    let bytes = Int.product(8, rows, columns, width)
    let needed = Int.sum(bytes, embedding.workingBytes(open.source.shape))
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "features of \(rows) × \(columns) patches (\(option: "window") takes a part of the scene)",
        needed: needed, budget: context.memory.bytes)
    }
    let room = (context.memory.bytes - needed) / 2
    let fits = NormalisedScene.bytes(open.source.shape) <= room
    let image = try NormalisedScene(
      open.source, resolution: open.resolution, scratchBeside: fits ? nil : output, context)
    let values = PixelMatrix(rows: rows * columns, columns: width)
    try embedding.run(image, context) { row, line in
      (values.pointer + row * columns * width).update(from: line.pointer, count: columns * width)
    }
    guard components > 0 else { return FeatureGrid(values: values, rows: rows, columns: columns) }
    let fitted = try Features.fit(.components(components, whitened: false), values)
    return FeatureGrid(values: fitted.apply(values), rows: rows, columns: columns)
  }
}

/// Features on a grid of patches.
private struct FeatureGrid {
  /// Patches × features, row by row.
  let values: PixelMatrix
  let rows, columns: Int

  /// Features of the pixels of a strip, bilinear between the middles of patches.
  func pixels(of strip: Strip, patch: Int) -> PixelMatrix {
    let width = values.columns
    let result = PixelMatrix(rows: strip.count, columns: width)
    let (source, target) = (values.pointer, result.pointer)
    func taps(_ place: Int, _ count: Int) -> (low: Int, high: Int, share: Float) {
      let position = max((Float(place) + 0.5) / Float(patch) - 0.5, 0)
      let low = min(Int(clamping: position), count - 1)
      return (low, min(low + 1, count - 1), min(position - Float(low), 1))
    }
    let samples = strip.window.samples
    Parallel.forEachChunk(of: strip.count, chunk: 1024) { _, chunk in
      for n in chunk {
        let place = Int(strip.positions[n])
        let y = taps(strip.window.line + place / samples, rows)
        let x = taps(place % samples, columns)
        let (a, b) = ((y.low * columns + x.low) * width, (y.low * columns + x.high) * width)
        let (c, d) = ((y.high * columns + x.low) * width, (y.high * columns + x.high) * width)
        for k in 0..<width {
          let upper = (1 - x.share) * source[a + k] + x.share * source[b + k]
          let lower = (1 - x.share) * source[c + k] + x.share * source[d + k]
          target[n * width + k] = (1 - y.share) * upper + y.share * lower
        }
      }
    }
    return result
  }
}
