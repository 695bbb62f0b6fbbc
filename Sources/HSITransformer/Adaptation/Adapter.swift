/// The two ways in which an adapter can take part in a linear map.
public enum AdapterPart: Sendable, CaseIterable {
  /// A matrix of as many values as the weight: added to it before every pass.
  case dense
  /// What costs less beside the weight than in it, or is no matrix at all: added to the output.
  case thin
}

/// Something beside a linear map `y = W x + b` that can be trained alone, saved alone, stacked, and folded where it is a
/// matrix: one file with one type, one line in `Adapters`.
///
///     y = (W + Σ dense) x + b + Σ thin(x)
///
/// Contract of every adapter:
/// - all its parameters have the role `.adapter` (tables of indices: `.integer`) and lie under the scope that it was given;
/// - where `isMatrix` holds, `thin(x)` is a matrix times x, and `add(.thin, …)` adds that matrix;
/// - `forward` and `accumulate` add to what is there, in the order in which adapters were attached;
/// - nothing depends on the number of threads; random draws come from the tape.
public protocol Adapter: AnyObject {
  /// What it is made of.
  associatedtype Configuration: AdapterConfiguration
  /// What it is made of.
  var configuration: Configuration { get }

  /// The parameters of a part.
  func parameters(of part: AdapterPart) -> [Parameter]

  /// Whether its thin part is a matrix in this pass: one that depends on the input (a gate), or drops some of it in
  /// training, is not.
  func isMatrix(_ tape: Tape) -> Bool

  /// Adds a part to `matrix` `[out, in]`; a thin part only where `isMatrix` holds.
  func add(_ part: AdapterPart, to matrix: inout Tensor)

  /// Adds what `gradient` `[out, in]`, that of the matrix which `add` changed, means for the parameters of the part.
  func accumulate(_ part: AdapterPart, matrixGradient gradient: UnsafePointer<Float>)

  /// Adds the thin part for `rows` inputs to `y` `[rows, out]`; returns what the way back needs, nil without a thin part.
  func forward(_ x: Tensor, rows: Int, _ tape: Tape, addingTo y: Tensor) -> (any AdapterPass)?

  /// Adds to `matrix` all that is a matrix outside training, each value in double precision and rounded once, and returns
  /// the parameters that it holds now.
  func fold(into matrix: inout Tensor) -> [Parameter]
}

/// One evaluation of the thin part of an adapter.
public protocol AdapterPass {
  /// Adds to the gradients of the adapter's parameters, and to that of the input `[rows, in]` where one is wanted.
  ///
  /// - Parameters:
  ///   - gradient: of the output, `[rows, out]`.
  ///   - x: the input that `forward` got.
  func backward(_ gradient: Tensor, x: Tensor, inputGradient: inout Tensor?)
}

extension Adapter {
  /// All parameters.
  public var parameters: [Parameter] { parameters(of: .dense) + parameters(of: .thin) }

  /// Grows with every change of a part.
  func version(of part: AdapterPart) -> Int { parameters(of: part).reduce(0) { $0 + $1.version } }

  /// True when a gradient of a part has somewhere to go.
  func isTrained(_ part: AdapterPart) -> Bool { parameters(of: part).contains(where: \.isTrainable) }
}

/// What an adapter of a kind is made of: a value that makes one at any linear map, that a user can write as text
/// (`lora:r=8`), and that is found again in a file of weights.
public protocol AdapterConfiguration: Sendable, Equatable {
  /// Name of the kind, such as `lora`.
  static var kind: String { get }
  /// What a text may say behind the kind, such as `r=RANK[,alpha=NUMBER]`.
  static var grammar: String { get }
  /// Whether all of it is a matrix outside training, so that it can be folded without remainder.
  static var isMatrix: Bool { get }
  /// Names that its tensors may have behind their place, such as `lora_down.weight`.
  static var tensors: [String] { get }
  /// Keys of `metadata` without which a file of its tensors cannot be folded.
  static var requiredToFold: [String] { get }

  /// What a user wrote.
  ///
  /// - Throws: `CoreError.invalidParameter`, by `AdapterOptions`.
  init(_ options: AdapterOptions) throws

  /// What lies at a place of a file; nil where there is no adapter of this kind.
  ///
  /// - Throws: `TransformerError` where there is a damaged one.
  init?(at place: String, in source: AdapterSource) throws

  /// The same as a user would write it, such as `lora:r=8,alpha=16.0`.
  var text: String { get }

  /// What a file must say beside the tensors.
  var metadata: [String: String] { get }

  /// Whether it is put beside a map of a network, by its number from 0; beside every one by default.
  func isAttached(_ index: Int, of count: Int) -> Bool

  /// A fresh adapter whose parameters join `scope`: at first the layer computes what it computed before.
  func make(_ scope: ParameterScope, input: Int, output: Int) -> any Adapter
}

extension AdapterConfiguration {
  public static var isMatrix: Bool { true }
  public static var requiredToFold: [String] { [] }
  public func isAttached(_ index: Int, of count: Int) -> Bool { true }
  public var metadata: [String: String] { [:] }

  /// Name and size, such as `lora:r=8`, under which users know it.
  public var kind: String { Self.kind }
}

/// Where adapters are looked for: names and shapes of tensors, and what is said beside them.
public struct AdapterSource {
  /// For messages.
  public let path: String
  /// Shape of a tensor, nil when there is none of the name.
  public let shape: (_ tensor: String) -> [Int]?
  private let setting: (_ key: String) -> String?

  /// - Parameter setting: what metadata or a card say under a key.
  public init(path: String, shape: @escaping (String) -> [Int]?, setting: @escaping (String) -> String?) {
    self.path = path
    self.shape = shape
    self.setting = setting
  }

  /// A file: settings of its model card, then its metadata.
  ///
  /// - Throws: `TransformerError.badHeader` for a damaged card.
  public init(_ file: WeightFile) throws {
    let card = try file.card()?.configuration
    self.init(
      path: file.path, shape: { file[$0]?.shape }, setting: { card?[$0] ?? file.metadata[$0] })
  }

  /// What is said under a key for the adapter at a place, else for all of them.
  public func setting(_ key: String, at place: String) -> String? { setting("\(key).\(place)") ?? setting(key) }

  /// A finite number.
  public func number(_ key: String, at place: String) -> Double? {
    setting(key, at: place).flatMap(Double.init).flatMap { $0.isFinite ? $0 : nil }
  }

  /// The name of a tensor at a place.
  static func name(_ place: String, _ tensor: String) -> String { place.isEmpty ? tensor : "\(place).\(tensor)" }
}
