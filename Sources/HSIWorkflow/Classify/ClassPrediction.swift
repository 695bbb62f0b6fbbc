import Foundation
import HSIClassification
import HSICore
import HSIRaster

extension ProductName {
  /// Value of the class of a pixel, N × 1.
  public static let classMap: ProductName = "class"
  /// Probability of every class, N × C.
  public static let probabilities: ProductName = "probabilities"
  /// Probability of the class in the map, N × 1.
  public static let confidence: ProductName = "confidence"
  /// Entropy of the probabilities of a pixel, −Σ p ln p / ln C, N × 1: 0 where one class is certain, 1 where all are alike.
  public static let entropy: ProductName = "entropy"
  /// How far the most probable class is ahead of the next one, N × 1, from 0 to 1.
  public static let margin: ProductName = "margin"
}

/// A scene and a model whose classes it is to be mapped by, strip by strip.
///
/// ```swift
/// let map = try ClassPrediction(SceneRequest("scene.hdr"), model).map(context)
/// try map.write(to: "map.tif", context)
/// ```
public struct ClassPrediction {
  /// What is mapped.
  public var scene: SceneRequest
  /// The model.
  public var model: ClassificationModel
  /// How messages name the model.
  public var modelName: String
  /// Models of the same classes whose probabilities are averaged with those of the model (an ensemble), and their names.
  public var companions: [(model: ClassificationModel, name: String)] = []

  /// A scene and a model.
  public init(_ scene: SceneRequest, _ model: ClassificationModel, named modelName: String = "the model") {
    self.scene = scene
    self.model = model
    self.modelName = modelName
  }

  /// Maps the scene in memory: two bytes per pixel beside the work.
  ///
  /// - Throws: as `HSIWorkflow.PredictJob.run`.
  public func map(_ context: RunContext) throws -> ClassMap {
    let claim = context.claimThreads()
    defer { claim.release() }
    let opened = try OpenPrediction(self, context)
    let shape = opened.source.shape
    var ids = [UInt16](repeating: 0, count: shape.pixels)
    _ = try opened.run(context) { strip in
      guard let values = strip[.classMap] else { return }
      let first = strip.window.line * shape.samples
      for (n, place) in strip.positions.enumerated() { ids[first + Int(place)] = UInt16(values[n, 0]) }
    }
    let labels = LabelMap(lines: shape.lines, samples: shape.samples, ids: ids).with(model.classes)
    return ClassMap(labels: labels, metadata: opened.metadata)
  }
}

/// Classes of all pixels of a scene, with the metadata of the scene.
public struct ClassMap: Sendable {
  /// The classes; 0 is no data.
  public var labels: LabelMap
  /// Metadata of the part of the scene that was mapped.
  public var metadata: CubeMetadata

  /// Writes the map as a raster with the values, names and colours of its classes.
  ///
  /// - Returns: the files written.
  /// - Throws: the errors of `RasterFormats.create`.
  @discardableResult
  public func write(
    to path: String, writing: RasterWriting = RasterWriting(), inputs: [String] = [], _ context: RunContext
  ) throws -> [String] {
    let claim = context.claimThreads()
    defer { claim.release() }
    return try ClassRaster.write(
      { Float(labels.ids[$0]) }, lines: labels.lines, samples: labels.samples, classes: labels.classes.byValue,
      type: labels.classes.sampleType, name: "class", like: metadata, summary: nil, to: path,
      options: writing.options(inputs: inputs), context)
  }
}

/// A prediction whose scene is open on the bands of its models.
struct OpenPrediction {
  /// The model whose classes are mapped.
  let model: ClassificationModel
  /// What maps the scene; the probabilities of several are averaged.
  private let members: [Member]
  let opened: OpenScene
  /// The scene on the bands that the model needs.
  let file: FileSource

  /// A model and the scene as it is shown to it.
  private struct Member {
    let classifier: any TrainedClassifier
    /// The file, or a resampled view of it.
    let source: any StripSource

    /// Lines on either side that decide about a line: so many that what is read begins at a multiple of the classifier's.
    var margin: Int {
      let multiple = classifier.lineMultiple
      return (classifier.contextRadius + multiple - 1) / multiple * multiple
    }
  }

  /// Opens the scene.
  ///
  /// - Throws: the errors of opening, `ClassificationError.modelMismatch`.
  init(_ prediction: ClassPrediction, _ context: RunContext) throws {
    model = prediction.model
    let opened = try prediction.scene.open(context)
    self.opened = opened
    var files: [FileSource] = []
    members = try ([(prediction.model, prediction.modelName)] + prediction.companions).map { model, name in
      guard model.classes.values == prediction.model.classes.values else {
        throw ClassificationError.modelMismatch(
          model: name, reason: "its classes are not those of \(prediction.modelName)",
          advice: "average models that were trained on the same labels")
      }
      let known = model.classifier
      let (file, source) = try SceneBands.source(
        opened, for: known.takesAnyBands ? nil : model.axis, model: name, context)
      files.append(file)
      try model.checkUnits(of: source, named: name, isTold: prediction.scene.opening.factor != nil, context)
      return Member(
        classifier: try known.fitted(
          to: source, resolution: opened.metadata.georeference?.metresPerPixel, acceptsAnyRange: false, named: name,
          context),
        source: source)
    }
    file = files[0]
  }

  /// Size of what is mapped; bands are those of the model.
  var source: any StripSource { members[0].source }

  /// Metadata of the part of the scene that is mapped.
  var metadata: CubeMetadata { opened.metadata.cropping(to: file.window) }

  /// Lines to classify at a time: as many as keep pixels with their margin, the classifiers' work and the results within
  /// half the budget and the pixels within 256 MiB, and begin at multiples of every classifier's.
  private func stripLines(_ context: RunContext) throws -> Int {
    let shape = source.shape
    var (perRead, perLine, fixed, least) = (0, 0, 0, 1)
    for member in members {
      let work = member.classifier.predictionBytes(samples: shape.samples)
      let reading = shape.samples * (member.source.shape.bands * 4 + 5) + member.source.workingBytesPerLine
      perRead = max(perRead, reading)
      perLine = max(perLine, reading + work.perLine)
      fixed = max(fixed, 2 * member.margin * reading + work.fixed)
      least = OpenPrediction.commonMultiple(least, member.classifier.lineMultiple)
    }
    perLine += shape.samples * ((members.count > 1 ? 12 : 8) * model.classes.count + 32)
    let needed = least * perLine + fixed
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose:
          "classifying \(least == 1 ? "one line" : "\(least) lines") of \(shape.samples) pixels with "
          + members.map(\.classifier.id).joined(separator: " and "),
        needed: needed, budget: context.memory.bytes)
    }
    let room = max(0, context.memory.bytes / 2 - fixed) / perLine
    let margin = members.map(\.margin).max() ?? 0
    let lines = max(1, min(shape.lines, room, max(margin + 1, (256 << 20) / max(1, perRead))))
    return max(lines / least, 1) * least
  }

  private static func commonMultiple(_ a: Int, _ b: Int) -> Int {
    var (x, y) = (a, b)
    while y != 0 { (x, y) = (y, x % y) }
    return a / x * b
  }

  /// Probabilities of some lines: places of the pixels in them, and a row for each; several members are averaged with equal weight over
  /// those that have the pixel.
  private func probabilities(
    lines: Range<Int>, _ strip: Strip, _ context: RunContext
  ) throws -> (positions: [Int32], values: PixelMatrix) {
    var result: (positions: [Int32], values: PixelMatrix)?
    var counts: [Float] = []
    for member in members {
      let shape = member.source.shape
      let (top, bottom) = (max(0, lines.lowerBound - member.margin), min(shape.lines, lines.upperBound + member.margin))
      try member.source.read(lines: top..<bottom, into: strip)
      let part = Cube(
        shape: CubeShape(lines: bottom - top, samples: shape.samples, bands: shape.bands),
        metadata: member.source.metadata, pixels: strip.pixels, positions: strip.positions)
      let wanted = (lines.lowerBound - top)..<(lines.upperBound - top)
      let values = try member.classifier.probabilities(part, lines: wanted, context)
      let offset = Int32(wanted.lowerBound * shape.samples)
      let positions = part.rows(lines: wanted).map { strip.positions[$0] - offset }
      guard let sums = result else {
        result = (positions, values)
        counts = [Float](repeating: 1, count: positions.count)
        continue
      }
      var other = 0
      for (row, place) in sums.positions.enumerated() {
        while other < positions.count, positions[other] < place { other += 1 }
        guard other < positions.count, positions[other] == place else { continue }
        for c in 0..<values.columns { sums.values[row, c] += values[other, c] }
        counts[row] += 1
      }
    }
    guard let result else { preconditionFailure("a prediction without models") }
    for (row, count) in counts.enumerated() where count > 1 {
      for c in 0..<result.values.columns { result.values[row, c] /= count }
    }
    return result
  }

  /// Entropy and margin of the probabilities of a pixel.
  private static func doubt(_ row: UnsafeMutableBufferPointer<Float>, _ winner: Int) -> (entropy: Float, margin: Float)
  {
    var (sum, next) = (0.0, Float(0))
    for c in 0..<row.count {
      let p = row[c]
      if p > 0 { sum -= Double(p) * log(Double(p)) }
      if c != winner { next = max(next, p) }
    }
    return (Float(max(sum, 0) / log(Double(max(row.count, 2)))), row[winner] - next)
  }

  /// Classifies all valid pixels and hands over class, probabilities, confidence, entropy and margin strip by strip, in order.
  ///
  /// - Returns: pixels of every class, in the order of the model's.
  /// - Throws: `CoreError.memory`, `.cancelled`; `RasterError.inconsistent` for a scene without a valid pixel.
  func run(_ context: RunContext, _ deliver: (ProductStrip) throws -> Void) throws -> [Int] {
    let height = try stripLines(context)
    let shape = source.shape
    var counts = [Int](repeating: 0, count: model.classes.count)
    let strip = Strip()
    let (values, best) = (PixelMatrix(rows: 0, columns: 1), PixelMatrix(rows: 0, columns: 1))
    let (entropy, lead) = (PixelMatrix(rows: 0, columns: 1), PixelMatrix(rows: 0, columns: 1))
    context.progress.report(phase: "classifying", fraction: 0)
    for first in stride(from: 0, to: shape.lines, by: height) {
      try context.checkCancellation()
      let last = min(shape.lines, first + height)
      let share = Double(first) / Double(shape.lines)...Double(last) / Double(shape.lines)
      var inner = context
      inner.progress = PartialProgress(context.progress, phase: "classifying", part: share)
      let (positions, probabilities) = try probabilities(lines: first..<last, strip, inner)
      values.reshape(rows: positions.count, columns: 1)
      for matrix in [best, entropy, lead] { matrix.reshape(rows: positions.count, columns: 1) }
      for n in 0..<positions.count {
        let row = probabilities.row(n)
        var winner = 0
        for c in 1..<row.count where row[c] > row[winner] { winner = c }
        counts[winner] += 1
        values[n, 0] = Float(model.classes.values[winner])
        best[n, 0] = row[winner]
        (entropy[n, 0], lead[n, 0]) = OpenPrediction.doubt(row, winner)
      }
      var results = ProductStrip(
        window: PixelWindow(line: first, sample: 0, lines: last - first, samples: shape.samples),
        positions: positions)
      results[.classMap] = values
      results[.probabilities] = probabilities
      results[.confidence] = best
      results[.entropy] = entropy
      results[.margin] = lead
      try deliver(results)
      context.progress.report(phase: "classifying", fraction: Double(last) / Double(shape.lines))
    }
    guard counts.contains(where: { $0 > 0 }) else {
      throw RasterError.inconsistent(
        path: opened.path, reason: "it has no valid pixel",
        advice: "check \(option: "nodata"), \(option: "mask") and \(option: "window")")
    }
    return counts
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
