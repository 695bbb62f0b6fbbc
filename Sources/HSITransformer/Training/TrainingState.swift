import Foundation
import HSICore

/// Everything that a training run needs to go on exactly where it stopped: weights, running statistics, what the update rule
/// remembers, averages, the best weights, and the trainer's own record as JSON. One safetensors file, replaced as a whole.
public struct TrainingState {
  /// The network.
  public let store: ParameterStore
  /// Its optimiser.
  public let optimiser: Optimiser
  /// Its moving average, if one is kept.
  public let average: ExponentialMovingAverage?
  /// The weights of the best score in the order of the store, if they are kept.
  public var best: [Tensor]?

  private static let recordKey = "hsi.training_record"
  private static let parts = (weights: "weights/", optimiser: "optimiser/", average: "average/", best: "best/")

  /// The state of a run.
  public init(
    store: ParameterStore, optimiser: Optimiser, average: ExponentialMovingAverage? = nil, best: [Tensor]? = nil
  ) {
    self.store = store
    self.optimiser = optimiser
    self.average = average
    self.best = best
  }

  /// Writes the file; an earlier one stays until the new one is complete. What was finished so far, this file included,
  /// then stays whatever fails later: it is what a run is resumed from.
  ///
  /// - Parameter overwrite: whether a file of that name may be replaced.
  /// - Throws: the errors of `SafetensorsWriter.write`.
  public func save<Record: Codable>(_ record: Record, to path: String, overwrite: Bool = true) throws {
    let parts = TrainingState.parts
    var contents = store.contents().map { (name: "\(parts.weights)\($0.name)", content: $0.content) }
    contents += optimiser.state.map { ("\(parts.optimiser)\($0.name)", .floats($0.value)) }
    contents += (average?.state ?? []).map { ("\(parts.average)\($0.name)", .floats($0.value)) }
    if let best { contents += zip(store.parameters, best).map { ("\(parts.best)\($0.name)", .floats($1)) } }
    let encoder = JSONEncoder()
    // Equal runs write equal bytes.
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    let json = String(decoding: try encoder.encode(record), as: UTF8.self)
    try SafetensorsWriter.write(
      contents, metadata: [TrainingState.recordKey: json], to: path, overwrite: overwrite)
    OutputFile.keepFinished()
  }

  /// The record in a file.
  ///
  /// - Throws: `TransformerError.badHeader` when there is none of this kind.
  public static func record<Record: Codable>(_ type: Record.Type, in file: WeightFile) throws -> Record {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    guard let json = file.metadata[recordKey], let record = try? decoder.decode(type, from: Data(json.utf8)) else {
      throw TransformerError.badHeader(path: file.path, detail: "it holds no record of this kind of training")
    }
    return record
  }

  /// Restores everything from the file and returns the record.
  ///
  /// - Throws: `TransformerError` when the file does not belong to this network or is damaged.
  public mutating func restore<Record: Codable>(_ type: Record.Type, from path: String) throws -> Record {
    let file = try WeightFile.open(path)
    let record = try TrainingState.record(type, in: file)
    let parts = TrainingState.parts
    try store.load(file.droppingPrefix(parts.weights)) { name in
      [parts.optimiser, parts.average, parts.best].contains { name.hasPrefix($0) }
    }
    try optimiser.restore { try file[parts.optimiser + $0]?.floats() }
    try average?.restore { try file[parts.average + $0]?.floats() }
    best = nil
    if file.tensors.contains(where: { $0.name.hasPrefix(parts.best) }) {
      best = try store.parameters.map { parameter in
        let name = parts.best + parameter.name
        guard let tensor = file[name], tensor.count == parameter.value.count else {
          throw TransformerError.missingTensor(path: path, tensor: name, model: parameter.shape, instead: nil)
        }
        return try tensor.floats().reshaped(parameter.shape)
      }
    }
    return record
  }
}
