import HSITransformer

/// A basic block of a residual network: `relu(x' + norm(conv(relu(norm(conv x)))))`, local and global channels each with norms of their
/// own. x' is x where shapes stay, else a convolution of one pixel and a norm.
final class FourierBlock {
  private let first, second: Normalised
  private let shortcut: Normalised?

  init(
    _ scope: ParameterScope, input: FastFourierConvolution.Widths, output: FastFourierConvolution.Widths, stride: Int
  ) {
    first = Normalised(scope["conv1"], input: input, output: output, taps: 3, stride: stride)
    second = Normalised(scope["conv2"], input: output, output: output, taps: 3, stride: 1)
    shortcut =
      stride == 1 && input == output
      ? nil : Normalised(scope["shortcut"], input: input, output: output, taps: 1, stride: stride)
  }

  var linears: [Linear] { [first, second, shortcut].compactMap { $0 }.flatMap(\.convolution.linears) }

  func callAsFunction(_ x: FastFourierConvolution.Parts, _ tape: Tape) -> FastFourierConvolution.Parts {
    func relu(_ part: Variable?) -> Variable? { part.map { tape.activation(.relu, $0) } }
    func add(_ a: Variable?, _ b: Variable?) -> Variable? { a.flatMap { a in b.map { tape.add(a, $0) } } }
    let h = first(x, tape)
    let y = second((relu(h.local), relu(h.global)), tape)
    let kept = shortcut?(x, tape) ?? x
    return (relu(add(y.local, kept.local)), relu(add(y.global, kept.global)))
  }

  /// A convolution and its norms.
  private struct Normalised {
    let convolution: FastFourierConvolution
    let local, global: BatchNorm?

    init(
      _ scope: ParameterScope, input: FastFourierConvolution.Widths, output: FastFourierConvolution.Widths, taps: Int,
      stride: Int
    ) {
      convolution = FastFourierConvolution(scope["conv"], input: input, output: output, taps: taps, stride: stride)
      local = output.local > 0 ? BatchNorm(scope["norm_local"], channels: output.local) : nil
      global = output.global > 0 ? BatchNorm(scope["norm_global"], channels: output.global) : nil
    }

    func callAsFunction(_ x: FastFourierConvolution.Parts, _ tape: Tape) -> FastFourierConvolution.Parts {
      let y = convolution(x, tape)
      return (
        local.flatMap { norm in y.local.map { norm($0, tape) } },
        global.flatMap { norm in y.global.map { norm($0, tape) } }
      )
    }
  }
}
