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
    let axes = depthTaps == nil ? 2 : 0
    projectIn = Linear(
      scope["project_in"], input: channels, output: 2 * hidden, bias: bias, kernelAxes: axes)
    depthwise = DepthwiseConvolution(scope["dwconv"], channels: 2 * hidden, depthTaps: depthTaps, bias: bias)
    projectOut = Linear(scope["project_out"], input: hidden, output: channels, bias: bias, kernelAxes: axes)
  }

  public var linears: [Linear] { [projectIn, projectOut] }

  public func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable { self(x, residual: nil, tape) }

  /// The layer with a value of its output's shape that is added.
  public func callAsFunction(_ x: Variable, residual: Variable?, _ tape: Tape) -> Variable {
    projectOut(tape.geluGate(depthwise(projectIn(x, tape), tape), gateFirst: true), residual: residual, tape)
  }
}
