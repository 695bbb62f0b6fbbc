import Foundation
import HSICore
import HSINetworks
import HSIReport
import HSIRestoration

/// What is wrong with a scene, and why it is thought so: what needs no guess first, then what a predictor says.
///
/// 1. Values inside pixels are missing: `inpaint`. 2. Bands have none: `bands`. 3. Columns of bands are dead or striped: `complex`. 4. The
/// predictor, where there is one: its most likely class, if that has a probability of `DegradationRecogniser.threshold` at least.
/// 5. Without it, or in scenes too small for it: noise.
struct TaskRecognition {
  /// What restoring means; `automatic` where nothing is wrong.
  var task: RestorationTask
  /// One line.
  var reason: String
  /// The noise, where it was looked at.
  var noise: (levels: NoiseLevels, evidence: MixedNoiseEvidence)?
  /// What the predictor said, where it was asked.
  var prediction: DegradationPrediction?

  /// Whether there is nothing to do.
  var isWhole: Bool { task == .automatic }

  private init(_ task: RestorationTask, _ reason: String) { (self.task, self.reason) = (task, reason) }

  /// What is missing in a scene that was read with its missing values; nil where nothing is.
  init?(missing gaps: MissingValues, in scene: Cube) {
    let dead = gaps.bands.count
    let (missing, values) = (gaps.count - dead * scene.count, scene.count * scene.shape.bands)
    if missing > 0 {
      let share = (Double(missing) / Double(max(values, 1)) * 1000).rounded() / 10
      self.init(
        .inpaint, "\(missing) values (\(share) %) are missing" + (dead > 0 ? ", \(dead) bands have none" : ""))
    } else if dead > 0 {
      self.init(.bands, "\(dead) bands have no values")
    } else {
      return nil
    }
  }

  /// What a scene suffers from in which nothing is missing.
  ///
  /// - Throws: `RestorationError.undecidedTask` where the predictor is not sure, or sees what cannot be done without being told more;
  ///   the errors of estimating noise.
  init(_ scene: Cube, noise: NoiseLevels?, _ recogniser: DegradationRecogniser?, _ context: RunContext) throws {
    let levels = try noise ?? NoiseLevels.estimate(scene, context)
    try context.checkCancellation()
    let evidence = MixedNoiseEvidence(scene, noise: levels)
    func percent(_ share: Double) -> String { "\((share * 1e4).rounded() / 100) %" }
    if evidence.hasBadColumns {
      self.init(
        .complex,
        "\(percent(evidence.deadColumns)) of the columns of bands are dead and \(percent(evidence.stripedColumns)) striped"
      )
    } else if let recogniser, let seen = try recogniser.recognise(scene, context) {
      try self.init(seen, by: recogniser.name)
      prediction = seen
    } else {
      self.init(
        .denoise, "no value is missing" + (recogniser == nil ? "" : ", and the predictor has too little to see"))
    }
    self.noise = (levels, evidence)
  }

  /// What a prediction means.
  private init(_ seen: DegradationPrediction, by name: String) throws {
    let best = seen.best
    guard best.probability >= DegradationRecogniser.threshold else {
      throw RestorationError.undecidedTask(
        detail: "\(name) is not sure: \(seen.text), below \(DegradationRecogniser.threshold)",
        advice: "say with \(option: "task") what is wrong")
    }
    switch best.task {
    case nil: self.init(.automatic, "nothing is wrong by \(name) (\(seen.text))")
    case .superres?:
      throw RestorationError.undecidedTask(
        detail: "by \(name) its grid is finer than what it shows (\(seen.text)), and a finer one is not made unasked",
        advice: "say \(option: "task") superres with \(option: "scale"), or what else is wrong")
    case .inpaint?, .bands?:
      throw RestorationError.undecidedTask(
        detail: "by \(name) values are missing that the file does not mark (\(seen.text))",
        advice:
          "mark them by \(option: "missing"), such as \(option: "missing") zero, or say with \(option: "task") what is wrong"
      )
    case let task?:
      guard let found = RestorationTask.allCases.first(where: { $0.prompt == task }) else {
        throw RestorationError.undecidedTask(
          detail: "\(name) sees \(seen.text)", advice: "say with \(option: "task") what is wrong")
      }
      self.init(found, "\(name) sees \(seen.text)")
    }
  }
}

extension RestoreBody.Prediction {
  /// The same for the report.
  init(_ seen: DegradationPrediction) {
    self.init(
      threshold: DegradationRecogniser.threshold, views: seen.views,
      classes: seen.classes.map { .init(name: $0.name, probability: $0.probability) })
  }
}
