import HSICore
import HSINumerics
import HSITransformer

/// A trained classifier that looks at a patch around a pixel with a network.
public protocol PatchModel: TrainedClassifier {
  /// How spectra become components.
  var features: Features { get }
  /// How patches are cut.
  var cutter: PatchCutter { get }
  /// Number of weights of the network.
  var weightCount: Int { get }
  /// Bytes of activations that a patch takes on its way through the network.
  var bytesPerPatch: Int { get }
  /// Logits `[B, classes]` of patches; those of a patch do not depend on the others.
  func logits(_ patches: Tensor) -> Tensor
}

/// Patches that go through a network together.
private let batch = 64

extension PatchModel {
  public var patchRadius: Int { cutter.side / 2 }
  public var bands: Int { features.bands }

  public func predictionBytes(samples: Int) -> (perLine: Int, fixed: Int) {
    let row = samples * 4 * features.dimension
    let networkBytes = batch * bytesPerPatch + 4 * weightCount
    return (row + samples * 4 * classCount, networkBytes + (2 * patchRadius + 1) * row)
  }

  public func probabilities(_ scene: Cube, lines: Range<Int>, _ context: RunContext) throws -> PixelMatrix {
    let claim = context.claimThreads()
    defer { claim.release() }
    precondition(scene.shape.bands == bands)
    let first = max(0, lines.lowerBound - patchRadius)
    let image = features.image(scene, lines: first..<min(scene.shape.lines, lines.upperBound + patchRadius))
    let wanted = scene.rows(lines: lines)
    let result = PixelMatrix(rows: wanted.count, columns: classCount)
    for start in stride(from: 0, to: wanted.count, by: batch) {
      try context.checkCancellation()
      let rows = start..<min(start + batch, wanted.count)
      let places = rows.map { Int(scene.positions[wanted.lowerBound + $0]) - first * scene.shape.samples }
      let values = logits(cutter.patches(image, places))
      let target = result.pointer + start * classCount
      target.update(from: values.pointer, count: values.count)
      Scores.softmax(target, count: rows.count, classes: classCount)
      context.progress.report(
        phase: "classifying", fraction: Double(rows.upperBound) / Double(wanted.count))
    }
    return result
  }
}

extension Features {
  /// The features of a spectrum of zeros.
  var dark: [Float] { apply(PixelMatrix(rows: 1, columns: bands)).values }

  /// The features of some lines of a scene as an image; missing pixels hold zeros.
  func image(_ scene: Cube, lines: Range<Int>) -> FeatureImage {
    let rows = scene.rows(lines: lines)
    let values = PixelMatrix(rows: rows.count, columns: dimension)
    let (source, target) = (scene.pixels.pointer + rows.lowerBound * bands, values.pointer)
    Parallel.forEachChunk(of: rows.count, chunk: Features.chunk) { _, chunk in
      apply(
        source + chunk.lowerBound * bands, count: chunk.count, into: target + chunk.lowerBound * dimension)
    }
    return FeatureImage(
      lines: lines.count, samples: scene.shape.samples, values: values, positions: scene.positions[rows],
      firstLine: lines.lowerBound)
  }
}

/// Parameters that patch networks share.
enum PatchParameters {
  static func descriptions(_ recipe: PatchRecipe) -> [ParameterDescription] {
    [
      ParameterDescription("epochs", Double(recipe.epochs), in: 1...100_000, "passes over the training pixels"),
      ParameterDescription("rate", recipe.rate, in: 1e-8...1, "learning rate"),
      ParameterDescription("batch", Double(recipe.batch), in: 1...4096, "patches per batch"),
      ParameterDescription(
        "turn", recipe.augmentation.turns ? 1 : 0, in: 0...1, "1 turns and mirrors every patch at random, 0 does not"),
      ParameterDescription(
        "gain", recipe.augmentation.gain, in: 0...0.9, "spread of a random factor on the spectra of a patch"),
      ParameterDescription(
        "noise", recipe.augmentation.noise, in: 0...10, "standard deviation of random noise on whitened features"),
      ParameterDescription(
        "replace", recipe.augmentation.replaced, in: 0...1,
        "largest share of neighbours that the middle pixel replaces at random"),
    ]
  }

  static func apply(_ parameters: MethodParameters, to recipe: inout PatchRecipe) {
    recipe.epochs = Int(parameters.value("epochs"))
    recipe.rate = parameters.value("rate")
    recipe.batch = Int(parameters.value("batch"))
    recipe.augmentation.turns = parameters.value("turn") >= 0.5
    recipe.augmentation.gain = parameters.value("gain")
    recipe.augmentation.noise = parameters.value("noise")
    recipe.augmentation.replaced = parameters.value("replace")
  }
}
