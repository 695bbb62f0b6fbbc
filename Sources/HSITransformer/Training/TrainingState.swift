import Foundation
import HSICore

/// Everything that a training run needs to go on exactly where it stopped: weights, running statistics, moments of the
/// optimiser, averages, and the trainer's own record as JSON. One safetensors file, replaced as a whole.
public struct TrainingState {
  /// The network.
  public let store: ParameterStore
  /// Its optimiser.
  public let optimiser: Optimiser
  /// Its moving average, if one is kept.
  public let average: ExponentialMovingAverage?

  private static let recordKey = "hsi.training_record"

  /// The state of a run.
  public init(store: ParameterStore, optimiser: Optimiser, average: ExponentialMovingAverage? = nil) {
    self.store = store
    self.optimiser = optimiser
    self.average = average
  }

  /// Writes the file; an earlier one stays until the new one is complete. What was finished so far, this file included,
  /// then stays whatever fails later: it is what a run is resumed from.
  public func save<Record: Codable>(_ record: Record, to path: String) throws {
    var contents = store.contents().map { (name: "weights/\($0.name)", content: $0.content) }
    contents += optimiser.state.map { ("optimiser/\($0.name)", .floats($0.value)) }
    contents += (average?.state ?? []).map { ("average/\($0.name)", .floats($0.value)) }
    let json = String(decoding: try JSONEncoder().encode(record), as: UTF8.self)
    try SafetensorsWriter.write(
      contents, metadata: [TrainingState.recordKey: json], to: path, overwrite: true)
    OutputFile.keepFinished()
  }

  /// Restores everything from the file and returns the record.
  ///
  /// - Throws: `TransformerError` when the file does not belong to this network or is damaged.
  public func restore<Record: Codable>(_ type: Record.Type, from path: String) throws -> Record {
    let file = try WeightFile.open(path)
    guard let json = file.metadata[TrainingState.recordKey],
      let record = try? JSONDecoder().decode(type, from: Data(json.utf8))
    else { throw TransformerError.badHeader(path: path, detail: "it holds no record of this kind of training") }
    try store.load(file.droppingPrefix("weights/"), isIgnored: { $0.hasPrefix("optimiser/") || $0.hasPrefix("average/") })
    try optimiser.restore { try file["optimiser/\($0)"]?.floats() }
    try average?.restore { try file["average/\($0)"]?.floats() }
    return record
  }
}
