import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// Trains a network that maps whole windows on a scene, and calibrates it.
enum SegmenterTraining {
  /// What training gave beside the weights.
  struct Learned {
    /// What brings the bands of the scene to [0, 1].
    var normalisation: BandNormalisation
    /// What logits are divided by.
    var temperature: Float
    /// The training curve.
    var curve: [TrainingPoint]
  }

  /// Trains what is trainable of a network.
  ///
  /// - Parameter finish: what is done to the network before it is calibrated.
  /// - Throws: as `SteppedClassifier.train`.
  static func run(
    _ network: LESSSegmenter, _ recipe: SegmenterRecipe, _ task: ClassificationTask, name: String,
    rule: (any UpdateRule)? = nil, _ session: TrainingSession, _ context: RunContext, finish: () -> Void = {}
  ) throws -> Learned {
    let normalisation = BandNormalisation(
      task.isTransductive ? task.scene.pixels : task.spectra(of: task.training).pixels)
    let scene = try NormalisedScene(
      task.scene, normalisation: normalisation, resolution: task.resolution, context)
    func known(_ pixels: LabelledPixels) -> LabelledPixels {
      let (rows, labels) = task.rows(of: pixels)
      return LabelledPixels(positions: rows.map { task.scene.positions[$0] }, labels: labels)
    }
    let validation = known(task.validation)
    let trainer = Trainer(
      SegmenterTask(
        network, recipe, scene, training: known(task.training), validation: validation, name: name, seed: context.seed),
      rule: rule)
    try trainer.run(session, context)
    finish()
    return Learned(
      normalisation: normalisation,
      temperature: try Temperature.chosen(network, scene, validation, recipe, context), curve: trainer.record.curve)
  }
}

extension ClassificationTask {
  /// Throws `ClassificationError.modelMismatch` unless the bands have the wavelengths by which a network tells them apart.
  func checkWavelengths(for model: String) throws {
    guard let wavelengths = scene.metadata.axis.wavelengths, wavelengths.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw ClassificationError.modelMismatch(
        model: model, reason: "the bands have no wavelengths, by which the network tells them apart",
        advice: "give them with \(option: "wavelengths") or \(option: "sensor")")
    }
  }
}
