import HSICore

/// Finds the tensors of a network among the objects of a checkpoint.
///
/// - They lie under `net`, `state_dict`, `model`, `params` or a similar key where there is one, else they are all but the
///   state of optimisers and schedules.
/// - Nested containers give dotted names. `module.` and `_orig_mod.`, which parallel and compiled networks put before
///   every name, are dropped where all names have them, in any order and number.
/// - Numbers and short texts beside the tensors (epoch, iteration, …) become metadata.
struct StateDictionary {
  /// What no network needs more of.
  enum Limits {
    static let depth = 16
    static let nameLength = 1024
    static let tensors = 200_000
    static let facts = 512
    /// How often the bytes of the storages may occur in all tensors together.
    static let repetition = 16
  }

  /// Keys that hold the tensors of a network, most telling first.
  private static let networkKeys = [
    "state_dict", "model_state_dict", "net", "model", "params", "params_ema", "network", "generator",
    "weights",
  ]
  /// Beginnings of keys whose tensors belong to the training.
  private static let trainingKeys = [
    "optim", "scheduler", "lr_sched", "scaler", "amp", "loops", "callbacks", "grad_scaler", "ema_optim",
  ]
  private static let wrappers = ["module.", "_orig_mod."]

  private let unpickler: Unpickler
  private var tensors: [(name: String, tensor: PickledTensor)] = []
  private var facts: [String: String] = [:]
  private var visited = Set<Int>()

  /// - Parameter root: the outermost object of the pickle that `unpickler` has run.
  /// - Throws: `TransformerError.tooLarge`, `.badCheckpoint`, `.noTensors`.
  init(_ root: PickleValue, _ unpickler: Unpickler) throws {
    self.unpickler = unpickler
    let (network, passed) = choose(root)
    for index in passed { collectFacts(index, network) }
    if passed.isEmpty, case .container(let index) = network { collectFacts(index, network) }
    try collect(network)
    guard !tensors.isEmpty else { throw TransformerError.noTensors(path: unpickler.path) }
    while let wrapper = StateDictionary.wrappers.first(where: { wrapper in
      tensors.allSatisfy { $0.name.hasPrefix(wrapper) && $0.name != wrapper }
    }) {
      for i in tensors.indices { tensors[i].name.removeFirst(wrapper.count) }
    }
  }

  /// The tensors with their bytes.
  ///
  /// - Parameter bytes: the source of a storage and its number of bytes.
  /// - Throws: `TransformerError.unsupportedScalar`, `.badCheckpoint`, `.tooLarge`.
  func file(
    path: String, bytes: (PickledStorage) throws -> (source: any WeightSource, size: Int)
  ) throws -> WeightFile {
    var sources: [Int: any WeightSource] = [:]
    var names = Set<String>()
    var result: [WeightTensor] = []
    var (stored, claimed) = (0, 0)
    for (name, tensor) in tensors {
      guard let type = tensor.type, let count = type.count(of: tensor.shape) else {
        throw TransformerError.unsupportedScalar(path: path, tensor: name, type: tensor.typeName)
      }
      guard names.insert(name).inserted else {
        throw TransformerError.badCheckpoint(path: path, detail: "\(shortened(name)) occurs twice")
      }
      let source: any WeightSource
      if let known = sources[tensor.storage] {
        source = known
      } else {
        let storage = unpickler.storages[tensor.storage]
        let found = try bytes(storage)
        let width = storage.isUntyped ? 1 : storage.type?.size ?? 1
        let (size, overflow) = storage.count.multipliedReportingOverflow(by: width)
        guard !overflow, size == found.size else {
          throw TransformerError.badCheckpoint(
            path: path,
            detail: "\(shortened(name)) needs \(storage.count) numbers of \(width) bytes, "
              + "but its storage has \(found.size) bytes")
        }
        source = found.source
        sources[tensor.storage] = source
        stored += size
      }
      claimed = claimed.addingReportingOverflow(count * type.size).partialValue
      guard claimed >= 0, claimed <= StateDictionary.Limits.repetition * (stored + 4096) else {
        throw TransformerError.tooLarge(
          path: path, detail: "its tensors repeat the same numbers over and over")
      }
      result.append(
        WeightTensor(
          name: name, type: type, shape: tensor.shape, count: count, source: source, offset: tensor.offset,
          strides: tensor.strides))
    }
    return WeightFile(path: path, format: .pytorch, tensors: result, metadata: facts)
  }

  /// The container of the network and those passed on the way to it.
  private func choose(_ root: PickleValue) -> (network: PickleValue, passed: [Int]) {
    var (network, passed) = (root, [Int]())
    while passed.count < 4, case .container(let index) = network {
      let members = Dictionary(entries(index).map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
      guard
        let next = StateDictionary.networkKeys.lazy.compactMap({ members[$0] }).first(where: { value in
          if case .container(let index) = value { !unpickler.containers[index].items.isEmpty } else { false }
        })
      else { break }
      passed.append(index)
      network = next
    }
    return (network, passed)
  }

  /// Keys and values of a container; positions are the keys of lists.
  private func entries(_ index: Int) -> [(key: String, value: PickleValue)] {
    let container = unpickler.containers[index]
    switch container.kind {
    case .dictionary:
      return stride(from: 0, to: container.items.count - 1, by: 2).compactMap { i in
        switch container.items[i] {
        case .string(let key): (key, container.items[i + 1])
        case .int(let key): (String(key), container.items[i + 1])
        default: nil
        }
      }
    case .list, .tuple: return container.items.enumerated().map { (String($0), $1) }
    case .set: return []
    }
  }

  /// Walks a tree without recursion, each container once.
  private mutating func collect(_ root: PickleValue) throws {
    var pending: [(name: String, value: PickleValue, depth: Int)] = [("", root, 0)]
    while let (name, value, depth) = pending.popLast() {
      switch value {
      case .tensor(let index):
        guard tensors.count < StateDictionary.Limits.tensors else {
          throw TransformerError.tooLarge(path: unpickler.path, detail: "it holds too many tensors")
        }
        tensors.append((name.isEmpty ? "tensor" : name, unpickler.tensors[index]))
      case .container(let index):
        guard depth < StateDictionary.Limits.depth else {
          throw TransformerError.tooLarge(
            path: unpickler.path, detail: "its containers are nested too deeply")
        }
        guard visited.insert(index).inserted else { continue }
        for (key, value) in entries(index).reversed() {
          switch value {
          case .tensor: break
          case .container:
            if depth == 0, StateDictionary.trainingKeys.contains(where: key.hasPrefix) { continue }
          default: continue
          }
          let full = name.isEmpty ? key : name + "." + key
          guard full.utf8.count <= StateDictionary.Limits.nameLength else {
            throw TransformerError.tooLarge(
              path: unpickler.path, detail: "a name is \(full.utf8.count) bytes long")
          }
          pending.append((full, value, depth + 1))
        }
      default: break
      }
    }
  }

  /// Numbers and short texts of a container, and of plain dictionaries in it.
  private mutating func collectFacts(_ index: Int, _ network: PickleValue) {
    func text(_ value: PickleValue) -> String? {
      switch value {
      case .int(let value): String(value)
      case .float(let value): "\(value)"
      case .bool(let value): value ? "true" : "false"
      case .string(let value) where value.utf8.count <= StateDictionary.Limits.nameLength: value
      default: nil
      }
    }
    for (key, value) in entries(index) where key.utf8.count <= 128 {
      guard facts.count < StateDictionary.Limits.facts else { return }
      if let text = text(value) { facts[key] = text }
      guard case .container(let inner) = value, unpickler.containers[inner].kind == .dictionary,
        !StateDictionary.trainingKeys.contains(where: key.hasPrefix)
      else { continue }
      if case .container(let chosen) = network, chosen == inner { continue }
      for (name, value) in entries(inner).prefix(StateDictionary.Limits.facts) where name.utf8.count <= 128 {
        if let text = text(value) { facts[key + "." + name] = text }
      }
    }
  }
}
