import HSICore

/// Errors of classification.
public enum ClassificationError: HSIError {
  /// A raster that cannot be a map of classes.
  case badLabels(path: String, reason: String, advice: String)
  /// No pixel has a class.
  case noLabels(path: String)
  /// A raster does not lie on the pixels of another.
  case grid(path: String, reason: String, advice: String)
  /// A class has too few pixels for what is asked.
  case tooFewPixels(name: String, count: Int, needed: Int, purpose: String)
  /// The scene has no pixel with data.
  case noPixels(purpose: String)
  /// Fewer than two classes.
  case tooFewClasses(count: Int)
  /// All training pixels are alike.
  case constantSpectra
  /// A file that holds no classifier, or a damaged one.
  case badModel(path: String, reason: String)
  /// An adapter of other weights.
  case otherBase(adapter: String, model: String)
  /// A model that cannot be applied to a scene.
  case modelMismatch(model: String, reason: String, advice: String)
  /// The model cannot be adapted.
  case notAdaptable(model: String, kind: String)
  /// The model cannot be made to forget.
  case notForgetful(model: String, kind: String)
  /// The classifier learns in one go: there is no run to keep, resume or limit.
  case notStepped(name: String)
  /// The classifier has no encoder that could be pre-trained.
  case notPretrained(name: String)
  /// A classifier whose probabilities have no guide to be smoothed by.
  case notRefined(name: String)

  public var category: ErrorCategory {
    switch self {
    case .notStepped, .notPretrained, .notRefined: .usage
    case .badLabels, .noLabels, .grid, .tooFewPixels, .noPixels, .tooFewClasses, .constantSpectra: .input
    case .badModel, .otherBase, .modelMismatch, .notAdaptable, .notForgetful: .model
    }
  }

  public var identifier: String {
    switch self {
    case .badLabels: "E-LABELS"
    case .noLabels: "E-LABELS-EMPTY"
    case .grid: "E-LABELS-GRID"
    case .tooFewPixels: "E-CLASS-SIZE"
    case .noPixels: "E-FEW-PIXELS"
    case .tooFewClasses: "E-CLASSES"
    case .constantSpectra: "E-CONSTANT"
    case .badModel: "E-MODEL-FILE"
    case .otherBase: "E-ADAPTER-BASE"
    case .modelMismatch: "E-MODEL-SCENE"
    case .notAdaptable: "E-MODEL-ADAPT"
    case .notForgetful: "E-MODEL-FORGET"
    case .notStepped: "E-ONE-GO"
    case .notPretrained: "E-NO-ENCODER"
    case .notRefined: "E-REFINE"
    }
  }

  public var problem: String {
    switch self {
    case .badLabels(let path, let reason, _): "\(path) is no map of classes: \(reason)"
    case .noLabels(let path): "no pixel of \(path) has a class: all are 0 or no data"
    case .grid(let path, let reason, _): "\(path): \(reason)"
    case .tooFewPixels(let name, let count, let needed, let purpose):
      "\(ClassTable.title(name)) has \(count) pixel\(count == 1 ? "" : "s") but \(purpose) needs \(needed)"
    case .noPixels(let purpose): "\(purpose) needs valid pixels and the scene has none"
    case .tooFewClasses(let count):
      "the labels hold \(count) class\(count == 1 ? "" : "es") but classification needs 2"
    case .constantSpectra: "all training pixels have the same spectrum"
    case .badModel(let path, let reason): "\(path) holds no classifier that can be used: \(reason)"
    case .otherBase(let adapter, let model): "\(adapter) was trained beside other weights than those of \(model)"
    case .modelMismatch(let model, let reason, _): "\(model) does not fit the scene: \(reason)"
    case .notAdaptable(let model, let kind): "\(model) is a \(kind), which has no weights that could be adapted"
    case .notForgetful(let model, let kind): "\(model) is a \(kind), which cannot be made to forget"
    case .notStepped(let name): "\(name) learns in one go: there is no run to keep, resume or limit"
    case .notPretrained(let name): "\(name) cannot start from pre-trained weights"
    case .notRefined(let name):
      "the probabilities of \(name) are not smoothed: it maps scenes of any bands, for which it has no guide"
    }
  }

  public var advice: String? {
    switch self {
    case .badLabels(_, _, let advice), .grid(_, _, let advice), .modelMismatch(_, _, let advice): advice
    case .noLabels: "check the file, or name the right array with \(option: "label variable")"
    case .tooFewPixels: "label more pixels, merge the class with another, or ask for fewer training pixels"
    case .noPixels: "check \(option: "nodata"), \(option: "mask") and \(option: "window")"
    case .tooFewClasses: "check that the labels cover the pixels that are valid in the scene"
    case .constantSpectra: "check the labels, \(option: "nodata") and the bands"
    case .badModel: "use a file that hsi classify train wrote"
    case .otherBase: "give the model that the adapter was made from"
    case .notStepped: "leave that out, or choose a network (hsi methods)"
    case .notRefined: "leave \(option: "refine") out: its windows overlap and smooth already"
    case .notPretrained: "choose a network that can, such as \(option: "model") less-tiny"
    case .notAdaptable: "train it anew with hsi classify train, or adapt a lola-specvit or less model"
    case .notForgetful: "train it without the class, or use a lola-specvit model"
    }
  }
}
