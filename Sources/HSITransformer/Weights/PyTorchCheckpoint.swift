import HSICore

/// The zip format of `torch.save`: `NAME/data.pkl` describes the objects, `NAME/data/KEY` holds the numbers of each
/// storage, `NAME/byteorder` says in which order.
enum PyTorchCheckpoint {
  /// The tensors of a mapped file.
  ///
  /// - Throws: `TransformerError`.
  static func read(_ file: WeightBytes, path: String) throws -> WeightFile {
    let archive = try ZipArchive(file.bytes, path: path)
    let pickles = archive.entries.filter { $0.name.hasSuffix("/data.pkl") || $0.name == "data.pkl" }
    guard let pickle = pickles.first else { throw TransformerError.notAWeightFile(path: path) }
    guard pickles.count == 1 else {
      throw TransformerError.badCheckpoint(path: path, detail: "it holds \(pickles.count) pickles")
    }
    let folder = pickle.name.dropLast("data.pkl".count)
    guard pickle.size <= Unpickler.Limits.bytes else {
      throw TransformerError.tooLarge(path: path, detail: "its pickle is \(pickle.size) bytes long")
    }
    var isBigEndian = false
    if let order = archive[folder + "byteorder"], order.size <= 16 {
      try ZipMember(order, of: file, path: path).withBytes { bytes, _ in
        isBigEndian = bytes.elementsEqual("big".utf8)
      }
    }
    var members: [String: ZipMember] = [:]
    var result: WeightFile?
    try ZipMember(pickle, of: file, path: path).withBytes { bytes, _ in
      var unpickler = Unpickler(bytes, path: path)
      let root = try unpickler.run()
      result = try StateDictionary(root, unpickler).file(path: path) { storage in
        if let member = members[storage.key] { return (member, member.size) }
        guard let entry = archive[folder + "data/" + storage.key] else {
          throw TransformerError.badCheckpoint(
            path: path, detail: "the storage \(shortened(storage.key)) is not in it")
        }
        let member = ZipMember(entry, of: file, path: path, isBigEndian: isBigEndian)
        members[storage.key] = member
        return (member, member.size)
      }
    }
    guard let result else { throw TransformerError.noTensors(path: path) }
    return result
  }
}

/// The format of `torch.save` before PyTorch 1.6: four pickles (a signature, a version, facts about the machine, the
/// objects), a pickled list of keys, then for each key the number of values and the values.
enum LegacyCheckpoint {
  /// Protocol 2, and the signature as a ten-byte integer.
  private static let signature: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E,
  ]

  /// True when a file begins as such a file does.
  static func matches(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.starts(with: signature) }

  /// The tensors of a mapped file.
  ///
  /// - Throws: `TransformerError`.
  static func read(_ file: WeightBytes, path: String) throws -> WeightFile {
    func failure(_ detail: String) -> TransformerError { .badCheckpoint(path: path, detail: detail) }
    let bytes = file.bytes
    var head = Unpickler(bytes, position: signature.count, path: path)
    guard case .int(1001) = try head.run() else { throw failure("its version is not read") }
    let isBigEndian = try isBigEndian(head.run(), head)
    var unpickler = Unpickler(bytes, position: head.position, path: path)
    let root = try unpickler.run()
    var tail = Unpickler(bytes, position: unpickler.position, path: path)
    guard case .container(let list) = try tail.run() else { throw failure("its list of storages is damaged") }
    var sizes: [String: Int] = [:]
    for storage in unpickler.storages {
      let width = storage.isUntyped ? 1 : storage.type?.size ?? 0
      guard sizes.updateValue(width, forKey: storage.key).map({ $0 == width }) ?? true else {
        throw failure("the storage \(shortened(storage.key)) has two types")
      }
    }
    var sources: [String: LegacyStorage] = [:]
    var position = tail.position
    for key in tail.containers[list].items {
      guard case .string(let key) = key, let width = sizes[key] else {
        throw failure("its list of storages is damaged")
      }
      guard width > 0 else {
        throw TransformerError.unsupportedScalar(
          path: path, tensor: "a storage", type: "complex or quantised")
      }
      guard let count = bytes.little(Int64.self, at: position) else {
        throw TransformerError.truncated(path: path, expected: position + 8, found: bytes.count)
      }
      let (size, overflow) = Int(count).multipliedReportingOverflow(by: width)
      guard count >= 0, !overflow else { throw failure("a storage of \(count) values") }
      guard size <= bytes.count - position - 8 else {
        throw TransformerError.truncated(
          path: path, expected: size.addingReportingOverflow(position + 8).partialValue, found: bytes.count)
      }
      sources[key] = LegacyStorage(
        file: file, path: path, range: (position + 8)..<(position + 8 + size), isBigEndian: isBigEndian)
      position += 8 + size
    }
    return try StateDictionary(root, unpickler).file(path: path) { storage in
      guard let source = sources[storage.key] else {
        throw failure("the storage \(shortened(storage.key)) is not in it")
      }
      return (source, source.range.count)
    }
  }

  /// `little_endian` of the facts about the machine.
  private static func isBigEndian(_ facts: PickleValue, _ head: Unpickler) throws -> Bool {
    guard case .container(let index) = facts else { return false }
    let items = head.containers[index].items
    for i in stride(from: 0, to: items.count - 1, by: 2) {
      if case .string("little_endian") = items[i], case .bool(false) = items[i + 1] { return true }
    }
    return false
  }
}

/// Numbers that lie in the mapped file as they are.
private struct LegacyStorage: WeightSource {
  let file: WeightBytes
  let path: String
  let range: Range<Int>
  let isBigEndian: Bool

  func withBytes(_ body: (UnsafeRawBufferPointer, _ swaps: Bool) throws -> Void) throws {
    try withExtendedLifetime(file) {
      try body(UnsafeRawBufferPointer(rebasing: file.bytes[range]), isBigEndian != (1.bigEndian == 1))
    }
  }
}
