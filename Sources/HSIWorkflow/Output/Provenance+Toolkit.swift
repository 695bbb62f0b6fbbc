import HSICore
import HSIReport

extension Provenance {
  /// Provenance of a job of this toolkit that begins now.
  ///
  /// - Parameters:
  ///   - options: values after defaults, by name.
  ///   - isClassification: whether the libraries of classifiers are listed too.
  init(options: [String: String] = [:], isClassification: Bool = false, _ context: RunContext) {
    self.init(
      arguments: context.invocation.arguments, options: options, version: Toolkit.version,
      libraries: isClassification ? Toolkit.classificationLibraries : Toolkit.libraries, context: context)
  }
}
