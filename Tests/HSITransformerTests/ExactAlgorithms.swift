import Testing

@testable import HSITransformer

/// Runs every test of a suite with direct algorithms only.
struct ExactAlgorithms: TestTrait, SuiteTrait, TestScoping {
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await Exactness.$isRequired.withValue(true) { try await function() }
  }
}

extension Trait where Self == ExactAlgorithms {
  static var exactAlgorithms: Self { Self() }
}
