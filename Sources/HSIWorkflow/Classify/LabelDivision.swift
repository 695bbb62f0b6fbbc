import HSIClassification

/// Where the split of labelled pixels comes from.
public enum LabelDivision: Sendable {
  /// A raster of `SplitJob`.
  case file(String)
  /// Made by a rule.
  case rule(SplitRequest)
  /// Made by a rule whose guard band is half the patch of the model, at least one pixel.
  case ruleForModel(SplitRequest)

  /// The usual one: 10 % of the pixels in blocks, with a guard band that fits the model.
  public static let usual = LabelDivision.ruleForModel(SplitRequest())

  /// The files that it is read from.
  var files: [String] { if case .file(let path) = self { [path] } else { [] } }

  /// The rule for a model; nil for a file.
  func rule(patchRadius: Int) -> SplitRequest? {
    switch self {
    case .file: return nil
    case .rule(let request): return request
    case .ruleForModel(var request):
      request.guardRadius = max(1, patchRadius)
      return request
    }
  }
}
