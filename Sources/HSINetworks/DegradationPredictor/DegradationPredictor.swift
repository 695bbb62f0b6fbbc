import HSITransformer

/// Tells which degradation images `[B, size, size, bands]` suffer from: a residual network of fast Fourier convolutions.
///
/// A stem of 3 × 3 pixels, four stages of basic blocks with w, 2w, 4w and 8w channels, the later three of which halve the image, the mean
/// over the image, and a linear map to one logit per task and one more that stands for nothing wrong. Half of the channels behind the
/// first three stages are global (`FastFourierConvolution`): stripes, blurs and repeated pixels show in spectra. Batch normalisation
/// and rectifiers throughout. The stem keeps the resolution, which a larger one for photographs would not: noise and blur show
/// between neighbours.
///
/// The classes exclude each other as training draws them, so a softmax makes probabilities of the logits; the published network has a
/// sigmoid per class. Cost of `degradation-predictor` about 0.3 GFLOP per image.
/// Source: the 18-layer layout of He, Zhang, Ren, Sun, CVPR 2016, with the convolutions of Chi, Jiang, Mu, NeurIPS 2020, as MP-HSIR
/// (arXiv 2503.09131) uses it.
public final class DegradationPredictor: Network, @unchecked Sendable {
  public static let architecture = "DegradationPredictor"
  public static let task = "prediction of degradations"
  public static let citation =
    "after Z. Wu et al., MP-HSIR, arXiv 2503.09131, and L. Chi, B. Jiang, Y. Mu, Fast Fourier convolution, NeurIPS, 2020"

  public let configuration: DegradationPredictorConfiguration
  public let store: ParameterStore
  private let stem: Convolution
  private let norm: BatchNorm
  private let blocks: [FourierBlock]
  private let head: Linear

  public init(_ configuration: DegradationPredictorConfiguration, in store: ParameterStore) {
    self.configuration = configuration
    self.store = store
    let root = store.root
    stem = Convolution(root["stem"]["conv"], input: configuration.bands, output: configuration.width)
    norm = BatchNorm(root["stem"]["norm"], channels: configuration.width)
    var blocks: [FourierBlock] = []
    for (stage, count) in configuration.blocks.enumerated() {
      for index in 0..<count {
        blocks.append(
          FourierBlock(
            root["stage\(stage + 1)"][index], input: configuration.widths(after: index == 0 ? stage - 1 : stage),
            output: configuration.widths(after: stage), stride: stage > 0 && index == 0 ? 2 : 1))
      }
    }
    self.blocks = blocks
    head = Linear(root["head"], input: 8 * configuration.width, output: configuration.classes)
  }

  public static func describe(_ configuration: DegradationPredictorConfiguration, in card: inout ModelCard) {
    card.bands = configuration.bands
    card.normalisation = "half-percent and 99.5 percent quantiles of every image to [0, 1]"
  }

  /// The linear maps that may carry low-rank adapters.
  public var linears: [Linear] { blocks.flatMap(\.linears) + [head] }

  /// Logits `[B, classes]`.
  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    precondition(
      x.shape.count == 4 && x.shape[1] % 8 == 0 && x.shape[2] % 8 == 0 && x.shape[3] == configuration.bands,
      "a degradation predictor of \(configuration.bands) bands got an input of shape \(x.shape)")
    var parts: FastFourierConvolution.Parts = (tape.activation(.relu, norm(stem(x, tape), tape)), nil)
    for block in blocks { parts = block(parts, tape) }
    let features = [parts.local, parts.global].compactMap { $0 }
    return head(tape.mean(tape.concatenate(features), over: 1..<3), tape)
  }
}
