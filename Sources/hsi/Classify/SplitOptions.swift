import ArgumentParser
import HSIKit

/// How labelled pixels are divided.
struct SplitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How: disjoint (blocks with a guard band), random, or fixed (the same number per class).", valueName: "scheme"),
    completion: NameCompletion.cases(of: SplitRequest.Scheme.self))
  var scheme = "disjoint"

  @Option(
    name: .customLong("train"),
    help: "Pixels to learn from: a share (10%), a number (per class with fixed), or a number of every class (10/class)."
  )
  var training = "10%"

  @Option(help: "Share of pixels to choose settings by, e.g. 5%.")
  var validation = "0%"

  @Option(
    name: .customLong("guard"),
    help: "Distance in pixels between test pixels and all others: half the patch of the model.")
  var guardRadius: Int?

  /// The rule; its guard band fits the model where none was given.
  func division() throws -> LabelDivision {
    let request = try request(defaultGuard: SplitJob.usualRadius)
    return guardRadius == nil ? .ruleForModel(request) : .rule(request)
  }

  /// The rule, with a radius where none was given.
  func request(defaultGuard: Int) throws -> SplitRequest {
    guard let kind = SplitRequest.Scheme(rawValue: scheme) else {
      throw CoreError.invalidParameter(
        name: "--scheme", value: scheme,
        requirement: "one of "
          + (SplitRequest.Scheme.allCases.map(\.rawValue) + ["file (hsi classify split)"]).joined(separator: ", "))
    }
    guard let amount = SplitRequest.Amount(training) else {
      throw CoreError.invalidParameter(
        name: "--train", value: training,
        requirement: "a share such as 10%, a number of pixels from 1, or one of every class such as 10/class")
    }
    var share = 0.0
    if !["0", "0%"].contains(validation) {
      guard case .share(let value)? = SplitRequest.Amount(validation), value < 0.9 else {
        throw CoreError.invalidParameter(
          name: "--validation", value: validation, requirement: "a share such as 5%, below 90%")
      }
      share = value
    }
    let radius = guardRadius ?? defaultGuard
    guard (0...10_000).contains(radius) else {
      throw CoreError.invalidParameter(name: "--guard", value: "\(radius)", requirement: "from 0 to 10000 pixels")
    }
    return SplitRequest(scheme: kind, training: amount, validation: share, guardRadius: radius)
  }
}
