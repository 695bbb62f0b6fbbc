import Synchronization

/// Whether fast algorithms with a larger rounding error (Winograd convolutions) may be used in this process.
public enum Exactness {
  private static let state = Atomic<Bool>(false)

  /// True: direct algorithms only, for comparison with reference values. Default false.
  public static var isRequired: Bool {
    get { state.load(ordering: .relaxed) }
    set { state.store(newValue, ordering: .relaxed) }
  }
}
