import HSINumerics

/// The gated depthwise feed-forward network (GDFN) over `[B, D, H, W, C]` or, as in Restormer
/// itself, over images `[B, H, W, C]`, widths C → 2m → C (m = C by default):
///
///     y = out(GELU(u) ⊙ v),   [u; v] = dw(in x),   in, out 1×1×1, dw depthwise 3×3×3 (images: 3×3)
///
/// Exact GELU, the first half is activated. Source: Zamir et al., "Restormer", CVPR 2022.
public final class GatedDepthwiseFeedForward: FeedForward {
  let projectIn: Linear
  let depthwise: DepthwiseConvolution
  let projectOut: Linear

  /// Names `project_in`, `dwconv`, `project_out` under `scope`; `depthTaps` nil for images.
  public init(_ scope: ParameterScope, channels: Int, hidden: Int? = nil, depthTaps: Int? = 3, bias: Bool = true) {
    let hidden = hidden ?? channels
    projectIn = Linear(scope["project_in"], input: channels, output: 2 * hidden, bias: bias)
    depthwise = DepthwiseConvolution(scope["dwconv"], channels: 2 * hidden, depthTaps: depthTaps, bias: bias)
    projectOut = Linear(scope["project_out"], input: hidden, output: channels, bias: bias)
  }

  public var linears: [Linear] { [projectIn, projectOut] }

  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    let (first, second) = tape.halves(depthwise(projectIn(x, tape), tape))
    return projectOut(tape.multiply(tape.activation(.gelu, first), second), tape)
  }
}
