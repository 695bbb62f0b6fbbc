import HSICore

/// Errors of restoration.
public enum RestorationError: HSIError {
  /// Two cubes that should be compared have different sizes.
  case shapeMismatch(first: String, second: String)
  /// No valid pixel for what was asked.
  case tooFewPixels(purpose: String)
  /// All values are the same.
  case noVariation(detail: String)
  /// A scene has fewer bands than a patch.
  case tooFewBands(scene: Int, needed: Int)
  /// Training has less data than a step needs.
  case tooFewPatches(found: Int, needed: Int)
  /// This installation has no weights of its own.
  case noBundledWeights(name: String)
  /// Noise levels for another number of bands than the scene has, or not finite, or negative.
  case unusableNoise(detail: String)
  /// Weights that were not trained for what they are asked to undo.
  case untrainedTask(task: String, known: [String])
  /// The scenes to judge a training by give no patch.
  case noJudges
  /// A finer image does not lie on a grid that a scene can be brought to.
  case fineGrid(detail: String)
  /// The kernel of a blur cannot be told from the scene.
  case unknownKernel(detail: String)
  /// What is wrong with a scene is not clear enough to act upon.
  case undecidedTask(detail: String, advice: String)

  public var category: ErrorCategory {
    switch self {
    case .shapeMismatch, .tooFewPixels, .noVariation, .tooFewBands, .tooFewPatches, .noJudges, .unusableNoise,
      .unknownKernel,
      .fineGrid, .undecidedTask:
      .input
    case .noBundledWeights, .untrainedTask: .model
    }
  }

  public var identifier: String {
    switch self {
    case .shapeMismatch: "E-INCONSISTENT"
    case .tooFewPixels: "E-FEW-PIXELS"
    case .noVariation: "E-CONSTANT"
    case .tooFewBands: "E-BANDS"
    case .tooFewPatches, .noJudges: "E-FEW-PATCHES"
    case .noBundledWeights: "E-NO-WEIGHTS"
    case .unusableNoise: "E-NOISE-LEVELS"
    case .untrainedTask: "E-WEIGHTS-TASK"
    case .unknownKernel: "E-KERNEL-UNKNOWN"
    case .fineGrid: "E-FINE-GRID"
    case .undecidedTask: "E-TASK-UNCERTAIN"
    }
  }

  public var problem: String {
    switch self {
    case .shapeMismatch(let first, let second):
      "a cube of \(first) (lines × samples × bands) cannot be compared with one of \(second)"
    case .tooFewPixels(let purpose): "\(purpose) needs at least 1 valid pixel but there are 0"
    case .noVariation(let detail): "the scene cannot be brought to [0, 1]: \(detail)"
    case .tooFewBands(let scene, let needed):
      "the scene has \(scene) good bands but a patch needs \(needed)"
    case .tooFewPatches(let found, let needed):
      "the scenes give \(found) patches but training needs at least \(needed)"
    case .noJudges: "the scenes to judge by give no patch, so that no weights could be told to be the best"
    case .noBundledWeights(let name):
      "no weights were given, and \(name) does not come with this hsi or is not where it is installed"
    case .unusableNoise(let detail): "the noise levels cannot be used: \(detail)"
    case .untrainedTask(let task, let known):
      "these weights were not trained for \(task)"
        + (known.isEmpty ? "" : ", only for \(known.joined(separator: ", "))")
    case .fineGrid(let detail): "the finer image does not fit the scene: \(detail)"
    case .unknownKernel(let detail): "the kernel cannot be estimated: \(detail)"
    case .undecidedTask(let detail, _): "what is wrong with the scene is not clear: \(detail)"
    }
  }

  public var advice: String? {
    switch self {
    case .shapeMismatch: "compare cubes of the same grid and bands"
    case .tooFewPixels: "check \(option: "nodata"), \(option: "mask") and \(option: "window")"
    case .noVariation: "check the bands, \(option: "nodata") and \(option: "window")"
    case .tooFewBands: "leave this scene out, or train with fewer bands"
    case .tooFewPatches: "give more or larger scenes, or make \(option: "patch") or \(option: "batch") smaller"
    case .noJudges: "judge by a larger scene (\(option: "validation")), or make \(option: "patch") smaller"
    case .noBundledWeights: "give \(option: "weights"), or name their folder in HSI_MODEL_PATH"
    case .untrainedTask: "give weights that were, or a classical method (hsi methods)"
    case .fineGrid:
      "give an image of the same area whose lines and samples are the same whole multiple of those of the scene, from the same corner on"
    case .unknownKernel: "give \(option: "kernel") where it is known"
    case .undecidedTask(_, let advice): advice
    case .unusableNoise: "give one standard deviation per band, or leave it out to have it estimated"
    }
  }
}
