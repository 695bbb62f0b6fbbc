import Foundation
import HSICore

/// SaRA: trains only the weights that matter least, those of magnitude below θ, in all tensors of any network.
///
///     M = 1[|w| < θ],  w_M ← AdamW(w_M, g_M),  all other weights keep their bits
///
/// The mask is drawn once per parameter, at its first gradient; after `renewal` updates it is drawn again among the current
/// values, with moments of zero. Weights keep their signs (the released code starts masked ones from their magnitude).
/// Memory: two moments and a bit per weight of the mask; the work of a step is that of full training. What was learned is
/// saved as positions and values (`difference`) and folded into the base with the same bits (`fold`).
/// Source: Hu et al. 2024, "SaRA: high-efficient diffusion model fine-tuning with progressive sparse low-rank adaptation",
/// arXiv 2409.06633.
public struct SaRA: UpdateRule, Equatable {
  /// θ.
  public var threshold: Double
  /// Updates after which the mask is drawn again; nil for never.
  public var renewal: Int?
  /// Parameters of which everything is trained, by name: a head that is made anew.
  public var whole: Set<String>
  /// β₁, β₂, ε of AdamW.
  public var beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8

  /// A mask below θ, renewed after 2500 updates as in the paper.
  public init(threshold: Double, renewal: Int? = 2500, whole: Set<String> = []) {
    self.threshold = threshold
    self.renewal = renewal
    self.whole = whole
  }

  /// The θ below which a share of all weights lies (5 to 20 % is usual), rounded up to the next magnitude.
  public static func threshold(share: Double, of parameters: [Parameter]) -> Double {
    let magnitudes = parameters.flatMap { $0.value.values.map { abs($0) } }.sorted()
    guard !magnitudes.isEmpty else { return 0 }
    return Double(magnitudes[min(Int(clamping: share * Double(magnitudes.count)), magnitudes.count - 1)])
  }

  /// The learning rate that the paper gives for a θ, `10⁻³ · exp(−350 θ)`.
  public static func rate(threshold: Double) -> Double { 1e-3 * exp(-350 * threshold) }

  // MARK: - Updates

  public var settings: String {
    "SaRA below \(threshold), renewed after \(renewal.map(String.init) ?? "-"), whole \(whole.sorted().joined(separator: " "))"
  }

  private enum Name { static let mask = "mask", first = "first", second = "second" }

  public func start(_ parameter: Parameter) -> UpdateState {
    let isWhole = whole.contains(parameter.name)
    let mask = Mask(parameter.value) { isWhole || abs(Double($0)) < threshold }
    return UpdateState([
      (Name.first, .zeros([mask.storedCount])), (Name.second, .zeros([mask.storedCount])), (Name.mask, mask.words),
    ])
  }

  public func update(_ parameter: Parameter, _ step: UpdateStep, _ state: inout UpdateState) {
    if let renewal, state.steps > renewal, !whole.contains(parameter.name) {
      state = start(parameter)
      state.steps = 1
    }
    let places = Mask(words: state.tensors[2].value).places(in: parameter.value.count)
    guard !places.isEmpty else { return }
    var masked = step
    masked.gradient = Tensor([places.count], places.map { step.gradient.pointer[$0] })
    var values = places.map { parameter.value.pointer[$0] }
    values.withUnsafeMutableBufferPointer { buffer in
      guard let values = buffer.baseAddress else { return }
      AdamKernel.update(values, masked, &state, beta1, beta2, epsilon, isDecoupled: true)
    }
    parameter.update { weights in for (place, value) in zip(places, values) { weights[place] = value } }
  }

  public func restored(_ parameter: Parameter, from tensor: (String) throws -> Tensor?) throws -> UpdateState {
    let fresh = start(parameter)
    func stored(_ name: String, _ count: Int) throws -> Tensor {
      let full = "\(parameter.name).\(name)"
      guard let found = try tensor(name) else {
        throw TransformerError.missingTensor(path: "the training state", tensor: full, model: [count], instead: nil)
      }
      guard found.count == count else {
        throw TransformerError.shapeMismatch(
          path: "the training state", tensor: full, file: found.shape, model: [count])
      }
      return found
    }
    let words = try stored(Name.mask, fresh.tensors[2].value.count)
    let count = Mask(words: words).storedCount
    return UpdateState([
      (Name.first, try stored(Name.first, count)), (Name.second, try stored(Name.second, count)), (Name.mask, words),
    ])
  }

  /// Which values of a tensor are trained: 16 bits in every stored number, which single precision holds exactly.
  private struct Mask {
    let words: Tensor

    init(words: Tensor) { self.words = words }

    init(_ tensor: Tensor, _ isTrained: (Float) -> Bool) {
      var words = [Float](repeating: 0, count: (tensor.count + 15) / 16)
      for i in 0..<tensor.count where isTrained(tensor.pointer[i]) { words[i / 16] += Float(1 << (i % 16)) }
      self.words = Tensor([words.count], words)
    }

    /// Values of a moment; a tensor has at least one.
    var storedCount: Int { max(1, (0..<words.count).reduce(0) { $0 + word($1).nonzeroBitCount }) }

    private func word(_ index: Int) -> UInt16 { UInt16(min(max(words.pointer[index], 0), 65535)) }

    func places(in count: Int) -> [Int] {
      (0..<count).filter { word($0 / 16) & (1 << UInt16($0 % 16)) != 0 }
    }
  }

  // MARK: - What was learned

  private static let baseKey = "sara_base"

  /// A digest of the weights of a network: that of the base is kept beside what was learned.
  public static func digest(_ store: ParameterStore) -> String {
    var digest = Fingerprint()
    for parameter in store.parameters where !parameter.isBuffer {
      digest.add(parameter.value.pointer, count: parameter.value.count)
    }
    return digest.text
  }

  /// The weights that differ from a base, as flat positions and new values per tensor, and what a file must say about them.
  ///
  /// - Parameters:
  ///   - store: the trained network.
  ///   - base: a network with the weights that training started from.
  public static func difference(
    _ store: ParameterStore, from base: ParameterStore
  ) -> (contents: [(name: String, content: SafetensorsWriter.Content)], metadata: [String: String]) {
    let contents = SparseDifference.contents(store.parameters) { base[$0]?.value }
    return (contents, [baseKey: digest(base)])
  }

  /// Puts what `difference` gave into the base, whose weights must be those that training started from.
  ///
  /// - Throws: `TransformerError` for another base, and for positions and values that do not fit; nothing changes then.
  public static func fold(_ file: WeightFile, into store: ParameterStore) throws {
    guard file.metadata[baseKey] == digest(store) else {
      throw TransformerError.badHeader(path: file.path, detail: "it was learned from other weights than these")
    }
    for name in file.tensors.compactMap({ SparseDifference.target(of: $0.name) }) where store[name] == nil {
      throw TransformerError.unexpectedTensor(path: file.path, tensor: name, file: [])
    }
    let changes = try store.parameters.compactMap { parameter in
      try SparseDifference.changes(of: parameter.name, count: parameter.value.count, in: file).map {
        (parameter: parameter, values: $0)
      }
    }
    guard !changes.isEmpty else { throw TransformerError.noAdapter(path: file.path) }
    for (parameter, values) in changes {
      parameter.update { weights in for (place, value) in values { weights[place] = value } }
    }
  }
}
