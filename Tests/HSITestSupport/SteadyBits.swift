import Testing

/// Holds computations to equal bits while other tests of the process switch the instruction level of its kernels: they are
/// repeated until an attempt saw no switch. What differs by itself differs in every attempt.
///
/// - Parameter comparison: returns what differed; an error counts as a difference.
public func expectSteadyBits(
  attempts: Int = 8, _ comparison: () throws -> [String], sourceLocation: SourceLocation = #_sourceLocation
) {
  var differences: [String] = []
  for _ in 0..<attempts {
    do { differences = try comparison() } catch { differences = ["\(error)"] }
    if differences.isEmpty { return }
  }
  Issue.record(
    "in all of \(attempts) attempts: \(differences.prefix(5).joined(separator: "; "))", sourceLocation: sourceLocation)
}
