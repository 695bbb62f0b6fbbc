import HSITransformer

/// A convolutional autoencoder whose code is abundances and whose decoder is endmembers.
///
///     h = leaky(W₂ leaky(W₁ ⋆ x + b₁) + b₂)          3 × 3, then 1 × 1
///     a = softmax(s (V [h, x] + c) + log prior)      the skip hands x on; s = 3
///     ŷ = M a                                        no bias
///
/// `x` is `[1, H, W, components]`, `a` `[1, H, W, K]`, `ŷ` bands per pixel. A 3 × 3 and a 1 × 1 convolution with leaky rectifiers (slope 0.02), a
/// softmax whose logits are scaled by 3, and a linear decoder are those of CNNAEU; the skip is that of MiSiCNet. The prior is added to the logits,
/// so that a network whose last layer is small begins with it.
///
/// A network of one scene, trained on that scene without labels: it is in no file, hence not in the register `Networks`.
///
/// Sources: B. Palsson, M. O. Ulfarsson, J. R. Sveinsson, IEEE TGRS 59(1), 2021 (CNNAEU); B. Rasti, B. Koirala, P. Scheunders, J. Chanussot, IEEE
/// TGRS 60, 2022 (MiSiCNet).
///
/// ```swift
/// let network = UnmixingAutoencoder(.init(components: 8, bands: 156, endmembers: 3), seed: 1)
/// let tape = Tape(.inference)
/// let abundances = network.abundances(Variable(scores), prior: nil, tape)
/// ```
public final class UnmixingAutoencoder: Network, @unchecked Sendable {
  /// Its shape.
  public struct Configuration: NetworkConfiguration {
    /// Values of a pixel that the encoder sees.
    public var components: Int
    /// Bands of a spectrum.
    public var bands: Int
    /// Number of endmembers.
    public var endmembers: Int
    /// Width of the convolutions.
    public var width = 32
    /// Factor on the logits.
    public var scale: Float = 3

    /// A shape.
    public init(components: Int, bands: Int, endmembers: Int, width: Int = 32) {
      (self.components, self.bands, self.endmembers, self.width) = (components, bands, endmembers, width)
    }

    public func validate() throws {
      try require("components", components, in: 1...4096)
      try require("bands", bands, in: 1...100_000)
      try require("endmembers", endmembers, in: 1...1024)
      try require("width", width, in: 1...1024)
      try require(scale.isFinite && scale > 0, "scale", scale, "a number above 0")
    }

    public var leastValues: Int { bands * endmembers + 9 * components * width }
  }

  public static let architecture = "unmixing-autoencoder"
  public static let task = "unmixing"
  public static let citation =
    "B. Palsson, M. O. Ulfarsson and J. R. Sveinsson, Convolutional autoencoder for spectral-spatial hyperspectral unmixing, IEEE TGRS 59(1), 2021"

  public let store: ParameterStore
  public let configuration: Configuration
  private let spatial: Convolution
  private let pointwise: Convolution
  private let head: Linear
  private let decoder: Linear

  public init(_ configuration: Configuration, in store: ParameterStore) {
    self.configuration = configuration
    self.store = store
    let (encoder, width) = (store.root["encoder"], configuration.width)
    spatial = Convolution(
      encoder["spatial"], input: configuration.components, output: width, bias: true, leak: 0.02,
      initialisation: .normal((2 / Double(9 * configuration.components)).squareRoot()))
    pointwise = Convolution(
      encoder["pointwise"], input: width, output: width, planeTaps: 1, bias: true, leak: 0.02,
      initialisation: .normal((2 / Double(width)).squareRoot()))
    head = Linear(
      encoder["head"], input: width + configuration.components, output: configuration.endmembers,
      initialisation: .normal(0.1 / Double(width).squareRoot()))
    decoder = Linear(
      store.root["decoder"], input: configuration.endmembers, output: configuration.bands, bias: false,
      initialisation: .unitUniform)
  }

  public var linears: [Linear] { [head, decoder] }

  /// The endmembers: bands × K.
  public var endmembers: Parameter { decoder.weight }

  /// Everything but the endmembers.
  public var encoderParameters: [Parameter] { store.parameters.filter { $0 !== decoder.weight } }

  /// Abundances `[1, H, W, K]` of the values of an image; `prior` is added to the scaled logits.
  public func abundances(_ x: Variable, prior: Tensor?, _ tape: Tape) -> Variable {
    let h = pointwise(spatial(x, tape), tape)
    let logits = tape.scale(head(tape.concatenate([h, x]), tape), by: configuration.scale)
    return tape.softmax(prior.map { tape.add(logits, Variable($0)) } ?? logits)
  }

  /// The spectra of abundances: bands in the place of K.
  public func spectra(_ abundances: Variable, _ tape: Tape) -> Variable { decoder(abundances, tape) }
}
