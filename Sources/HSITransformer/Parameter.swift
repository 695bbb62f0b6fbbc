import HSICore

/// What a parameter is in its network: trainable sets, decay and rates are chosen by it.
public enum ParameterRole: String, Sendable, Codable, CaseIterable {
  /// A matrix or a kernel of a convolution.
  case weight
  /// What a linear map or convolution adds.
  case bias
  /// Scale and shift of a normalisation, or of a layer as a whole.
  case norm
  /// A table of positions, prompts, embeddings or temperatures.
  case table
  /// Anything of an adapter.
  case adapter
  /// Running statistics: stored, never changed by an optimiser.
  case statistic
  /// Counters and index tables, stored as 64-bit integers.
  case integer

  /// Whether an optimiser may change it.
  public var isLearned: Bool { self != .statistic && self != .integer }
}

/// A named tensor of a network: a weight that may be trained, or a buffer (running statistics) that is only stored.
///
/// Values are in the order of the published checkpoints (PyTorch: linear `[out, in]`, convolution
/// `[out, in, depth, rows, columns]`). `version` changes with every change of the value, so that layers know when what
/// they have packed for the kernels is out of date.
public final class Parameter: @unchecked Sendable {
  /// Dotted name in the state dictionary.
  public let name: String
  /// What it is in the network.
  public let role: ParameterRole
  /// True for running statistics, counters and index tables that no optimiser touches.
  public var isBuffer: Bool { !role.isLearned }
  /// True when the stored type is a 64-bit integer (counters, index tables).
  public var isInteger: Bool { role == .integer }
  /// Whether gradients are computed and the optimiser changes it.
  public var isTrainable: Bool
  /// The value.
  public private(set) var value: Tensor
  /// Grows with every change of the value.
  public private(set) var version = 0
  /// The sum of gradients since the last `clearGradient()`; nil when none has arrived.
  public var gradient: Tensor? { hasGradient ? gradientSum : nil }

  private var gradientSum: Tensor?
  private var hasGradient = false

  init(name: String, value: Tensor, role: ParameterRole = .weight) {
    self.name = name
    self.value = value
    self.role = role
    isTrainable = role.isLearned
  }

  /// Extents of the value.
  public var shape: [Int] { value.shape }

  /// Replaces the value; the shape stays.
  public func set(_ value: Tensor) {
    precondition(value.count == self.value.count, "\(name): \(value.shape) for \(shape)")
    self.value = value.reshaped(shape)
    version += 1
  }

  /// Changes the value in place.
  public func update(_ body: (UnsafeMutableBufferPointer<Float>) -> Void) {
    value.withMutableValues(body)
    version += 1
  }

  /// Changes the gradient sum in place (from zero when none has arrived): kernels add into it.
  public func accumulate(_ body: (UnsafeMutablePointer<Float>) -> Void) {
    if gradientSum == nil { gradientSum = Tensor(uninitialised: shape) }
    let isFirst = !hasGradient
    hasGradient = true
    gradientSum!.withMutableValues { buffer in
      if isFirst { buffer.update(repeating: 0) }
      if let pointer = buffer.baseAddress { body(pointer) }
    }
  }

  /// Changes the gradient in place, if there is one (clipping, averaging).
  func updateGradient(_ body: (UnsafeMutableBufferPointer<Float>) -> Void) {
    if hasGradient { gradientSum?.withMutableValues(body) }
  }

  /// Forgets the gradient; its memory is kept for the next one.
  public func clearGradient() { hasGradient = false }
}

/// How a new weight is drawn.
public enum Initialisation: Sendable, Equatable {
  /// All values equal.
  case constant(Float)
  /// Normal with this standard deviation.
  case normal(Double)
  /// Normal, cut at ±2 (absolute).
  case truncatedNormal(Double)
  /// Uniform in ±bound.
  case uniform(Double)
  /// Uniform in 0 … 1.
  case unitUniform
  /// Normal with variance 2 / fan-out (He et al. 2015, fan-out mode, gain √2), fan-out = out · kernel size.
  case kaimingNormalFanOut
  /// Normal with variance 2 / (fan-in + fan-out) (Glorot, Bengio 2010).
  case xavierNormal
  /// Uniform in ±√(6 / (fan-in + fan-out)) (Glorot, Bengio 2010).
  case xavierUniform
  /// Uniform in ±1/√fan-in: PyTorch's default for linear layers and convolutions.
  case fanInUniform

  func draw(_ shape: [Int], _ random: inout CounterRandom) -> Tensor {
    let receptive = shape.dropFirst(2).reduce(1, *)
    let fanIn = Double((shape.count > 1 ? shape[1] : 1) * receptive)
    let fanOut = Double((shape.first ?? 1) * receptive)
    let count = shape.reduce(1, *)
    func normal(_ deviation: Double, limit: Double = .infinity) -> [Float] {
      (0..<count).map { _ in
        var value = deviation * random.normal()
        while abs(value) > limit { value = deviation * random.normal() }
        return Float(value)
      }
    }
    func uniform(_ bound: Double) -> [Float] { (0..<count).map { _ in Float(random.uniform(-bound, bound)) } }
    return switch self {
    case .constant(let value): Tensor(shape, repeating: value)
    case .normal(let deviation): Tensor(shape, normal(deviation))
    case .truncatedNormal(let deviation): Tensor(shape, normal(deviation, limit: 2))
    case .uniform(let bound): Tensor(shape, uniform(bound))
    case .unitUniform: Tensor(shape, uniform(1).map { ($0 + 1) / 2 })
    case .kaimingNormalFanOut: Tensor(shape, normal((2 / fanOut).squareRoot()))
    case .xavierNormal: Tensor(shape, normal((2 / (fanIn + fanOut)).squareRoot()))
    case .xavierUniform: Tensor(shape, uniform((6 / (fanIn + fanOut)).squareRoot()))
    case .fanInUniform: Tensor(shape, uniform(1 / fanIn.squareRoot()))
    }
  }
}

/// All parameters and buffers of a network, in the order in which its layers were made.
public final class ParameterStore: @unchecked Sendable {
  /// In order of creation.
  public private(set) var parameters: [Parameter] = []
  private var byName: [String: Parameter] = [:]
  private var random: CounterRandom
  /// Whether a new weight of a name is drawn; the others are zero.
  private var isDrawn: (String) -> Bool

  /// An empty store; initial weights are drawn under `seed`, or zero when `isBlank`: for networks that are loaded. The
  /// generator of a blank store stands where it would had it drawn, so that what is drawn later is the same.
  public convenience init(seed: UInt64 = 0, isBlank: Bool = false) { self.init(seed: seed) { _ in !isBlank } }

  /// A store that draws only the weights whose names `isDrawn` holds for, as a store that draws all would; the others are
  /// zero: for networks of which a part is loaded.
  public init(seed: UInt64, drawing isDrawn: @escaping (String) -> Bool) {
    random = CounterRandom(seed: seed, stream: 0x1217)
    self.isDrawn = isDrawn
  }

  /// The parameter of a name.
  public subscript(name: String) -> Parameter? { byName[name] }

  /// What an optimiser may change.
  public var trainable: [Parameter] { parameters.filter(\.isTrainable) }

  /// The scope of the whole network.
  public var root: ParameterScope { ParameterScope(store: self, path: "") }

  /// Number of values in weights (buffers excluded).
  public var parameterCount: Int { parameters.filter { !$0.isBuffer }.reduce(0) { $0 + $1.value.count } }

  /// Forgets all gradients.
  public func clearGradients() { for parameter in parameters { parameter.clearGradient() } }

  /// Lets the optimiser change exactly the weights that `predicate` names.
  public func train(where predicate: (Parameter) -> Bool) {
    for parameter in parameters { parameter.isTrainable = !parameter.isBuffer && predicate(parameter) }
  }

  /// From now on a blank store draws new weights: those of adapters of a network that was loaded.
  public func startDrawing() { isDrawn = { _ in true } }

  /// Lets the optimiser change exactly the weights of some roles.
  public func train(_ roles: Set<ParameterRole>) { train { roles.contains($0.role) } }

  fileprivate func add(
    _ name: String, _ shape: [Int], _ initialisation: Initialisation, _ role: ParameterRole
  ) -> Parameter {
    precondition(byName[name] == nil, "two parameters are named \(name)")
    let isDrawn = !role.isLearned || self.isDrawn(name)
    if !isDrawn { initialisation.skip(shape, &random) }
    let parameter = Parameter(
      name: name, value: isDrawn ? initialisation.draw(shape, &random) : .zeros(shape), role: role)
    parameters.append(parameter)
    byName[name] = parameter
    return parameter
  }
}

/// A place in the names of a network: layers ask it for their parameters, parents open one for each child.
public struct ParameterScope: Sendable {
  /// Where the parameters go.
  public let store: ParameterStore
  /// Dotted path, empty for the root.
  public let path: String

  /// The scope of a child.
  public subscript(child: String) -> ParameterScope {
    ParameterScope(store: store, path: path.isEmpty ? child : "\(path).\(child)")
  }

  /// The scope of the i-th child of a list.
  public subscript(index: Int) -> ParameterScope { self["\(index)"] }

  /// A new parameter of this scope, one that is learned.
  public func parameter(
    _ name: String, _ shape: [Int], _ initialisation: Initialisation, role: ParameterRole = .weight
  ) -> Parameter {
    precondition(role.isLearned, "\(name) is a buffer")
    return store.add(self[name].path, shape, initialisation, role)
  }

  /// A new buffer of this scope.
  public func buffer(_ name: String, _ shape: [Int], _ value: Float, isInteger: Bool = false) -> Parameter {
    store.add(self[name].path, shape, .constant(value), isInteger ? .integer : .statistic)
  }
}
