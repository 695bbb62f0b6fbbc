/// Whether fast algorithms with a larger rounding error (Winograd convolutions) may be used.
///
///     Exactness.$isRequired.withValue(true) { network(x, tape) }
public enum Exactness {
  /// True: direct algorithms only, for comparison with reference values. Default false. A value of the current task.
  @TaskLocal public static var isRequired = false
}
