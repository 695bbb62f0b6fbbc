import HSICore

/// A value in a forward pass, and its place on the tape when a gradient is wanted for it.
public struct Variable: Sendable {
  /// The value.
  public let value: Tensor
  let node: Int?

  /// A constant: no gradient is computed for it.
  public init(_ value: Tensor) {
    self.value = value
    node = nil
  }

  init(_ value: Tensor, node: Int?) {
    self.value = value
    self.node = node
  }

  /// Extents of the value.
  public var shape: [Int] { value.shape }

  /// True when a gradient will be computed for it.
  public var needsGradient: Bool { node != nil }
}

/// One recorded step of a forward pass: a small type that names what it keeps for the way back.
public protocol TapeOperation {
  /// Carries the gradient of the output to the inputs (`gradients.add`) and to the parameters. The gradient is the
  /// operation's own: where nothing else uses its memory it may be changed in place.
  func backward(_ gradient: consuming Tensor, _ gradients: inout Gradients)
}

/// The gradients that are on their way back, one slot per value on the tape.
public struct Gradients {
  private var slots: [Tensor?]

  init(count: Int) { slots = Array(repeating: nil, count: count) }

  /// Adds `gradient` to what has arrived for `variable`; nothing happens for constants.
  public mutating func add(_ gradient: Tensor, to variable: Variable) {
    guard let node = variable.node else { return }
    precondition(
      gradient.count == variable.value.count, "gradient \(gradient.shape) for a value \(variable.shape)")
    guard var sum = slots[node] else {
      slots[node] = gradient
      return
    }
    slots[node] = nil
    Elementwise.add(gradient, into: &sum)
    slots[node] = sum
  }

  mutating func take(_ node: Int) -> Tensor? {
    defer { slots[node] = nil }
    return slots[node]
  }

  func gradient(_ node: Int) -> Tensor? { slots[node] }
}

/// Records a forward pass so that gradients can be carried back: a flat list of coarse operations.
///
/// In `.inference` nothing is recorded and values are freed as soon as their last reader ran. An operation none of whose
/// inputs and parameters wants a gradient is not recorded either, so a frozen network in front of an adapter costs
/// nothing on the way back. Cost per operation: below a microsecond. One tape per pass and thread.
///
///     let tape = Tape(.training, seed: 1)
///     let loss = meanSquaredError(network(Variable(x), tape), Variable(y), tape)
///     tape.backward(from: loss)          // gradients are now in the parameters
public final class Tape {
  /// What a pass is for.
  public enum Mode: Sendable {
    /// Evaluation without gradients.
    case inference
    /// Evaluation (running statistics, no dropout) with gradients.
    case evaluation
    /// Batch statistics, dropout and random branches, with gradients.
    case training
  }

  /// What this pass is for.
  public let mode: Mode
  /// Source of dropout masks and branch draws.
  public var random: CounterRandom
  /// What attention between the channels of an image pools beyond this pass, for tiles of an image; nil for nothing.
  public var pooling: ChannelPooling?
  /// Draws that replace those of `random` for random branches, in call order (parity tests).
  package var scriptedDraws: [Double] = []

  private var operations: [(any TapeOperation)?] = []
  private var leafGradients: [Int: Tensor] = [:]

  /// An empty tape.
  public init(_ mode: Mode, seed: UInt64 = 0, stream: UInt64 = 0) {
    self.mode = mode
    random = CounterRandom(seed: seed, stream: stream)
  }

  /// True while steps are recorded.
  public var isRecording: Bool { mode != .inference }

  /// True when batch statistics, dropout and random branches apply.
  public var isTraining: Bool { mode == .training }

  /// A uniform draw in [0, 1) for a random branch.
  public func draw() -> Double { scriptedDraws.isEmpty ? random.uniform() : scriptedDraws.removeFirst() }

  /// An input whose gradient is wanted; read it after `backward` with `gradient(of:)`.
  public func input(_ value: Tensor) -> Variable {
    guard isRecording else { return Variable(value) }
    operations.append(nil)
    return Variable(value, node: operations.count - 1)
  }

  /// Puts a value on the tape with the step that made it, if anything before it wants a gradient.
  public func record(
    _ value: Tensor, inputs: [Variable], parameters: [Parameter] = [], _ operation: () -> any TapeOperation
  ) -> Variable {
    guard keeps(inputs: inputs, parameters: parameters) else { return Variable(value) }
    operations.append(operation())
    return Variable(value, node: operations.count - 1)
  }

  /// Whether `record` would keep a step of these inputs and parameters: only then is something needed for the way back.
  public func keeps(inputs: [Variable], parameters: [Parameter] = []) -> Bool {
    isRecording && (inputs.contains(where: \.needsGradient) || parameters.contains(where: \.isTrainable))
  }

  /// Number of recorded steps.
  public var count: Int { operations.count }

  /// Carries `gradient` (1 for a scalar when absent) from `output` back to all inputs and parameters, and empties the
  /// tape: what a step kept is freed as soon as it was used.
  public func backward(from output: Variable, gradient: Tensor? = nil) {
    leafGradients.removeAll(keepingCapacity: true)
    guard let last = output.node else { return }
    var gradients = Gradients(count: operations.count)
    gradients.add(gradient ?? Tensor(output.shape, repeating: 1), to: output)
    for index in stride(from: last, through: 0, by: -1) {
      guard let operation = operations[index] else {
        if let gradient = gradients.take(index) { leafGradients[index] = gradient }
        continue
      }
      operations[index] = nil
      guard let gradient = gradients.take(index) else { continue }
      operation.backward(consume gradient, &gradients)
    }
    operations.removeAll(keepingCapacity: true)
  }

  /// The gradient that the last `backward` found for an input; nil when none arrived.
  public func gradient(of input: Variable) -> Tensor? { input.node.flatMap { leafGradients[$0] } }
}
