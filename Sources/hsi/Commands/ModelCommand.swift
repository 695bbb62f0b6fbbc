import ArgumentParser
import Foundation
import HSIKit

/// `hsi model`: files of network weights.
struct ModelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "model", abstract: "Look into weight files, compare and convert them, fold adapters, prune.",
    subcommands: [
      ModelInfoCommand.self, ModelDiffCommand.self, ModelConvertCommand.self, ModelMergeCommand.self,
      ModelPruneCommand.self,
    ])

  /// Opens weights by path, or by name in the folders of the model path.
  static func open(_ name: String) throws -> WeightFile {
    try Configuration().install()
    return try WeightFile.open(WeightSearch.locate(name))
  }
}

/// `hsi model info`.
struct ModelInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "List the tensors, facts and model card of a weight file.",
    discussion: """
      Reads .safetensors and PyTorch's .pth, .pt and .ckpt; nothing in them is run.

      Examples:
        hsi model info hsdt_m.pth
        hsi model info hsdt_s.safetensors --json
      """)

  @Argument(help: "The weights.")
  var file: String

  @Flag(help: "JSON on standard output.")
  var json = false

  func run() throws {
    let weights = try ModelCommand.open(file)
    try Terminal.output(json ? object(weights) + "\n" : text(weights))
  }

  private func text(_ weights: WeightFile) throws -> String {
    let bytes = weights.tensors.reduce(0) { $0 + $1.storedBytes }
    let dense = weights.tensors.reduce(0) { $0 + $1.count * $1.type.size }
    let parameters = ModelInfoCommand.parameters(weights)
    var lines = [
      ("file", weights.path),
      (
        "format",
        "\(weights.format.rawValue), \(weights.tensors.count) tensors, \(MemoryBudget.text(bytes))"
          + (bytes < dense ? " without their zeros, \(MemoryBudget.text(dense)) with them" : "")
      ),
      ("values", "\(parameters) parameters, \(weights.valueCount - parameters) in statistics and tables"),
    ]
    let holding = try ModelHolding(weights)
    lines += holding.lines
    lines += try weights.card()?.summary ?? []
    lines += weights.metadata.filter { $0.key != ModelCard.metadataKey }.sorted { $0.key < $1.key }
      .map { ($0.key, printable($0.value)) }
    let width = lines.map(\.0.count).max() ?? 0
    var text = lines.map { "\(padded($0.0, width))  \($0.1)\n" }.joined() + "\n"
    let rows = weights.tensors.map { tensor in
      (
        printable(tensor.name), tensor.type.rawValue,
        tensor.shape.isEmpty ? "scalar" : tensor.shape.map(String.init).joined(separator: " × "),
        "\(tensor.count)"
      )
    }
    let names = max(4, rows.map(\.0.count).max() ?? 0)
    let shapes = max(5, rows.map(\.2.count).max() ?? 0)
    text += "\(padded("name", names))  type  \(padded("shape", shapes))      values\n"
    for row in rows {
      let count = String(repeating: " ", count: max(0, 12 - row.3.count)) + row.3
      text += "\(padded(row.0, names))  \(padded(row.1, 4))  \(padded(row.2, shapes))\(count)\n"
    }
    return text
  }

  /// Values of floating-point tensors that are no running statistics.
  private static func parameters(_ weights: WeightFile) -> Int {
    weights.tensors.filter { tensor in
      tensor.type.isFloatingPoint && !["running_mean", "running_var"].contains { tensor.name.hasSuffix($0) }
    }.reduce(0) { $0 + $1.count }
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  /// Text of a file on one line of a terminal.
  private func printable(_ text: String) -> String {
    let clean = text.unicodeScalars.prefix(200).map {
      $0.properties.generalCategory == .control ? " " : String($0)
    }
    return clean.joined() + (text.unicodeScalars.count > 200 ? "…" : "")
  }

  private func object(_ weights: WeightFile) throws -> String {
    var object: [String: Any] = [
      "file": weights.path, "format": weights.format.rawValue, "values": weights.valueCount,
      "parameters": ModelInfoCommand.parameters(weights),
      "metadata": weights.metadata.filter { $0.key != ModelCard.metadataKey },
      "tensors": weights.tensors.map {
        ["name": $0.name, "type": $0.type.rawValue, "shape": $0.shape, "values": $0.count] as [String: Any]
      },
    ]
    if let card = try weights.card() {
      object["card"] = try JSONSerialization.jsonObject(with: Data(card.json.utf8))
    }
    object.merge(try ModelHolding(weights).object) { $1 }
    let data = try JSONSerialization.data(
      withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self)
  }
}

/// What a file of weights holds, by the registers of networks and classifiers.
private struct ModelHolding {
  private let network: NetworkDescription?
  /// Why the network that the card names cannot be.
  private let refusal: String?
  private let classifier: MethodDescription?
  private let isSaid: Bool

  init(_ weights: WeightFile) throws {
    let card = try weights.card()
    isSaid = card?.configuration != nil
    classifier = card.flatMap { card in
      Classifiers.descriptions.first { $0.id == card.architecture }
    }
    do {
      network = try Networks.all.recognise(weights)
      refusal = nil
    } catch let error as any HSIError {
      network = nil
      refusal = error.problem
    }
  }

  /// For people; the configuration only where the card does not say it.
  var lines: [(String, String)] {
    var lines: [(String, String)] = []
    if let network {
      lines.append(("network", "\(network.name) (\(network.id)), \(network.task), \(network.parameters) parameters"))
      if !isSaid { lines.append(("configuration", network.configuration)) }
    }
    if let refusal { lines.append(("network", "none: \(refusal)")) }
    if let classifier { lines.append(("classifier", "\(classifier.name) (\(classifier.id))")) }
    return lines
  }

  /// For programs.
  var object: [String: Any] {
    var object: [String: Any] = [:]
    if let network {
      object["network"] =
        [
          "id": network.id, "name": network.name, "architecture": network.architecture, "task": network.task,
          "parameters": network.parameters,
          "configuration": (try? JSONSerialization.jsonObject(with: Data(network.configuration.utf8))) ?? [:],
        ] as [String: Any]
    }
    if let refusal { object["network"] = ["refused": refusal] }
    if let classifier { object["classifier"] = ["id": classifier.id, "name": classifier.name] }
    return object
  }
}

/// `hsi model convert`.
struct ModelConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert", abstract: "Convert a PyTorch checkpoint to safetensors.",
    discussion: """
      Only the network is kept, not the state of its training; numbers keep
      their type. Facts such as the epoch become metadata.

      Examples:
        hsi model convert hsdt_m.pth hsdt_m.safetensors
        hsi model convert last.ckpt net.safetensors --drop-prefix net.
      The text embeddings that published MP-HSIR checkpoints lack (docs/mp-hsir.md) are put beside the weights:
        hsi model convert official.ckpt mp-hsir.safetensors --prompts prompts.safetensors
      """)

  @Argument(help: "The weights.")
  var file: String

  @Argument(help: "The safetensors file to write.")
  var destination: String

  @Option(help: "Take this from the start of the names that have it.")
  var dropPrefix: String?

  @Option(
    help: ArgumentHelp(
      "Text embeddings for an MP-HSIR checkpoint: a file, or drawn:SEED for a stand-in of random ones.",
      valueName: "file|drawn:seed"))
  var prompts: String?

  @Flag(help: "Replace an existing output.")
  var overwrite = false

  func run() throws {
    var weights = try ModelCommand.open(file)
    if let prompts {
      try bundle(weights.droppingPrefix(dropPrefix ?? ""), prompts)
      return
    }
    if let dropPrefix { weights = weights.droppingPrefix(dropPrefix) }
    try SafetensorsWriter.write(
      weights.tensors.map { ($0.name, .stored($0)) }, metadata: weights.metadata, to: destination,
      overwrite: overwrite, inputs: [weights.path])
  }
}

extension ModelConvertCommand {
  /// Writes an MP-HSIR with its table of text embeddings and a card that says how to build it.
  private func bundle(_ weights: WeightFile, _ prompts: String) throws {
    let source: MPHSIRTextEmbeddings
    if prompts == "drawn" || prompts.hasPrefix("drawn:") {
      guard let seed = prompts == "drawn" ? 0 : UInt64(prompts.dropFirst(6)) else {
        throw CoreError.invalidParameter(name: "--prompts", value: prompts, requirement: "a file, or drawn:SEED")
      }
      source = .drawn(seed: seed)
    } else {
      source = .file(WeightSearch.locate(prompts))
    }
    var model = try MPHSIR.read(weights, text: source)
    if case .drawn(let seed) = source { model.card.notes = "text embeddings drawn under seed \(seed): a stand-in" }
    model.card.source = model.card.source ?? (weights.path as NSString).lastPathComponent
    model.card.parameters = model.network.store.parameterCount
    var inputs = [weights.path]
    if case .file(let path) = source { inputs.append(path) }
    try model.write(to: destination, overwrite: overwrite, inputs: inputs)
  }
}

/// `hsi model merge`.
struct ModelMergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge", abstract: "Fold adapters into the weights beside them.",
    discussion: """
      Takes what hsi classify finetune and hsi train write, whatever --adapter was. An adapter with a gate stays, \
      because the gate depends on the input; its residual is folded. Folded matrices are written in single precision.

      Examples:
        hsi model merge tuned.safetensors plain.safetensors
        hsi model merge base.safetensors plain.safetensors --adapter mine.safetensors
      """)

  @Argument(help: "The weights, with adapters or without.")
  var file: String

  @Argument(help: "The safetensors file to write.")
  var destination: String

  @Option(help: "A file with adapters for these weights.")
  var adapter: String?

  @Option(help: "Alpha of the adapters (default: what their file says).")
  var alpha: Double?

  @Flag(help: "Replace an existing output.")
  var overwrite = false

  func run() throws {
    if let alpha, !alpha.isFinite {
      throw CoreError.invalidParameter(name: "--alpha", value: "\(alpha)", requirement: "a number")
    }
    let base = try ModelCommand.open(file)
    let result = try AdapterMerge.merge(base, adapter: adapter.map { try ModelCommand.open($0) }, alpha: alpha)
    var metadata = base.metadata
    if result.gated.isEmpty { metadata[AdapterMerge.alphaKey] = nil }
    let isPruned = try adapter.map { try ModelCommand.open($0).card()?.pruning != nil } ?? false
    try SafetensorsWriter.write(
      isPruned ? SparseStorage.packed(result.tensors) : result.tensors, metadata: metadata, to: destination,
      overwrite: overwrite,
      inputs: [base.path] + (adapter.map { [WeightSearch.locate($0)] } ?? []))
    try Terminal.output(
      "folded \(result.folded.count) adapters"
        + (result.changed.isEmpty ? "" : ", changed values of \(result.changed.count) tensors")
        + (result.gated.isEmpty ? "" : ", kept the gates of \(result.gated.count)") + "\n")
  }
}
