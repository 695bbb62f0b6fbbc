import HSITransformer

/// What a mixture of experts looks at: each expert weighs the bands by what a gate says of their class entries, keeps the best, and sees
/// their weighted sum.
///
///     π_e = softmax over bands of gate_e(x[·, 0]),   w_e = softmax of the k greatest π_e,   z_e = Σ_c w_ec x[c]
///
/// The name of the gate is `gate`. Source: Si et al., arXiv 2503.12843.
final class LESSMixture {
  let gate: Linear
  private let experts: Int
  private let kept: Int

  /// - Parameter kept: entries that an expert keeps; −1 for all.
  init(_ scope: ParameterScope, width: Int, experts: Int, kept: Int) {
    (self.experts, self.kept) = (experts, kept)
    gate = Linear(scope["gate"], input: width, output: experts, initialisation: .xavierUniform)
  }

  /// For each expert what it sees of `x` `[B, L, …]`: `[B, …]` each.
  ///
  /// - Parameter entries: what the gate looks at, `[B, L, width]`.
  func callAsFunction(_ x: Variable, entries: Variable, _ tape: Tape) -> [Variable] {
    let (batch, values) = (x.shape[0], x.shape[2...].reduce(1, *))
    let shares = tape.softmax(tape.permute(gate(entries, tape), [0, 2, 1]))
    let mixed = tape.matrixProduct(tape.topSoftmax(shares, count: kept), x)
    return (0..<experts).map { expert in
      tape.rearrange(
        mixed, RowMap(inputCount: experts, sources: [Int32(expert)]), width: values, shape: [batch] + x.shape[2...])
    }
  }
}

extension Tape {
  /// The mean of values of one shape.
  func mean(of parts: [Variable]) -> Variable {
    let sum = parts.dropFirst().reduce(parts[0]) { add($0, $1) }
    return parts.count == 1 ? sum : scale(sum, by: 1 / Float(parts.count))
  }
}

/// The head that tells the class of an image from the first column of the grid of tokens: the class entry of the image alone, or a
/// mixture of the class entries of all bands. Names `classifier`, or `classifier.{e}` and `gate`.
final class LESSClassifierHead {
  private let experts: [Linear]
  private let mixture: LESSMixture?

  init(_ scope: ParameterScope, _ configuration: LESSTaskConfiguration) {
    let width = configuration.encoder.width
    func linear(_ scope: ParameterScope) -> Linear {
      Linear(scope, input: width, output: configuration.classes, initialisation: .xavierUniform)
    }
    if configuration.experts > 0 {
      mixture = LESSMixture(scope, width: width, experts: configuration.experts, kept: configuration.kept)
      experts = (0..<configuration.experts).map { linear(scope["classifier"][$0]) }
    } else {
      mixture = nil
      experts = [linear(scope["classifier"])]
    }
  }

  /// The linear maps that may carry adapters.
  var linears: [Linear] { experts + (mixture.map { [$0.gate] } ?? []) }

  /// Logits `[B, classes]` of the first column `[B, 1 + C, width]`.
  func callAsFunction(_ column: Variable, _ tape: Tape) -> Variable {
    let (batch, length, width) = (column.shape[0], column.shape[1], column.shape[2])
    let seen =
      mixture?(column, entries: column, tape)
      ?? [
        tape.rearrange(
          column, RowMap(inputCount: length, sources: [0]), width: width, shape: [batch, width])
      ]
    return tape.mean(of: zip(experts, seen).map { $0($1, tape) })
  }
}

/// The head that makes a map of classes of the tokens of positions: log₂ p stages, each enlarges twice (bilinear) and convolves 3 × 3;
/// batch normalisation and rectifier behind all but the last. Widths 128, 64, 32 …, then the classes. Patches of one pixel have one
/// convolution without enlargement. Names `segmentation_conv.{i}`, counting enlargements and rectifiers.
final class LESSConvolutionHead {
  private let convolutions: [Convolution]
  private let norms: [BatchNorm]
  private let enlarges: Bool

  /// - Parameter patch: a power of two.
  init(_ scope: ParameterScope, width: Int, classes: Int, patch: Int) {
    let stages = max(patch.trailingZeroBitCount, 1)
    enlarges = patch > 1
    let widths = [width] + (0..<(stages - 1)).map { max(128 >> $0, 1) } + [classes]
    let place = scope["segmentation_conv"]
    var (convolutions, norms): ([Convolution], [BatchNorm]) = ([], [])
    for stage in 0..<stages {
      convolutions.append(
        Convolution(
          place[4 * stage + 1], input: widths[stage], output: widths[stage + 1], bias: true,
          initialisation: .xavierUniform))
      if stage < stages - 1 { norms.append(BatchNorm(place[4 * stage + 2], channels: widths[stage + 1])) }
    }
    (self.convolutions, self.norms) = (convolutions, norms)
  }

  /// Logits `[B, rows · p, columns · p, classes]` of tokens `[B, rows, columns, width]`.
  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    var h = x
    for (stage, convolution) in convolutions.enumerated() {
      if enlarges { h = tape.resizeBilinear(h, rows: 2 * h.shape[1], columns: 2 * h.shape[2], alignsCorners: false) }
      h =
        stage < norms.count
        ? convolution.normalised(h, norms[stage], activation: .relu, tape) : convolution(h, tape)
    }
    return h
  }
}

/// The head of a segmenter: convolutions on the row of class entries, or a mixture of the rows of all bands with convolutions for each
/// expert. Names `segmentation_conv`, or `experts.{e}.segmentation_conv` and `gate`.
final class LESSSegmentationHead {
  private let experts: [LESSConvolutionHead]
  private let mixture: LESSMixture?

  init(_ scope: ParameterScope, _ configuration: LESSTaskConfiguration) {
    let (width, classes, patch) = (configuration.encoder.width, configuration.classes, configuration.encoder.patch)
    func head(_ scope: ParameterScope) -> LESSConvolutionHead {
      LESSConvolutionHead(scope, width: width, classes: classes, patch: patch)
    }
    if configuration.experts > 0 {
      mixture = LESSMixture(scope, width: width, experts: configuration.experts, kept: configuration.kept)
      experts = (0..<configuration.experts).map { head(scope["experts"][$0]) }
    } else {
      mixture = nil
      experts = [head(scope)]
    }
  }

  /// The linear maps that may carry adapters.
  var linears: [Linear] { mixture.map { [$0.gate] } ?? [] }

  /// Logits `[B, rows · p, columns · p, classes]` of a grid of tokens `[B, 1 + C, 1 + rows · columns, width]`.
  func callAsFunction(_ tokens: Variable, rows: Int, columns: Int, _ tape: Tape) -> Variable {
    let (batch, height, length, width) = (tokens.shape[0], tokens.shape[1], tokens.shape[2], tokens.shape[3])
    /// Some entries of the grid, by number.
    func pick(_ sources: [Int], _ shape: [Int]) -> Variable {
      let map = RowMap(inputCount: height * length, sources: sources.map { Int32($0) })
      return tape.rearrange(tokens, map, width: width, shape: [batch] + shape + [width])
    }
    let seen: [Variable]
    if let mixture {
      let entries = pick((0..<height).map { $0 * length }, [height])
      let positions = pick((0..<height).flatMap { c in (1..<length).map { c * length + $0 } }, [height, rows, columns])
      seen = mixture(positions, entries: entries, tape)
    } else {
      seen = [pick(Array(1..<length), [rows, columns])]
    }
    return tape.mean(of: zip(experts, seen).map { $0($1, tape) })
  }
}
