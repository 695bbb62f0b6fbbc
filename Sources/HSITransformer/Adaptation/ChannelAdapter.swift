import CKernels
import HSICore
import HSINumerics

/// Structured sparse fine-tuning (S²FT): of every linear map only the weights of some input channels are trained.
///
///     y = W x + b + D x[I],  D = `s2ft_slice.weight` [out, k],  I = `s2ft_slice.channels` [k],  D = 0 at first
///
/// Channels are drawn once, each with the same probability over the whole network, so that layers get unequal shares; of every layer
/// at least one. Folding adds D to the columns I: nothing remains at prediction. Of a training step the weight gradient costs k/in of
/// that of a full one, and only x[I] is kept for it; with `top` below 1 the way back ends where the highest layers do.
/// Source: Yang et al. 2024, "S²FT: efficient, scalable and generalizable LLM fine-tuning by structured sparsity", arXiv 2412.06289;
/// there chosen channels are brought together by reordering, here they are gathered: the result is the same.
public final class ChannelAdapter: Adapter {
  /// Share, layers, seed.
  public struct Configuration: AdapterConfiguration {
    public static let kind = "s2ft"
    public static let grammar = "ratio=SHARE[,top=SHARE,seed=NUMBER]"
    public static let tensors = ["s2ft_slice.weight", "s2ft_slice.channels"]

    /// Share of the input channels that is trained, above 0 and at most 1.
    public var ratio: Double
    /// Share of the layers, from the last one down, that is adapted; 1 for all.
    public var top: Double
    /// Seed of the choice.
    public var seed: UInt64
    /// Channels of the layer, where a file says it.
    private var count: Int?

    /// 3 % of the channels of all layers, as published.
    public init(ratio: Double = 0.03, top: Double = 1, seed: UInt64 = 0) {
      (self.ratio, self.top, self.seed) = (ratio, top, seed)
    }

    public init(_ options: AdapterOptions) throws {
      self.init(
        ratio: options["ratio"] ?? 0.03, top: options["top"] ?? 1, seed: UInt64(Int(clamping: options["seed"] ?? 0)))
      guard ratio <= 1, top <= 1 else {
        throw CoreError.invalidParameter(
          name: options.option, value: options.text, requirement: "ratio and top above 0 and at most 1")
      }
    }

    /// As many channels as the file has; which ones follows with the tensors.
    public init?(at place: String, in source: AdapterSource) throws {
      let names = Configuration.tensors.map { AdapterSource.name(place, $0) }
      guard let channels = source.shape(names[1]) else {
        guard let slice = source.shape(names[0]) else { return nil }
        throw TransformerError.missingTensor(
          path: source.path, tensor: names[1], model: Array(slice.suffix(1)), instead: nil)
      }
      guard channels.count == 1, channels[0] > 0 else {
        throw TransformerError.shapeMismatch(path: source.path, tensor: names[1], file: channels, model: [1])
      }
      self.init()
      count = channels[0]
    }

    public var text: String {
      "\(kind):ratio=\(ratio)\(top < 1 ? ",top=\(top)" : "")\(seed > 0 ? ",seed=\(seed)" : "")"
    }

    public func isAttached(_ index: Int, of count: Int) -> Bool {
      Double(count - index) <= (top * Double(count)).rounded(.up)
    }

    public func make(_ scope: ParameterScope, input: Int, output: Int) -> any Adapter {
      ChannelAdapter(scope, input: input, output: output, self, channels(of: input, at: scope.path))
    }

    /// The channels of a layer: functions of seed, place and width alone.
    private func channels(of input: Int, at place: String) -> [Int] {
      if let count { return Array(0..<min(count, input)) }
      var digest = Fingerprint()
      digest.add(Array(place.utf8).map(Int.init))
      var random = CounterRandom(seed: seed, stream: digest.value)
      let drawn = (0..<input).map { _ in random.uniform(0, 1) }
      let chosen = drawn.indices.filter { drawn[$0] < ratio }
      return chosen.isEmpty ? [drawn.indices.min { drawn[$0] < drawn[$1] } ?? 0] : chosen
    }
  }

  public let configuration: Configuration
  /// D, `[out, k]`.
  public let slice: Parameter
  /// I, `[k]`.
  public let channels: Parameter
  private let input: Int
  private var places: (version: Int, columns: [Int32]) = (-1, [])

  private init(_ scope: ParameterScope, input: Int, output: Int, _ configuration: Configuration, _ channels: [Int]) {
    self.configuration = configuration
    self.input = input
    let scope = scope["s2ft_slice"]
    slice = scope.parameter("weight", [output, channels.count], .constant(0), role: .adapter)
    self.channels = scope.buffer("channels", [channels.count], 0, isInteger: true)
    self.channels.set(Tensor([channels.count], channels.map { Float($0) }))
  }

  /// The channels as columns; those of a damaged file are brought into the layer.
  private var columns: [Int32] {
    if places.version != channels.version {
      places = (channels.version, channels.value.values.map { Int32(min(max($0, 0), Float(input - 1))) })
    }
    return places.columns
  }

  public func parameters(of part: AdapterPart) -> [Parameter] { part == .thin ? [slice, channels] : [] }

  public func isMatrix(_ tape: Tape) -> Bool { true }

  public func add(_ part: AdapterPart, to matrix: inout Tensor) {
    guard part == .thin else { return }
    let columns = columns
    matrix.withMutableValues { sum in
      guard let base = sum.baseAddress else { return }
      hsi_scatter_columns(slice.value.pointer, slice.shape[0], input, columns, columns.count, base)
    }
  }

  public func accumulate(_ part: AdapterPart, matrixGradient gradient: UnsafePointer<Float>) {
    guard part == .thin, slice.isTrainable else { return }
    let columns = columns
    let chosen = Tensor(uninitialised: slice.shape)
    hsi_gather_columns(gradient, slice.shape[0], input, columns, columns.count, chosen.output)
    slice.accumulate(chosen)
  }

  public func forward(_ x: Tensor, rows: Int, _ tape: Tape, addingTo y: Tensor) -> (any AdapterPass)? {
    let columns = columns
    let chosen = Tensor(uninitialised: [rows, columns.count])
    hsi_gather_columns(x.pointer, rows, input, columns, columns.count, chosen.output)
    Products.multiply(
      chosen.pointer, .none, slice.value.pointer, .transposed, y.output, m: rows, n: slice.shape[0], k: columns.count,
      keep: 1)
    return Pass(adapter: self, columns: columns, chosen: chosen, rows: rows)
  }

  private struct Pass: AdapterPass {
    let adapter: ChannelAdapter
    let columns: [Int32]
    /// x[I], `[rows, k]`.
    let chosen: Tensor
    let rows: Int

    func backward(_ gradient: Tensor, x: Tensor, inputGradient: inout Tensor?) {
      let (slice, count) = (adapter.slice, columns.count)
      if slice.isTrainable {
        slice.accumulate {
          Products.multiply(
            gradient.pointer, .transposed, chosen.pointer, .none, $0, m: slice.shape[0], n: count, k: rows, keep: 1)
        }
      }
      guard inputGradient != nil else { return }
      let low = Tensor(uninitialised: [rows, count])
      Products.multiply(
        gradient.pointer, .none, slice.value.pointer, .none, low.output, m: rows, n: count, k: slice.shape[0])
      hsi_scatter_columns(low.pointer, rows, adapter.input, columns, count, inputGradient!.output)
    }
  }

  public func fold(into matrix: inout Tensor) -> [Parameter] {
    add(.thin, to: &matrix)
    return [slice, channels]
  }
}

extension AdapterConfiguration where Self == ChannelAdapter.Configuration {
  /// Structured sparse fine-tuning: 3 % of the channels of all layers by default.
  public static func s2ft(ratio: Double = 0.03, top: Double = 1, seed: UInt64 = 0) -> Self {
    Self(ratio: ratio, top: top, seed: seed)
  }
}
