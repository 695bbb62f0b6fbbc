import HSICore

/// How labelled pixels are to be divided.
public struct SplitRequest: Sendable, Hashable {
  /// The rule.
  public enum Scheme: String, Sendable, CaseIterable {
    /// Compact blocks of training pixels, and a guard band around them.
    case disjoint
    /// Pixels drawn at random, class by class.
    case random
    /// The same number of pixels of every class, at random.
    case fixed
  }

  /// How many pixels to learn from.
  public enum Amount: Sendable, Hashable, CustomStringConvertible {
    /// A share of all labelled pixels, 0…1.
    case share(Double)
    /// A number: of all classes together, of every class in the scheme `fixed`.
    case count(Int)
    /// A number of every class, whatever the scheme.
    case perClass(Int)

    /// Parses `10%`, `0.1`, `500` or `10/class`.
    public init?(_ text: String) {
      if text.hasSuffix("/class") {
        guard let count = Int(text.dropLast("/class".count)), (1...1 << 40).contains(count) else { return nil }
        self = .perClass(count)
      } else if text.hasSuffix("%") {
        guard let value = Double(text.dropLast()), value > 0, value < 100 else { return nil }
        self = .share(value / 100)
      } else if let count = Int(text) {
        guard (1...1 << 40).contains(count) else { return nil }
        self = .count(count)
      } else if let value = Double(text), value > 0, value < 1 {
        self = .share(value)
      } else {
        return nil
      }
    }

    public var description: String {
      switch self {
      case .share(let value): SplitRequest.percent(value)
      case .count(let count): "\(count)"
      case .perClass(let count): "\(count) per class"
      }
    }
  }

  /// The rule.
  public var scheme: Scheme
  /// How many pixels to learn from.
  public var training: Amount
  /// Share of the labelled pixels to choose settings by, 0…1.
  public var validation: Double
  /// Distance that the scheme `disjoint` keeps between test pixels and all others; the radius of the patches.
  public var guardRadius: Int

  /// A request: by default 10 % in disjoint blocks.
  public init(
    scheme: Scheme = .disjoint, training: Amount = .share(0.1), validation: Double = 0, guardRadius: Int = 7
  ) {
    self.scheme = scheme
    self.training = training
    self.validation = validation
    self.guardRadius = guardRadius
  }

  /// Divides the pixels of a map. The draw depends on the seed of the context alone.
  ///
  /// - Throws: `ClassificationError.tooFewPixels` for a class from which nothing can be learned, or nothing tested on;
  ///   `.tooFewClasses`.
  public func split(_ labels: LabelMap, _ context: RunContext) throws -> Split {
    guard labels.classes.count >= 2 else { throw ClassificationError.tooFewClasses(count: labels.classes.count) }
    let counts = labels.counts
    let wanted = try trainingCounts(counts, labels.classes)
    let judging = validationCounts(counts, training: wanted)
    for (index, count) in counts.enumerated() where wanted[index] + judging[index] >= count {
      throw ClassificationError.tooFewPixels(
        name: labels.classes.names[index], count: count, needed: wanted[index] + judging[index] + 1,
        purpose: "a split with \(wanted[index]) training pixel\(wanted[index] == 1 ? "" : "s")")
    }
    let facts = SplitFacts(
      scheme: scheme.rawValue, training: asked,
      validation: SplitRequest.percent(validation), guardRadius: scheme == .disjoint ? guardRadius : 0,
      seed: context.seed)
    var result: Split
    switch scheme {
    case .random, .fixed:
      result = RandomSplit.make(labels, training: wanted, validation: judging, facts: facts)
    case .disjoint:
      result = try DisjointSplit(labels, radius: guardRadius, seed: context.seed)
        .make(training: wanted, validation: judging, facts: facts, context)
    }
    result.facts = facts
    warnOfMissingClasses(result, labels, context)
    return result
  }

  private func warnOfMissingClasses(_ split: Split, _ labels: LabelMap, _ context: RunContext) {
    let (counts, test) = (labels.counts, split.counts(.test, of: labels))
    let band = split.counts(.guardBand, of: labels)
    for (index, name) in labels.classes.names.enumerated() where test[index] == 0 {
      context.warn(
        "W-SPLIT-CLASS",
        "\(ClassTable.title(name)) (\(counts[index]) pixels) has no test pixels: \(band[index]) lie in the guard band of "
          + "\(guardRadius) pixels; lower \(option: "guard"), or accept that the class is not judged")
    }
  }

  /// What was asked for, in words.
  private var asked: String {
    if case .perClass = training { return "\(training)" }
    return scheme == .fixed ? "\(training) per class" : "\(training)"
  }

  /// Training pixels of every class, at least 1.
  func trainingCounts(_ counts: [Int], _ classes: ClassTable) throws -> [Int] {
    let total = counts.reduce(0, +)
    switch (scheme, training) {
    case (.fixed, .count(let count)), (_, .perClass(let count)):
      return counts.map { _ in count }
    case (.fixed, .share(let share)):
      return counts.map { max(1, Int(clamping: (Double($0) * share).rounded())) }
    case (_, .share(let share)):
      return SplitRequest.apportioned(total - SplitRequest.ceiling((1 - share) * Double(total)), among: counts).map {
        max(1, $0)
      }
    case (_, .count(let count)):
      guard count < total else {
        throw ClassificationError.tooFewPixels(
          name: "all classes together", count: total, needed: count + 1,
          purpose: "a split with \(count) training pixels")
      }
      return SplitRequest.apportioned(count, among: counts).map { max(1, $0) }
    }
  }

  private func validationCounts(_ counts: [Int], training: [Int]) -> [Int] {
    guard validation > 0 else { return counts.map { _ in 0 } }
    let total = Int(clamping: (Double(counts.reduce(0, +)) * validation).rounded())
    // The rarest classes keep a pixel to be tested on.
    return zip(SplitRequest.apportioned(total, among: counts), zip(counts, training)).map { share, pixels in
      max(0, min(max(1, share), pixels.0 - pixels.1 - 1))
    }
  }

  /// `total` divided in proportion to `counts`: whole parts first, then one each to the largest remainders, the larger
  /// class and then the earlier one first in a tie.
  static func apportioned(_ total: Int, among counts: [Int]) -> [Int] {
    let sum = Double(max(1, counts.reduce(0, +)))
    let exact = counts.map { Double($0) / sum * Double(total) }
    var result = exact.map { Int(clamping: $0) }
    let missing = total - result.reduce(0, +)
    let order = counts.indices.sorted { a, b in
      let (x, y) = (exact[a] - Double(result[a]), exact[b] - Double(result[b]))
      return (x, counts[a], b) > (y, counts[b], a)
    }
    for index in order.prefix(max(0, missing)) { result[index] += 1 }
    return result
  }

  /// The next whole number, forgiving what binary fractions add.
  private static func ceiling(_ value: Double) -> Int { Int(clamping: (value - 1e-9 * max(1, value)).rounded(.up)) }

  static func percent(_ share: Double) -> String {
    let value = (share * 1e6).rounded() / 1e4
    return (value == value.rounded() ? "\(Int(clamping: value))" : "\(value)") + "%"
  }
}
