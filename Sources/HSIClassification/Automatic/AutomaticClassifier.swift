import Foundation
import HSICore
import HSINumerics
import HSITransformer

/// Whether the probabilities of a classifier are smoothed along the edges of the scene (`ProbabilitySmoothing`).
public enum Refinement: String, Sendable, CaseIterable {
  /// Never.
  case none
  /// Always, with radius 3.
  case epf
  /// Where spatial folds of the training pixels are told apart better with it.
  case auto
}

/// Classifiers that vote: chosen, with what they see and whether their probabilities are smoothed, by spatial folds inside the training
/// pixels.
///
/// One classifier that is the best of many on held-out training pixels is often not the best elsewhere: a few blocks say little, and the more
/// that are compared, the more the winner owes to chance. So means of probabilities are compared, few of them, and what is less
/// usual has to earn it, nearby and far away (`SpatialFolds`):
///
/// 1. nearest neighbours and extremely randomised trees on spectra and on MNF components, unless
/// 2. the same two on MNF components with morphological profiles, for fields with a shape, get more of the held-out pieces right and no fewer of
///    the held-out regions, or
/// 3. shrinkage discriminant analysis and logistic regression on spectra and MNF components get at most 0.7 times as many of the
///    pieces wrong, and no fewer of the regions right.
///
/// Right is counted plain and smoothed together. Probabilities are smoothed where that gets more of the pieces right, in a tie where the mean
/// logarithm of the probability of the right class is larger. Nothing but training pixels takes part. Without eight neighbouring pairs
/// of training pixels of one class there are no MNF components. `docs/accuracy-classification.md` has the row.
public struct AutomaticClassifier: SteppedClassifier {
  public static let description = MethodDescription(
    id: "auto", name: "Automatic choice (auto)", task: .classify,
    citation:
      "this toolkit: a committee of nearest neighbours and extremely randomised trees, its features and smoothing chosen by spatial "
      + "cross-validation inside the training pixels",
    cost: "training of 10 classifiers in folds + 1 parts",
    advice: "The default: good in fields and in towns; says what it chose and what came next.",
    parameters: [
      ParameterDescription("folds", 5, in: 2...20, "spatial folds of the training pixels"),
      ParameterDescription("search", 2000, in: 20...1e6, "most training pixels that the choice looks at"),
      ParameterDescription("components", 20, in: 1...200, "MNF components"),
    ], aliases: ["automatic"])

  private let folds: Int
  private let limit: Int
  private let components: Int
  /// The classifier that is refined; nil where a committee is chosen.
  private let fixed: (any Classifier)?
  private let refinement: Refinement

  public init(_ parameters: MethodParameters) throws {
    folds = Int(parameters.value("folds"))
    limit = Int(parameters.value("search"))
    components = Int(parameters.value("components"))
    fixed = nil
    refinement = .auto
  }

  private init(_ other: AutomaticClassifier, fixed: (any Classifier)?, _ refinement: Refinement) {
    (folds, limit, components) = (other.folds, other.limit, other.components)
    (self.fixed, self.refinement) = (fixed, refinement)
  }

  /// A classifier whose probabilities are smoothed as a refinement says; the choice among committees where it is that one.
  ///
  /// - Throws: `ClassificationError.notRefined` for a classifier that maps scenes of any bands: it has no guide for them.
  public static func refining(_ classifier: any Classifier, _ refinement: Refinement) throws -> any Classifier {
    if let choice = classifier as? AutomaticClassifier {
      return AutomaticClassifier(choice, fixed: choice.fixed, refinement)
    }
    guard refinement != .none else { return classifier }
    guard !(classifier is any PretrainedClassifier) else {
      throw ClassificationError.notRefined(name: type(of: classifier).description.name)
    }
    let usual = try AutomaticClassifier(MethodParameters([:], for: description))
    return AutomaticClassifier(usual, fixed: classifier, refinement)
  }

  /// Half the side of the windows of the filter.
  private static let smoothingRadius = 3
  /// Of the pixels that the better committee gets wrong, the linear one may get so many wrong.
  private static let strictness = 0.7

  private var smoothingReach: Int { refinement == .none ? 0 : 2 * AutomaticClassifier.smoothingRadius }

  public var patchRadius: Int { max(fixed?.patchRadius ?? 0, Committee.usualRadius) }

  public var contextRadius: Int {
    max(patchRadius, (fixed?.contextRadius ?? MorphologicalProfile().reach) + smoothingReach)
  }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int {
    let own = fixed ?? (try? Classifiers.named("extra-trees"))
    // Members one by one while they are compared, then those that vote.
    return 3 * (own?.trainingBytes(shape, samples: samples, classes: classes) ?? 0) + 64 * shape.bands * shape.bands
  }

  /// Whether profiles and smoothing, whose planes are as large as the scene, fit into a quarter of the memory.
  private func comparesPlanes(_ shape: CubeShape, classes: Int, _ context: RunContext) -> Bool {
    let profile = MorphologicalProfile().bytesPerPixel(columns: components, threads: Parallel.threads)
    let smoothing = 4 * (6 + 3 * Parallel.threads + 2 * classes)
    guard shape.pixels > context.memory.bytes / 4 / (profile + smoothing) else { return true }
    let size = "\(shape.lines) × \(shape.samples) pixels are too many for \(context.memory)"
    context.logger.notice("\(size): no profiles and no smoothing are compared; raise \(option: "memory")")
    return false
  }

  // MARK: - Learning

  /// Those that vote together, as places in the list of all members.
  private struct Candidate {
    var name: String
    var members: [Int]
    var isLinear = false
  }

  /// A classifier and what it sees.
  private struct Seat: Equatable {
    var classifier: String
    var sight: Committee.Sight
  }

  /// How a candidate did on held-out pixels.
  private struct Score {
    var candidate: Int
    var isSmoothed: Bool
    /// Of pieces and of regions.
    var right = [0, 0]
    /// Of pieces: logarithms of the probability of the right class.
    var logarithm = 0.0

    static func isBetter(_ a: Score, _ b: Score) -> Bool {
      (a.right[0], a.logarithm) > (b.right[0], b.logarithm)
    }
  }

  public func train(
    _ task: ClassificationTask, _ session: TrainingSession, _ context: RunContext
  ) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try task.check()
    let pixels = task.spectra(of: task.training).pixels
    if let fixed { return try refined(fixed, task, pixels, session, context) }
    guard session.statePath == nil, session.timeLimit == nil, session.patience == nil else {
      throw ClassificationError.notStepped(name: AutomaticClassifier.description.name)
    }
    return try chosen(task, pixels, context)
  }

  /// A classifier that was named, with or without smoothing.
  private func refined(
    _ classifier: any Classifier, _ task: ClassificationTask, _ pixels: PixelMatrix, _ session: TrainingSession,
    _ context: RunContext
  ) throws -> any TrainedClassifier {
    let trained = try Classifiers.train(classifier, task, session, context)
    var isSmoothed = refinement == .epf
    var text = ""
    if refinement == .auto, comparesPlanes(task.scene.shape, classes: task.classes.count, context) {
      let (scores, judged) = try judge(
        [Candidate(name: trained.id, members: [0])], [classifier], [task.scene], smooths: true, task, pixels, context)
      let best = scores.min(by: Score.isBetter)
      isSmoothed = best?.isSmoothed ?? false
      text = AutomaticClassifier.text(best, scores, [trained.id], judged)
      context.logger.notice("refine: \(text)")
    }
    return Committee(
      [.init(sight: .spectra, classifier: trained)],
      smoothing: isSmoothed
        ? try ProbabilitySmoothing(fittedTo: pixels, radius: AutomaticClassifier.smoothingRadius) : nil,
      choice: text)
  }

  private func chosen(
    _ task: ClassificationTask, _ pixels: PixelMatrix, _ context: RunContext
  ) throws -> any TrainedClassifier {
    let fractions =
      task.scene.shape.bands > 2
      ? try Features.noiseFractions(components, pixels, pairs: task.trainingPairs) : nil
    let profile = MorphologicalProfile()
    func scene(_ sight: Committee.Sight) -> Cube {
      guard sight != .spectra, let fractions else { return task.scene }
      return SpatialView(projection: fractions, profile: sight == .profiles ? profile : nil)(task.scene)
    }
    let hasPlanes = comparesPlanes(task.scene.shape, classes: task.classes.count, context)
    var sights: [Committee.Sight] = fractions == nil ? [.spectra] : [.spectra, .fractions]
    if fractions != nil, hasPlanes { sights.append(.profiles) }
    let scenes = Dictionary(uniqueKeysWithValues: sights.map { ($0, scene($0)) })
    var seats: [Seat] = []
    var candidates: [Candidate] = []
    func add(_ name: String, _ classifiers: [String], _ wanted: [Committee.Sight], isLinear: Bool = false) {
      let voting = wanted.filter { sights.contains($0) }
      guard voting.count == wanted.count || voting == [.spectra] else { return }
      let own = voting.flatMap { sight in classifiers.map { Seat(classifier: $0, sight: sight) } }
      for seat in own where !seats.contains(seat) { seats.append(seat) }
      candidates.append(
        Candidate(
          name: "\(name) on \(voting.map(\.rawValue).joined(separator: " and "))",
          members: own.compactMap { seats.firstIndex(of: $0) }, isLinear: isLinear))
    }
    add("knn and extra-trees", ["knn", "extra-trees"], [.spectra, .fractions])
    if sights.contains(.profiles) { add("knn and extra-trees", ["knn", "extra-trees"], [.profiles]) }
    add("lda and logistic", ["lda", "logistic"], [.spectra, .fractions], isLinear: true)

    let classifiers = try seats.map { try Classifiers.named($0.classifier) }
    let (scores, judged) = try judge(
      candidates, classifiers, seats.map { scenes[$0.sight] ?? task.scene }, smooths: hasPlanes && refinement != .none,
      task, pixels, context)
    let winner = best(scores, candidates, judged: judged[0])
    let text = AutomaticClassifier.text(winner, scores, candidates.map(\.name), judged)
    context.logger.notice("auto: \(text)")
    let voting = candidates[winner?.candidate ?? 0].members
    var quiet = context
    quiet.progress = SilentProgress()
    let members = try voting.map { seat in
      try context.checkCancellation()
      let own = task.showing(scenes[seats[seat].sight] ?? task.scene)
      return Committee.Member(sight: seats[seat].sight, classifier: try classifiers[seat].train(own, quiet))
    }
    context.progress.report(phase: "choosing", fraction: 1)
    let sees = Set(members.map(\.sight))
    return Committee(
      members, projection: sees == [.spectra] ? nil : fractions, profile: sees.contains(.profiles) ? profile : nil,
      smoothing: winner?.isSmoothed ?? false
        ? try ProbabilitySmoothing(fittedTo: pixels, radius: AutomaticClassifier.smoothingRadius) : nil,
      choice: text)
  }

  /// The score that wins; see the rules above.
  private func best(_ scores: [Score], _ candidates: [Candidate], judged: Int) -> Score? {
    func right(_ candidate: Int, _ kind: Int) -> Int {
      scores.filter { $0.candidate == candidate }.reduce(0) { $0 + $1.right[kind] }
    }
    let ways = scores.contains { $0.isSmoothed } ? 2 : 1
    var winner = 0
    for index in candidates.indices.dropFirst() where right(index, 1) >= right(winner, 1) {
      let (wrong, earlier) = (ways * judged - right(index, 0), ways * judged - right(winner, 0))
      let isBetter =
        candidates[index].isLinear
        ? Double(wrong) <= AutomaticClassifier.strictness * Double(earlier) && wrong < earlier : wrong < earlier
      if isBetter { winner = index }
    }
    return scores.filter { $0.candidate == winner }.min(by: Score.isBetter)
  }

  /// How candidates do, plain and smoothed, on folds that they did not learn from; and the number of pixels in the folds.
  ///
  /// - Parameters:
  ///   - classifiers: the members of all candidates.
  ///   - scenes: what each of them sees of the scene.
  private func judge(
    _ candidates: [Candidate], _ classifiers: [any Classifier], _ scenes: [Cube], smooths: Bool,
    _ task: ClassificationTask, _ pixels: PixelMatrix, _ context: RunContext
  ) throws -> (scores: [Score], judged: [Int]) {
    var quiet = context
    quiet.progress = SilentProgress()
    let (rows, labels) = task.rows(of: task.training)
    let looked = stride(from: 0, to: rows.count, by: max(1, (rows.count + limit - 1) / limit)).map { $0 }
    let positions = looked.map { task.scene.positions[rows[$0]] }
    let known = looked.map { labels[$0] }
    let (lines, samples) = (task.scene.shape.lines, task.scene.shape.samples)
    var kinds = [SpatialFolds(positions, labels: known, samples: samples, count: folds)]
    // Where there is nothing to choose between but smoothing, pieces decide.
    if candidates.count > 1 { kinds.append(SpatialFolds.regions(positions, samples: samples)) }
    let smoothing =
      smooths ? try ProbabilitySmoothing(fittedTo: pixels, radius: AutomaticClassifier.smoothingRadius) : nil
    let guide = smoothing?.guide(task.scene.pixels) ?? []
    var scores: [Score] = []
    for index in candidates.indices {
      scores.append(Score(candidate: index, isSmoothed: false))
      if smoothing != nil { scores.append(Score(candidate: index, isSmoothed: true)) }
    }
    var judged = [0, 0]
    let rounds = kinds.indices.flatMap { kind in (0..<kinds[kind].count).map { (kind: kind, fold: $0) } }
    for (round, (kind, fold)) in rounds.enumerated() {
      let isInside = kinds[kind].folds.map { $0 == fold }
      // A class that is nowhere else is not held out.
      let elsewhere = Set(known.indices.filter { !isInside[$0] }.map { known[$0] })
      let held = known.indices.filter { isInside[$0] && elsewhere.contains(known[$0]) }
      guard !held.isEmpty else { continue }
      let learned = AutomaticClassifier.apart(
        from: held, positions, known, samples: samples, radius: kinds[kind].guardRadius)
      // Rows of the scene whose probabilities take part.
      let near = AutomaticClassifier.near(
        held.map { positions[$0] }, radius: smoothingReach + (fixed?.contextRadius ?? 0), task.scene)
      let places = near.map { task.scene.positions[$0] }
      var rowOf: [Int32: Int] = [:]
      for (row, place) in places.enumerated() { rowOf[place] = row }
      var parts: [PixelMatrix] = []
      for (index, classifier) in classifiers.enumerated() {
        try context.checkCancellation()
        context.progress.report(
          phase: "choosing",
          fraction: min(
            0.999, Double(round * classifiers.count + index) / Double(rounds.count * classifiers.count)))
        var part = task.showing(scenes[index])
        part.training = LabelledPixels(positions: learned.map { positions[$0] }, labels: learned.map { known[$0] })
        part.validation = LabelledPixels()
        do {
          parts.append(
            try classifier.train(part, quiet).probabilities(scenes[index].selecting(near), lines: 0..<lines, quiet))
        } catch ClassificationError.tooFewPixels {
          // What is left of a class is enough for the classifier only together with the fold, which is not judged then.
          break
        }
      }
      guard parts.count == classifiers.count else { continue }
      judged[kind] += held.count
      for candidate in candidates.indices {
        let plain = AutomaticClassifier.mean(candidates[candidate].members.map { parts[$0] })
        let smoothed = smoothing?.apply(
          plain, guide: near.map { guide[$0] }, places, lines: lines, samples: samples, wanted: 0..<plain.rows)
        for index in scores.indices where scores[index].candidate == candidate {
          let values = scores[index].isSmoothed ? smoothed ?? plain : plain
          for n in held {
            guard let row = rowOf[positions[n]] else { continue }
            let found = values.pointer + row * values.columns
            if Scores.largest(found, count: values.columns) == known[n] { scores[index].right[kind] += 1 }
            guard kind == 0 else { continue }
            scores[index].logarithm += _logarithm(Double(max(found[known[n]], 1e-2)))
          }
        }
      }
    }
    return (judged[0] > 0 ? scores : [], judged)
  }

  private static func mean(_ parts: [PixelMatrix]) -> PixelMatrix {
    let result = PixelMatrix(rows: parts[0].rows, columns: parts[0].columns)
    for i in 0..<(result.rows * result.columns) {
      result.pointer[i] = parts.reduce(0) { $0 + $1.pointer[i] } / Float(parts.count)
    }
    return result
  }

  /// Pixels to learn from when some are held out: those not within the guard of them; of a class that would vanish, all that are not held.
  private static func apart(
    from held: [Int], _ positions: [Int32], _ labels: [Int], samples: Int, radius: Int
  ) -> [Int] {
    let isHeld = Set(held)
    var taken: Set<Int> = []
    for n in held {
      let (line, sample) = (Int(positions[n]) / samples, Int(positions[n]) % samples)
      for dy in -radius...radius {
        for dx in -radius...radius where (0..<samples).contains(sample + dx) {
          taken.insert((line + dy) * samples + sample + dx)
        }
      }
    }
    let free = labels.indices.filter { !isHeld.contains($0) && !taken.contains(Int(positions[$0])) }
    let classes = Set(free.map { labels[$0] })
    let lost = labels.indices.filter { !isHeld.contains($0) && !classes.contains(labels[$0]) }
    return (free + lost).sorted()
  }

  /// Rows of a scene within a radius of some places.
  private static func near(_ places: [Int32], radius: Int, _ scene: Cube) -> [Int] {
    var mask = [Bool](repeating: false, count: scene.shape.pixels)
    for place in places { mask[Int(place)] = true }
    let wide = Neighbourhood.dilated(mask, lines: scene.shape.lines, samples: scene.shape.samples, radius: radius)
    return scene.positions.indices.filter { wide[Int(scene.positions[$0])] }
  }

  /// `knn and extra-trees on spectra and MNF components, smoothed (right of 530 held-out training pixels: 98.9 % nearby, 80.0 % far away); next …`.
  private static func text(_ winner: Score?, _ scores: [Score], _ names: [String], _ judged: [Int]) -> String {
    guard let winner else { return "\(names[0]) (too few training pixels to compare)" }
    func share(_ score: Score, _ kind: Int) -> String {
      let tenths = (1000 * score.right[kind] + judged[kind] / 2) / judged[kind]
      return "\(tenths / 10).\(tenths % 10) %"
    }
    func shares(_ score: Score) -> String {
      share(score, 0) + (judged[1] > 0 ? " nearby, \(share(score, 1)) far away" : "")
    }
    func name(_ score: Score) -> String { names[score.candidate] + (score.isSmoothed ? ", smoothed" : "") }
    var text = "\(name(winner)) (right of \(judged[0]) held-out training pixels: \(shares(winner)))"
    let others = scores.filter {
      names.count > 1 ? $0.candidate != winner.candidate : $0.isSmoothed != winner.isSmoothed
    }
    if let next = others.min(by: Score.isBetter) { text += "; next \(name(next)) (\(shares(next)))" }
    return text
  }
}

extension ClassificationTask {
  /// The same pixels in another view of the scene.
  fileprivate func showing(_ scene: Cube) -> ClassificationTask {
    var task = self
    task.scene = scene
    return task
  }
}

extension Cube {
  /// Some of the valid pixels, ascending rows.
  fileprivate func selecting(_ rows: [Int]) -> Cube {
    let bands = shape.bands
    let part = PixelMatrix(rows: rows.count, columns: bands)
    for (n, row) in rows.enumerated() {
      (part.pointer + n * bands).update(from: pixels.pointer + row * bands, count: bands)
    }
    return Cube(shape: shape, metadata: metadata, pixels: part, positions: rows.map { positions[$0] })
  }
}
