import HSITransformer

/// The convolutions of an HSDT stage.
public enum SpatialSpectralConvolutionKind: String, Sendable, Codable, CaseIterable {
  /// S3Conv: leaky(1×3×3), leaky(1×3×3) beside 3×1×1 on the same input, summed.
  case parallel
  /// The spatial pair, then 3×1×1 on its result.
  case sequential
  /// One spatial convolution with its activation beside 3×1×1.
  case single
  /// 1×3×3, then 3×1×1, without activation.
  case separable
  /// An ordinary 3×3×3 convolution.
  case dense
}

/// The spatial-spectral separable convolution (S3Conv) of HSDT and its ablations, on `[B, D, H, W, C]`.
///
///     y = leaky(W₂ ⋆ leaky(W₁ ⋆ x)) + P ⋆ x,   W 1×3×3, P 3×1×1, slope 0.01
///
/// The names `dw_conv` and `pw_conv` are historical: all are dense in channels. Source: Lai, Yan, Fu, ICCV 2023.
final class S3Conv {
  private let kind: SpatialSpectralConvolutionKind
  private let spatial: [Convolution]
  private let spectral: Convolution?

  init(
    _ scope: ParameterScope, _ kind: SpatialSpectralConvolutionKind = .parallel, input: Int, output: Int,
    bias: Bool = false, initialisation: Initialisation = .kaimingNormalFanOut
  ) {
    self.kind = kind
    func convolution(_ scope: ParameterScope, _ input: Int, _ depth: Int, _ plane: Int, _ leak: Float) -> Convolution {
      Convolution(
        scope, input: input, output: output, depthTaps: depth, planeTaps: plane, bias: bias, leak: leak,
        initialisation: initialisation)
    }
    let slope: Float = 0.01
    switch kind {
    case .parallel, .sequential:
      spatial = [
        convolution(scope["dw_conv"][0], input, 1, 3, slope), convolution(scope["dw_conv"][2], output, 1, 3, slope),
      ]
    case .single: spatial = [convolution(scope["dw_conv"][0], input, 1, 3, slope)]
    case .separable: spatial = [convolution(scope["dw_conv"], input, 1, 3, 1)]
    case .dense: spatial = [convolution(scope, input, 3, 3, 1)]
    }
    let spectralInput = kind == .sequential || kind == .separable ? output : input
    spectral = kind == .dense ? nil : convolution(scope["pw_conv"], spectralInput, 3, 1, 1)
  }

  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    guard let spectral else { return spatial[0](x, tape) }
    switch kind {
    case .sequential, .separable:
      return spectral(spatial.reduce(x) { $1($0, tape) }, tape)
    default:
      let inner = spatial.dropLast().reduce(x) { $1($0, tape) }
      let last = spatial[spatial.count - 1]
      return tape.add(last(inner, tape), spectral(x, tape))
    }
  }

  /// The convolution followed by batch normalisation with running statistics, folded into the weights where that is exact; nil
  /// where it is not.
  func inference(_ x: Tensor, _ norm: BatchNorm?) -> Tensor? {
    let affine = norm?.runningAffine
    switch kind {
    case .dense: return spatial[0].inference(x, affine)
    case .parallel, .single:
      guard let spectral, affine?.isPositive ?? true else { return nil }
      let inner = spatial.dropLast().reduce(x) { $1.inference($0) }
      // The summand belongs to the sum of both branches: the spectral one carries it.
      return spatial[spatial.count - 1].inference(inner, onto: spectral.inference(x, affine), affine, shifts: false)
    case .sequential, .separable:
      guard let spectral else { return nil }
      return spectral.inference(spatial.reduce(x) { $1.inference($0) }, affine)
    }
  }
}
