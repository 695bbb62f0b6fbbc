import ArgumentParser
import HSIKit

/// What shells complete for options and arguments whose values are names: taken from the registers, so that what is added
/// there completes by itself.
enum NameCompletion {
  /// The methods of some tasks.
  static func methods(_ tasks: MethodTask..., also names: [String] = []) -> CompletionKind {
    .list(names + unique(MethodList.all.entries.filter { tasks.contains($0.task) }.map(\.id)))
  }

  /// All methods.
  static var methods: CompletionKind { .list(unique(MethodList.all.entries.map(\.id))) }

  /// The cases of an enumeration.
  static func cases<Value: RawRepresentable & CaseIterable>(of _: Value.Type) -> CompletionKind
  where Value.RawValue == String { .list(Value.allCases.map(\.rawValue)) }

  /// The instruments whose band centres are known.
  static var sensors: CompletionKind { .list(SensorTable.all.map(\.name)) }

  private static func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }
}
