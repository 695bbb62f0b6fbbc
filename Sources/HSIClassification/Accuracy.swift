import HSICore

/// How often each class was taken for which: rows are the truth, columns the result.
public struct ConfusionMatrix: Sendable, Codable, Equatable {
  /// Classes × classes.
  public private(set) var counts: [[Int]]
  /// Pixels of each true class that the result gives none of the classes.
  public private(set) var unclassified: [Int]

  /// An empty matrix.
  public init(classes: Int) {
    counts = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
    unclassified = [Int](repeating: 0, count: classes)
  }

  /// The matrix of pairs of classes; nil in the result is no class.
  public init(classes: Int, truth: [Int], result: [Int?]) {
    self.init(classes: classes)
    for (a, b) in zip(truth, result) { add(truth: a, result: b) }
  }

  /// Adds one pixel.
  public mutating func add(truth: Int, result: Int?) {
    if let result { counts[truth][result] += 1 } else { unclassified[truth] += 1 }
  }

  /// Adds all pixels of another matrix of the same classes. Associative and commutative, exactly.
  public mutating func merge(_ other: ConfusionMatrix) {
    precondition(other.classes == classes, "a matrix of \(other.classes) classes for \(classes)")
    for truth in counts.indices {
      unclassified[truth] += other.unclassified[truth]
      for result in counts.indices { counts[truth][result] += other.counts[truth][result] }
    }
  }

  /// Number of classes.
  public var classes: Int { counts.count }
  /// Pixels of each true class.
  public var support: [Int] { counts.indices.map { counts[$0].reduce(unclassified[$0], +) } }
  /// Pixels that the result gives each class.
  public var predicted: [Int] { counts.indices.map { k in counts.reduce(0) { $0 + $1[k] } } }
  /// All pixels.
  public var total: Int { support.reduce(0, +) }
  /// Pixels with the right class.
  public var correct: Int { counts.indices.reduce(0) { $0 + counts[$1][$1] } }
  /// Mean over the classes that occur of TP / (TP + FP + FN), a share (mIoU); NaN where none occurs.
  public var meanIntersectionOverUnion: Double {
    let values = zip(counts.indices, zip(support, predicted)).compactMap { k, pixels -> Double? in
      let union = pixels.0 + pixels.1 - counts[k][k]
      return union > 0 ? Double(counts[k][k]) / Double(union) : nil
    }
    return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
  }
}

/// Figures of one class; nil where nothing could be divided by.
public struct ClassAccuracy: Sendable, Codable, Equatable {
  /// Pixels of the class.
  public var support: Int
  /// Share of the pixels given this class that have it (user's accuracy).
  public var precision: Double?
  /// Share of the pixels of the class that were given it (producer's accuracy).
  public var recall: Double?
  /// Harmonic mean of the two, `2 TP / (2 TP + FP + FN)`.
  public var f1: Double?

  /// Figures of a class.
  public init(support: Int, precision: Double?, recall: Double?, f1: Double?) {
    self.support = support
    self.precision = precision
    self.recall = recall
    self.f1 = f1
  }
}

/// The usual figures of a confusion matrix, as shares (not percent).
public struct Accuracy: Sendable, Codable, Equatable {
  /// Share of the pixels with the right class (OA).
  public var overall: Double
  /// Mean recall of the classes that have pixels (AA).
  public var average: Double
  /// Cohen's κ = (p₀ − pₑ)/(1 − pₑ), pₑ = Σ row · column / total²; 0 where pₑ is 1.
  public var kappa: Double
  /// Mean F1 of the classes that have pixels.
  public var meanF1: Double
  /// Per class.
  public var classes: [ClassAccuracy]

  /// The figures; NaN for an empty matrix. Unclassified pixels count as wrong.
  public init(_ matrix: ConfusionMatrix) {
    let (support, predicted, total) = (matrix.support, matrix.predicted, Double(matrix.total))
    classes = support.indices.map { k in
      let hits = matrix.counts[k][k]
      func ratio(_ a: Int, _ b: Int) -> Double? { b > 0 ? Double(a) / Double(b) : nil }
      return ClassAccuracy(
        support: support[k], precision: ratio(hits, predicted[k]), recall: ratio(hits, support[k]),
        f1: ratio(2 * hits, predicted[k] + support[k]))
    }
    func mean(_ values: [Double]) -> Double { values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count) }
    overall = total > 0 ? Double(matrix.correct) / total : .nan
    average = mean(classes.compactMap(\.recall))
    meanF1 = mean(classes.filter { $0.support > 0 }.compactMap(\.f1))
    let chance = zip(support, predicted).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } / (total * total)
    kappa = total > 0 ? (chance < 1 ? (overall - chance) / (1 - chance) : 0) : .nan
  }
}

/// Mean and standard deviation (n − 1) over runs with different seeds.
public struct Spread: Sendable, Codable, Equatable {
  public var mean: Double
  /// 0 for a single run.
  public var deviation: Double
  /// Number of runs.
  public var runs: Int

  /// Of some values; at least one.
  public init(_ values: [Double]) {
    precondition(!values.isEmpty)
    runs = values.count
    mean = values.reduce(0, +) / Double(runs)
    let m = mean
    deviation = runs > 1 ? (values.reduce(0) { $0 + ($1 - m) * ($1 - m) } / Double(runs - 1)).squareRoot() : 0
  }
}
