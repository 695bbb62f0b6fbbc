/// A convolution of images whose channels are divided into local ones, which see their neighbourhood, and global ones, which see the
/// whole image.
///
///     y_l = W_ll ⋆ x_l + W_gl ⋆ x_g
///     y_g = W_lg ⋆ x_l + G(x_g)          G: see `FourierUnit`
///
/// ⋆ are convolutions without bias of `taps × taps` pixels, stride 1 or 2. Without local or global channels on a side the paths from
/// or to them are absent. Parameters: `local_local.weight`, `global_local.weight`, `local_global.weight`, `global_global.*`. Source: Chi,
/// Jiang, Mu, "Fast Fourier convolution", NeurIPS 2020.
public final class FastFourierConvolution {
  /// Channels of an image, or how many: first the local ones.
  public typealias Widths = (local: Int, global: Int)
  /// Images of local and of global channels; nil where there are none.
  public typealias Parts = (local: Variable?, global: Variable?)

  private let localLocal, globalLocal, localGlobal: Convolution?
  private let globalGlobal: GlobalFourierPath?

  /// - Parameters:
  ///   - taps: 1 or 3.
  ///   - stride: 1 or 2; extents must be even for 2.
  public init(_ scope: ParameterScope, input: Widths, output: Widths, taps: Int = 3, stride: Int = 1) {
    func path(_ name: String, _ from: Int, _ to: Int) -> Convolution? {
      from > 0 && to > 0
        ? Convolution(scope[name], input: from, output: to, planeTaps: taps, stride: stride) : nil
    }
    localLocal = path("local_local", input.local, output.local)
    globalLocal = path("global_local", input.global, output.local)
    localGlobal = path("local_global", input.local, output.global)
    globalGlobal =
      input.global > 0 && output.global > 0
      ? GlobalFourierPath(scope["global_global"], input: input.global, output: output.global, stride: stride) : nil
  }

  /// The linear maps that may carry adapters.
  public var linears: [Linear] { globalGlobal?.linears ?? [] }

  /// Applies the layer.
  public func callAsFunction(_ x: Parts, _ tape: Tape) -> Parts {
    func sum(_ parts: [Variable?]) -> Variable? {
      let present = parts.compactMap { $0 }
      return present.dropFirst().reduce(present.first) { sum, part in sum.map { tape.add($0, part) } }
    }
    func apply(_ layer: Convolution?, _ part: Variable?) -> Variable? {
      layer.flatMap { layer in part.map { layer($0, tape) } }
    }
    return (
      sum([apply(localLocal, x.local), apply(globalLocal, x.global)]),
      sum([apply(localGlobal, x.local), globalGlobal.flatMap { path in x.global.map { path($0, tape) } }])
    )
  }
}
