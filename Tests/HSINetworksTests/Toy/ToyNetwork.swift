import HSICore
import HSITransformer

/// A network as an engineer would add it: this folder and one line in a register (`ToyNetworkTests.registry`).
///
///     y = x + W₂ silu(W₁ x)      at every pixel, x of `bands` values
final class ToyNetwork: Network, @unchecked Sendable {
  struct Configuration: NetworkConfiguration {
    var bands = 6
    var hidden = 5

    static let names = ["toy-narrow", "toy-wide"]

    init() {}

    init?(named name: String) {
      guard Self.names.contains(name) else { return nil }
      if name == "toy-wide" { hidden = 9 }
    }

    func validate() throws {
      try require("bands", bands, in: 1...1000)
      try require("hidden", hidden, in: 1...1000)
    }

    var leastValues: Int { 2 * bands * hidden }
  }

  static let architecture = "Toy"
  static let task = "denoising"

  let configuration: Configuration
  let store: ParameterStore
  private let first: Linear
  private let second: Linear

  init(_ configuration: Configuration, in store: ParameterStore) {
    self.configuration = configuration
    self.store = store
    first = Linear(store.root["first"], input: configuration.bands, output: configuration.hidden)
    second = Linear(store.root["second"], input: configuration.hidden, output: configuration.bands)
  }

  var linears: [Linear] { [first, second] }

  /// `[…, bands]` to the same.
  func callAsFunction(_ x: Variable, _ tape: Tape) -> Variable {
    second(tape.activation(.silu, first(x, tape)), residual: x, tape)
  }
}

/// The toy as `TiledInference` takes it.
struct ToyImageMap: ImageMap {
  let network: ToyNetwork

  var name: String { "toy" }
  var smallestTile: Int { 8 }
  func windowBands(_ bands: Int) -> Int { min(bands, network.configuration.bands) }
  func passBytes(bands: Int, rows: Int, columns: Int) -> Int {
    4 * rows * columns * (3 * bands + 2 * network.configuration.hidden)
  }

  func callAsFunction(_ image: Tensor) -> Tensor {
    let (bands, pixels) = (image.shape[0], image.shape[1] * image.shape[2])
    let x = Tensor(uninitialised: [pixels, bands])
    for b in 0..<bands { for i in 0..<pixels { x.output[i * bands + b] = image.pointer[b * pixels + i] } }
    let y = network(Variable(x), Tape(.inference)).value
    let result = Tensor(uninitialised: image.shape)
    for b in 0..<bands { for i in 0..<pixels { result.output[b * pixels + i] = y.pointer[i * bands + b] } }
    return result
  }
}
