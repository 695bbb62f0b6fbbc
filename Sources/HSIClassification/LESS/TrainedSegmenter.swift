import Foundation
import HSICore
import HSINetworks
import HSINumerics
import HSITransformer
import Synchronization

/// One network is used by one thread at a time, whoever holds it.
final class NetworkLock: Sendable {
  let mutex = Mutex(())
}

/// A LESS ViT that maps the classes of whole windows, of scenes with any bands that have wavelengths.
///
/// Windows lie on a grid of half their side, wherever a scene is cut into strips, and are blended linearly, so that the map depends on
/// neither memory nor threads. Of more than `mostBands` bands as many are taken, evenly spread. Bands are brought to [0, 1] by the
/// statistics of the training scene at their wavelengths, or by those of the scene itself (`fitted`).
public final class TrainedSegmenter: TrainedClassifier, @unchecked Sendable {
  public let id: String
  public let curve: [TrainingPoint]
  /// The network, adapters folded.
  let network: LESSSegmenter
  /// What brings the bands of the training scene to [0, 1].
  let normalisation: BandNormalisation
  /// The bands of the training scene.
  let axis: SpectralAxis
  /// Side of a window.
  let side: Int
  /// Most bands of a pass.
  let mostBands: Int
  /// What logits are divided by: chosen by the likelihood of validation pixels, 1 where there were none.
  let temperature: Float
  /// Metres per pixel of the scene that is mapped.
  private let resolution: Double?
  /// Statistics of the scene that is mapped, where they count instead.
  private let sceneStatistics: BandNormalisation?
  private let lock: NetworkLock

  init(
    id: String, network: LESSSegmenter, normalisation: BandNormalisation, axis: SpectralAxis, side: Int, mostBands: Int,
    temperature: Float, resolution: Double? = nil, fitted: BandNormalisation? = nil, lock: NetworkLock = NetworkLock(),
    curve: [TrainingPoint]
  ) {
    // Single precision from here on, as in a file.
    func single(_ values: [Double]) -> [Double] { values.map { Double(Float($0)) } }
    (self.id, self.network, self.curve) = (id, network, curve)
    self.normalisation = BandNormalisation(
      means: single(normalisation.means), deviations: single(normalisation.deviations))
    self.axis = SpectralAxis(wavelengths: single(axis.wavelengths ?? []))
    (self.side, self.mostBands, self.temperature) = (side, mostBands, temperature)
    (self.resolution, sceneStatistics, self.lock) = (resolution, fitted, lock)
  }

  public var classCount: Int { network.configuration.network.classes }
  public var bands: Int { normalisation.count }
  public var takesAnyBands: Bool { true }
  public var takesAnyUnits: Bool { true }
  public var lineMultiple: Int { side / 2 }
  public var patchRadius: Int { side }

  public func predictionBytes(samples: Int) -> (perLine: Int, fixed: Int) {
    let tokens =
      (mostBands + 1)
      * (side * side / (network.configuration.network.encoder.patch * network.configuration.network.encoder.patch) + 1)
    let width = network.configuration.network.encoder.width
    return (
      samples * (2 * bands + 8 * classCount + 8),
      batch * (8 * tokens * width + side * side * (mostBands + 2 * classCount)) * 4
        + 8 * network.store.parameterCount
    )
  }

  /// Windows that go through the network together.
  private var batch: Int { 4 }

  public func fitted(
    to source: any StripSource, resolution: Double?, acceptsAnyRange: Bool, named name: String, _ context: RunContext
  ) throws -> any TrainedClassifier {
    guard let expected = normalisation.interpolated(from: axis, to: source.metadata.axis) else {
      throw ClassificationError.modelMismatch(
        model: name, reason: "its bands have no wavelengths, by which \(id) tells them apart",
        advice: "give them with \(option: "wavelengths") or \(option: "sensor")")
    }
    if !acceptsAnyRange { try checkRange(source.metadata.axis, named: name, context) }
    let own = try BandNormalisation(source, context)
    let distance = expected.distance(to: own)
    func fitted(_ normalisation: BandNormalisation?) -> TrainedSegmenter {
      TrainedSegmenter(
        id: id, network: network, normalisation: self.normalisation, axis: axis, side: side, mostBands: mostBands,
        temperature: temperature,
        resolution: resolution, fitted: normalisation, lock: lock, curve: curve)
    }
    guard distance > TrainedSegmenter.scaleLimit else { return fitted(nil) }
    context.warn(
      "W-MODEL-SCALE",
      "the values of the scene lie \(String(format: "%.1f", distance)) deviations from those that \(name) was trained on; "
        + "the scene is brought to its range by its own statistics: if the units differ, convert the scene")
    return fitted(own)
  }

  /// Median distance of band means, in deviations of the training scene, beyond which a scene counts as one of another scale.
  static let scaleLimit = 1.5

  /// Says how far the bands of a scene reach beyond those of the training.
  private func checkRange(_ scene: SpectralAxis, named name: String, _ context: RunContext) throws {
    guard let own = axis.wavelengths, let other = scene.wavelengths, let low = own.min(), let high = own.max() else {
      return
    }
    let outside = other.filter { $0 < low - 50 || $0 > high + 50 }
    let inside = other.count - outside.count
    guard inside >= 4 else {
      throw ClassificationError.modelMismatch(
        model: name,
        reason:
          "\(inside) of the \(other.count) bands of the scene lie within the \(PlainNumber.rounded(low))–\(PlainNumber.rounded(high)) nm that it was trained on",
        advice: "use a model of the same range")
    }
    guard !outside.isEmpty else { return }
    context.warn(
      "W-MODEL-RANGE",
      "\(outside.count) of \(other.count) bands lie more than 50 nm outside the \(PlainNumber.rounded(low))–\(PlainNumber.rounded(high)) nm "
        + "that \(name) was trained on: leave them out with \(option: "wl") to be sure")
  }

  public func probabilities(_ scene: Cube, lines: Range<Int>, _ context: RunContext) throws -> PixelMatrix {
    let claim = context.claimThreads()
    defer { claim.release() }
    let normalisation =
      sceneStatistics ?? normalisation.interpolated(from: axis, to: scene.metadata.axis) ?? normalisation
    var quiet = context
    quiet.progress = SilentProgress()
    let image = try NormalisedScene(scene, normalisation: normalisation, resolution: resolution, quiet)
    let chosen = image.evenBands(mostBands)
    let (samples, classes, step) = (scene.shape.samples, classCount, side / 2)
    let sums = Tensor.zeros([lines.count, samples, classes])
    // First lines and samples of windows that reach what is wanted; the part begins on a multiple of the step.
    let tops = Array(stride(from: lines.lowerBound / step * step - step, to: lines.upperBound, by: step))
    let lefts = Array(stride(from: -step, to: samples, by: step))
    let cuts = tops.flatMap { top in lefts.map { WindowCut(line: top, sample: $0) } }
    for start in stride(from: 0, to: cuts.count, by: batch) {
      try context.checkCancellation()
      let part = Array(cuts[start..<min(start + batch, cuts.count)])
      let input = image.input(part, side: side, bands: chosen)
      let logits = lock.mutex.withLock { _ in network(input, Tape(.inference)).value.copy() }
      if temperature != 1 { for i in 0..<logits.count { logits.output[i] /= temperature } }
      Scores.softmax(logits.output, count: part.count * side * side, classes: classes)
      for (n, cut) in part.enumerated() {
        add(logits.pointer + n * side * side * classes, cut, lines, samples, to: sums)
      }
      context.progress.report(
        phase: "classifying", fraction: Double(min(start + batch, cuts.count)) / Double(cuts.count))
    }
    let rows = scene.rows(lines: lines)
    let result = PixelMatrix(rows: rows.count, columns: classes)
    for (n, row) in rows.enumerated() {
      let place = Int(scene.positions[row]) - lines.lowerBound * samples
      let values = sums.pointer + place * classes
      let total = (0..<classes).reduce(Float(0)) { $0 + values[$1] }
      for c in 0..<classes { result.pointer[n * classes + c] = total > 0 ? values[c] / total : 1 / Float(classes) }
    }
    return result
  }

  /// Adds the probabilities of a window, weighted by how far a pixel lies from its border.
  private func add(
    _ values: UnsafePointer<Float>, _ cut: WindowCut, _ lines: Range<Int>, _ samples: Int, to sums: Tensor
  ) {
    let classes = classCount
    func weight(_ place: Int) -> Float { Float(min(place, side - 1 - place)) + 0.5 }
    for row in 0..<side where lines.contains(cut.line + row) {
      for column in 0..<side where (0..<samples).contains(cut.sample + column) {
        let share = weight(row) * weight(column)
        let target = sums.output + ((cut.line + row - lines.lowerBound) * samples + cut.sample + column) * classes
        let source = values + (row * side + column) * classes
        for c in 0..<classes { target[c] += share * source[c] }
      }
    }
  }

  // MARK: - Model files

  enum Key {
    static let side = "window_side"
    static let bands = "most_bands"
    static let temperature = "temperature"
  }

  public var contents: [(name: String, content: SafetensorsWriter.Content)] {
    normalisationContents(normalisation, axis) + network.store.contents()
  }

  /// Statistics of bands and their wavelengths, as files have them.
  func normalisationContents(
    _ normalisation: BandNormalisation, _ axis: SpectralAxis
  ) -> [(name: String, content: SafetensorsWriter.Content)] {
    func vector(_ values: [Double]) -> SafetensorsWriter.Content {
      .floats(Tensor([values.count], values.map(Float.init)))
    }
    return [
      ("normalisation.mean", vector(normalisation.means)),
      ("normalisation.deviation", vector(normalisation.deviations)),
      ("normalisation.wavelengths", vector(axis.wavelengths ?? [])),
    ]
  }

  /// What `normalisationContents` wrote.
  static func normalisation(of file: WeightFile) throws -> (BandNormalisation, SpectralAxis) {
    let mean = try file.vector("normalisation.mean")
    let deviation = try file.vector("normalisation.deviation", count: mean.count)
    let wavelengths = try file.vector("normalisation.wavelengths", count: mean.count)
    return (
      BandNormalisation(means: mean.map(Double.init), deviations: deviation.map(Double.init)),
      SpectralAxis(wavelengths: wavelengths.map(Double.init))
    )
  }

  public var configuration: [String: String] {
    LESSSegmenter.cardConfiguration(network.configuration).merging(
      [Key.side: "\(side)", Key.bands: "\(mostBands)", Key.temperature: "\(temperature)"]) { $1 }
  }

  /// Reads what `contents` and `configuration` wrote.
  ///
  /// - Throws: `ClassificationError.badModel`, `TransformerError`.
  convenience init(_ file: WeightFile, _ card: ModelCard) throws {
    let settings = card.configuration ?? [:]
    func number(_ key: String, _ range: ClosedRange<Double>) throws -> Double {
      guard let value = settings[key].flatMap(Double.init), range.contains(value) else {
        throw ClassificationError.badModel(
          path: file.path, reason: "`\(key)` of its card is not from \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
    guard settings[LESSSegmenter.configurationKey] != nil else {
      throw ClassificationError.badModel(
        path: file.path, reason: "its card does not describe a \(LESSSegmenter.architecture)")
    }
    var inner = card
    inner.architecture = LESSSegmenter.architecture
    let network = try ModelFile<LESSSegmenter>(file, card: inner).model { $0.hasPrefix("normalisation.") }.network
    let (normalisation, axis) = try TrainedSegmenter.normalisation(of: file)
    let side = Int(try number(Key.side, 2...1024))
    let patch = network.configuration.network.encoder.patch
    guard side % (2 * patch) == 0 else {
      throw ClassificationError.badModel(
        path: file.path, reason: "windows of \(side) pixels are not made of patches of \(patch)")
    }
    self.init(
      id: card.architecture, network: network,
      normalisation: normalisation, axis: axis, side: side,
      mostBands: Int(try number(Key.bands, 1...10_000)), temperature: Float(try number(Key.temperature, 0.01...100)),
      curve: [])
  }
}
