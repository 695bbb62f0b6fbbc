/// Methods, models, instruments … by name: an id or an alias leads to an entry, in any case of letters.
///
/// ```swift
/// let denoisers = MethodRegistry("denoising method", [PCA.self, MNF.self]) { $0.description }
/// let type = try denoisers.entry("pca")
/// ```
public struct MethodRegistry<Entry: Sendable>: Sendable {
  /// What an entry is, for messages: `classifier`.
  public let kind: String
  /// The entries in order.
  public let entries: [Entry]
  private let describe: @Sendable (Entry) -> MethodDescription

  /// A register.
  ///
  /// - Parameter describe: tells the names of an entry, and all else that is known about it.
  public init(_ kind: String, _ entries: [Entry], describe: @escaping @Sendable (Entry) -> MethodDescription) {
    self.kind = kind
    self.entries = entries
    self.describe = describe
  }

  /// What is known about every entry, in order.
  public var descriptions: [MethodDescription] { entries.map(describe) }

  /// The entry of an id or alias; nil where there is none.
  public func find(_ name: String) -> Entry? {
    let wanted = name.lowercased()
    return entries.first { describe($0).isNamed(wanted) }
  }

  /// The entry of an id or alias.
  ///
  /// - Throws: `CoreError.unknownMethod`, which lists what there is and suggests what may have been meant.
  public func entry(_ name: String) throws -> Entry {
    guard let entry = find(name) else {
      let all = descriptions
      throw CoreError.unknownMethod(
        kind: kind, name: name, known: all.map(\.id), aliases: all.flatMap(\.aliases))
    }
    return entry
  }

  /// The register with those of another one behind its own.
  public func appending(_ others: [Entry]) -> MethodRegistry {
    MethodRegistry(kind, entries + others, describe: describe)
  }
}

extension MethodRegistry: RandomAccessCollection {
  public var startIndex: Int { entries.startIndex }
  public var endIndex: Int { entries.endIndex }
  public subscript(position: Int) -> Entry { entries[position] }
}

extension MethodDescription {
  /// Whether a name in lower case is the id or an alias.
  func isNamed(_ name: String) -> Bool { id == name || aliases.contains(name) }
}
