import Foundation
import HSICore
import HSITransformer

/// A trained classifier with all that a scene needs to meet it: classes, bands, how it was trained. One `.safetensors`
/// file with a model card.
public struct ClassificationModel: Sendable {
  /// What was learned.
  public let classifier: any TrainedClassifier
  /// Its classes: values in maps, names, colours.
  public let classes: ClassTable
  /// The bands that it was trained on.
  public let axis: SpectralAxis
  /// How training and test pixels were told apart, where that is known.
  public var split: SplitFacts?
  /// Pixels that it learned from, per class.
  public var trainingCounts: [Int]
  /// How bright the pixels were that it learned from, where that is known.
  public var brightness: BrightnessRange?
  /// The training curve.
  public let curve: [TrainingPoint]
  /// Where it comes from.
  public var card: ModelCard

  fileprivate enum Key {
    static let classes = "hsi_classes"
    static let fwhm = "hsi_fwhm"
    static let split = "hsi_split"
    static let counts = "hsi_training_pixels"
    static let brightness = "hsi_brightness"
    static let curve = "hsi_curve"
    static let base = "hsi_base"
    static let own = [classes, fwhm, split, counts, brightness, curve, base]
  }

  /// What a classifier learned from a scene.
  public init(
    _ classifier: any TrainedClassifier, classes: ClassTable, axis: SpectralAxis, trainingCounts: [Int],
    split: SplitFacts?
  ) {
    precondition(classes.count == classifier.classCount && axis.count == classifier.bands)
    self.classifier = classifier
    self.classes = classes
    self.axis = axis
    self.split = split
    self.trainingCounts = trainingCounts
    curve = classifier.curve
    card = ModelCard(architecture: classifier.id)
    card.task = "classification"
    card.bands = axis.count
    card.wavelengths = axis.wavelengths
  }

  /// The same with another classifier of its kind.
  public func replacing(_ classifier: any TrainedClassifier) -> ClassificationModel {
    ClassificationModel(
      classifier: classifier, classes: classes, axis: axis, split: split, trainingCounts: trainingCounts,
      brightness: brightness, curve: curve, card: card)
  }

  /// Writes the file.
  ///
  /// - Throws: the errors of `SafetensorsWriter.write`.
  public func write(to path: String, overwrite: Bool, inputs: [String] = []) throws {
    var card = card
    // That of an adapter says so.
    card.architecture = classifier.id
    var settings = classifier.configuration
    settings[Key.classes] = text(classes)
    settings[Key.fwhm] = axis.fwhm.map { text($0) }
    settings[Key.split] = split.map { text($0) }
    settings[Key.counts] = text(trainingCounts)
    settings[Key.brightness] = brightness.map { text($0) }
    settings[Key.curve] = curve.isEmpty ? nil : text(curve.map(StoredPoint.init))
    settings[Pruning.key] = card.pruning
    card.configuration = settings
    try SafetensorsWriter.write(
      card.packed(classifier.contents), card: card, to: path, overwrite: overwrite, inputs: inputs)
  }

  /// Reads a file that `write` made.
  ///
  /// - Throws: `TransformerError` for files that are no weights or damaged, `ClassificationError.badModel` for weights
  ///   of something else and for contents that contradict each other.
  public static func read(_ path: String) throws -> ClassificationModel {
    let file = try WeightFile.open(path)
    guard let card = try file.card() else {
      throw ClassificationError.badModel(path: path, reason: "it has no model card")
    }
    guard let entry = Classifiers.all.first(where: { $0.description.id == card.architecture }) else {
      throw ClassificationError.badModel(
        path: path, reason: "it holds \(card.architecture)\(card.task.map { ", made for \($0)" } ?? "")")
    }
    let settings = card.configuration ?? [:]
    func decoded<Value: Decodable>(_ type: Value.Type, _ key: String) throws -> Value? {
      guard let json = settings[key] else { return nil }
      guard let value = try? JSONDecoder().decode(type, from: Data(json.utf8)) else {
        throw ClassificationError.badModel(path: path, reason: "`\(key)` of its card is not understood")
      }
      return value
    }
    func require(_ isGood: Bool, _ reason: String) throws {
      if !isGood { throw ClassificationError.badModel(path: path, reason: reason) }
    }
    let classifier = try entry.restore(file, card)
    guard let stored = try decoded(StoredClasses.self, Key.classes), let classes = stored.table else {
      throw ClassificationError.badModel(path: path, reason: "its card names no classes")
    }
    try require(
      classes.count == classifier.classCount,
      "its card names \(classes.count) classes but its weights tell \(classifier.classCount) apart")
    let fwhm = try decoded([Double].self, Key.fwhm)
    try require(
      (card.wavelengths?.count ?? classifier.bands) == classifier.bands
        && (fwhm?.count ?? classifier.bands) == classifier.bands
        && (card.wavelengths ?? []).allSatisfy { $0.isFinite } && (fwhm ?? []).allSatisfy { $0.isFinite && $0 >= 0 },
      "its card lists other wavelengths than its \(classifier.bands) bands")
    var axis = SpectralAxis(count: classifier.bands)
    if let wavelengths = card.wavelengths { axis = SpectralAxis(wavelengths: wavelengths, fwhm: fwhm) }
    let counts = try decoded([Int].self, Key.counts) ?? []
    try require(counts.isEmpty || counts.count == classes.count, "its card counts training pixels of other classes")
    return ClassificationModel(
      classifier: classifier, classes: classes, axis: axis, split: try decoded(SplitFacts.self, Key.split),
      trainingCounts: counts, brightness: try decoded(BrightnessRange.self, Key.brightness),
      curve: try decoded([StoredPoint].self, Key.curve)?.map(\.point) ?? classifier.curve,
      card: card)
  }

  fileprivate init(
    classifier: any TrainedClassifier, classes: ClassTable, axis: SpectralAxis, split: SplitFacts?,
    trainingCounts: [Int], brightness: BrightnessRange?, curve: [TrainingPoint], card: ModelCard
  ) {
    self.classifier = classifier
    self.classes = classes
    self.axis = axis
    self.split = split
    self.trainingCounts = trainingCounts
    self.brightness = brightness
    self.curve = curve
    self.card = card
    self.card.configuration = card.configuration?.filter { !Key.own.contains($0.key) }
  }

  /// A digest of names and values of the weights, by which adapters know what they were trained beside.
  private func weightsDigest() throws -> String {
    var digest = Fingerprint()
    for (name, content) in classifier.contents {
      digest.add(Array(name.utf8).map(Int.init))
      switch content {
      case .floats(let tensor): digest.add(tensor.pointer, count: tensor.count)
      case .stored(let tensor):
        let values = try tensor.floats()
        digest.add(values.pointer, count: values.count)
      case .integers(let values, _): digest.add(values.map(Int.init))
      case .bytes(let values): digest.add(values.map(Int.init))
      }
    }
    return digest.text
  }

  fileprivate func text(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}

// MARK: - Adapters

extension ClassificationModel {
  /// What fine-tuning learned, with the classes that it learned, as a file holds it.
  ///
  /// - Parameters:
  ///   - card: what is known about the training; architecture, task and bands are set here.
  ///   - classes: those of the new labels.
  ///   - brightness: of the pixels that it learned from.
  ///   - path: where it is written, or is said to be in errors.
  /// - Throws: `TransformerError` for a damaged model file.
  public func file(
    of adapter: TrainedAdapter, card: ModelCard, classes: ClassTable, trainingCounts: [Int], split: SplitFacts,
    brightness: BrightnessRange? = nil, named path: String
  ) throws -> WeightFile {
    var card = card
    card.architecture = classifier.id + TrainedAdapter.suffix
    card.task = "classification"
    let axis = adapter.axis ?? axis
    card.bands = axis.count
    card.wavelengths = axis.wavelengths
    var settings = adapter.configuration
    settings[Key.classes] = text(classes)
    settings[Key.split] = text(split)
    settings[Key.counts] = text(trainingCounts)
    settings[Key.brightness] = brightness.map { text($0) }
    settings[Key.curve] = adapter.curve.isEmpty ? nil : text(adapter.curve.map(StoredPoint.init))
    settings[Key.base] = try weightsDigest()
    card.configuration = settings
    return try WeightFile(adapter.contents, card: card, named: path)
  }

  /// Writes `file(of:…)`; zeros of pruned weights are left out.
  ///
  /// - Throws: the errors of `SafetensorsWriter.write`.
  public func write(
    _ adapter: TrainedAdapter, card: ModelCard, classes: ClassTable, trainingCounts: [Int], split: SplitFacts,
    brightness: BrightnessRange? = nil, to path: String, overwrite: Bool, inputs: [String] = []
  ) throws {
    let file = try file(
      of: adapter, card: card, classes: classes, trainingCounts: trainingCounts, split: split, brightness: brightness,
      named: path)
    try SafetensorsWriter.write(
      file.contents(packing: file.card()?.pruning != nil), metadata: file.metadata, to: path, overwrite: overwrite,
      inputs: inputs)
  }

  /// The model with an adapter of a file, which may have other classes.
  ///
  /// - Throws: `ClassificationError.notAdaptable`, `.badModel`, `TransformerError`.
  public func adapted(by path: String, model name: String) throws -> ClassificationModel {
    try adapted(by: WeightFile.open(path), model: name)
  }

  /// The same with an opened file, or one in memory.
  public func adapted(by file: WeightFile, model name: String) throws -> ClassificationModel {
    let path = file.path
    guard let base = classifier as? any AdaptableClassifier else {
      throw ClassificationError.notAdaptable(
        model: name, kind: try Classifiers.entry(classifier.id).description.name)
    }
    guard let card = try file.card(), card.architecture == classifier.id + TrainedAdapter.suffix else {
      throw ClassificationError.badModel(path: path, reason: "it is no adapter of \(classifier.id)")
    }
    let settings = card.configuration ?? [:]
    if let wanted = settings[Key.base], try wanted != weightsDigest() {
      throw ClassificationError.otherBase(adapter: path, model: name)
    }
    func decoded<Value: Decodable>(_ type: Value.Type, _ key: String) -> Value? {
      settings[key].flatMap { try? JSONDecoder().decode(type, from: Data($0.utf8)) }
    }
    let result = try base.adapted(by: file)
    var axis = axis
    if result.takesAnyBands, let own = card.wavelengths { axis = SpectralAxis(wavelengths: own) }
    guard let classes = decoded(StoredClasses.self, Key.classes)?.table, classes.count == result.classCount,
      result.bands == axis.count
    else {
      throw ClassificationError.badModel(path: path, reason: "its classes or bands contradict its weights")
    }
    return ClassificationModel(
      classifier: result, classes: classes, axis: axis, split: decoded(SplitFacts.self, Key.split),
      trainingCounts: decoded([Int].self, Key.counts) ?? [],
      brightness: decoded(BrightnessRange.self, Key.brightness) ?? brightness,
      curve: decoded([StoredPoint].self, Key.curve)?.map(\.point) ?? [], card: card)
  }
}

/// The classes of a card, not yet trusted.
private struct StoredClasses: Decodable {
  var values: [UInt16]
  var entries: [ClassEntry]

  /// The table, nil where the lists contradict each other.
  var table: ClassTable? {
    let isAscending = zip(values, values.dropFirst()).allSatisfy { $0 < $1 }
    guard values.count == entries.count, (2...ClassTable.limit).contains(values.count), isAscending, values[0] > 0,
      entries.allSatisfy({ $0.colour.count == 3 && $0.name.utf8.count <= 4096 })
    else { return nil }
    return ClassTable(values: values, entries: entries)
  }
}

/// A point of the curve as model files have it.
private struct StoredPoint: Codable {
  var epoch: Int
  var loss: Double
  var validationAccuracy: Double?
  var rate: Double

  init(_ point: TrainingPoint) {
    (epoch, loss, validationAccuracy, rate) = (point.epoch, point.loss, point.validationAccuracy, point.rate)
  }

  var point: TrainingPoint {
    TrainingPoint(epoch: epoch, loss: loss, validationAccuracy: validationAccuracy, rate: rate)
  }
}
