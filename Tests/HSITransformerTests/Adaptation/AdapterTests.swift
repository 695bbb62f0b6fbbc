import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

/// A further kind of adapter, as its author would write it: a trained slice of input columns, `y += S x[first ..< first + width]`.
private final class ColumnAdapter: Adapter {
  struct Configuration: AdapterConfiguration {
    static let kind = "columns"
    static let grammar = "first=INDEX,width=NUMBER"
    static let tensors = ["columns.weight"]
    var first: Int
    var width: Int

    init(first: Int, width: Int) { (self.first, self.width) = (first, width) }
    init(_ options: AdapterOptions) throws {
      self.init(first: Int(options["first"] ?? 0), width: Int(options["width"] ?? 1))
    }
    init?(at place: String, in source: AdapterSource) throws { nil }
    var text: String { "columns:first=\(first),width=\(width)" }
    func make(_ scope: ParameterScope, input: Int, output: Int) -> any Adapter {
      ColumnAdapter(self, scope["columns"].parameter("weight", [output, width], .normal(0.5), role: .adapter), input)
    }
  }

  let configuration: Configuration
  private let slice: Parameter
  private let input: Int

  init(_ configuration: Configuration, _ slice: Parameter, _ input: Int) {
    (self.configuration, self.slice, self.input) = (configuration, slice, input)
  }

  private func places(_ body: (_ matrix: Int, _ slice: Int) -> Void) {
    for row in 0..<slice.shape[0] {
      for c in 0..<configuration.width { body(row * input + configuration.first + c, row * configuration.width + c) }
    }
  }

  func parameters(of part: AdapterPart) -> [Parameter] { part == .dense ? [slice] : [] }
  func isMatrix(_ tape: Tape) -> Bool { true }
  func add(_ part: AdapterPart, to matrix: inout Tensor) {
    guard part == .dense else { return }
    matrix.withMutableValues { sum in places { sum[$0] += slice.value.pointer[$1] } }
  }
  func accumulate(_ part: AdapterPart, matrixGradient gradient: UnsafePointer<Float>) {
    guard part == .dense, slice.isTrainable else { return }
    slice.accumulate { sum in places { sum[$1] += gradient[$0] } }
  }
  func forward(_ x: Tensor, rows: Int, _ tape: Tape, addingTo y: Tensor) -> (any AdapterPass)? { nil }
  func fold(into matrix: inout Tensor) -> [Parameter] {
    add(.dense, to: &matrix)
    return [slice]
  }
}

extension AdapterConfiguration where Self == ColumnAdapter.Configuration {
  fileprivate static func columns(_ first: Int, _ width: Int) -> Self { Self(first: first, width: width) }
}

@Suite(.exactAlgorithms) struct AdapterTests {
  private static let drawn = Initialisation.normal(0.5)

  /// What an adapter at a place adds to `x Wᵀ`.
  private func added(_ x: Reference, _ p: Point, _ place: String, scale: Double) -> Reference {
    if let slice = p.parameters["\(place).s2ft_slice.weight"] {
      let channels = p["\(place).s2ft_slice.channels"].values.map { Int($0) }
      return channels.map { x.columns($0..<($0 + 1)) }.enumerated().dropFirst().reduce(
        x.columns(channels[0]..<(channels[0] + 1)).linear(slice.columns(0..<1))
      ) { $0 + $1.element.linear(slice.columns($1.offset..<($1.offset + 1))) }
    }
    if let slice = p.parameters["\(place).columns.weight"] { return x.columns(1..<(1 + slice.shape[1])).linear(slice) }
    let thin = x.linear(p["\(place).lora_down.weight"]).linear(p["\(place).lora_up.weight"]).map { scale * $0 }
    guard p.parameters["\(place).lora_gate.weight"] != nil else { return thin }
    return x.linear(p["\(place).lora_gate.weight"]).map(sigmoid) * thin + x.linear(p["\(place).lora_residual.weight"])
  }

  private func attach(_ order: [String], to linear: Linear) {
    for kind in order {
      switch kind {
      case "gated": linear.attach(.gatedLora(rank: 2, alpha: 3, initialisation: Self.drawn))
      case "plain": linear.attach(.lora(rank: 2, alpha: 3, initialisation: Self.drawn))
      case "channels":
        guard let adapter = linear.attach(.s2ft(ratio: 0.5, seed: 3)) as? ChannelAdapter else { break }
        adapter.slice.set(Reference(adapter.slice.shape, seed: 9).tensor)
      default: linear.attach(.columns(1, 2))
      }
    }
  }

  private func applied(_ x: Reference, _ p: Point, _ layer: String, _ count: Int) -> Reference {
    let base = x.linear(p["\(layer).weight"], p.parameters["\(layer).bias"])
    return (0..<count).reduce(base) { sum, n in
      sum + added(x, p, n == 0 ? layer : "\(layer).adapters.\(n)", scale: 1.5)
    }
  }

  private static let orders = [
    ["plain", "gated"], ["gated", "plain"], ["plain", "plain"], ["gated", "gated"], ["columns", "gated", "plain"],
    ["plain", "columns"], ["columns"], ["channels"], ["channels", "gated"], ["plain", "channels", "channels"],
  ]

  /// Any number in any order, base trained or frozen: outputs and all gradients.
  @Test(arguments: orders, [false, true]) func onALinearMap(_ order: [String], _ isFrozen: Bool) {
    let store = ParameterStore(seed: 7)
    let layer = Linear(store.root["l"], input: 5, output: 4)
    attach(order, to: layer)
    if isFrozen { store.train([.adapter]) }
    GradientCheck()(store, inputs: [Reference([3, 5], seed: 6)]) {
      layer($0[0], $1)
    } reference: {
      applied($0[0], $0, "l", order.count)
    }
  }

  /// Fused operations see every adapter, not only the first: with a gated one behind a plain one they fall back.
  @Test(arguments: orders) func inAFusedBlock(_ order: [String]) {
    let store = ParameterStore(seed: 61)
    let layer = SelfModulatedFeedForward(store.root, channels: 4, initialisation: Self.drawn)
    attach(order, to: layer.third)
    attach(order, to: layer.first)
    GradientCheck()(store, inputs: [Reference([2, 3, 4], seed: 62)]) {
      layer($0[0], $1)
    } reference: { p in
      let gate = applied(p[0], p, "w_3", order.count)
      let direct = applied(p[0], p, "w_1", order.count).map(gelu).linear(p["w_2.weight"], p["w_2.bias"])
      return direct + gate.columns(0..<4) * gate.columns(4..<8).map(sigmoid)
    }
  }

  /// Folded, the layer computes what it computed; what depends on the input stays.
  @Test(arguments: orders) func folding(_ order: [String]) {
    let store = ParameterStore(seed: 8)
    let layer = Linear(store.root["l"], input: 5, output: 4)
    attach(order, to: layer)
    let x = Variable(Reference([6, 5], seed: 3).tensor)
    let before = layer(x, Tape(.inference)).value.values
    #expect(layer.foldAdapters() == !order.contains("gated"))
    let after = layer(x, Tape(.inference)).value.values
    #expect(zip(before, after).allSatisfy { abs($0 - $1) < 2e-6 })
    for (kind, adapter) in zip(order, layer.adapters) {
      for parameter in adapter.parameters where kind != "gated" && !parameter.isBuffer {
        #expect(parameter.value.values.allSatisfy { $0 == 0 }, "\(parameter.name)")
      }
    }
    let weight = layer.weight.value.values
    layer.foldAdapters()
    #expect(layer.weight.value.values == weight, "nothing is folded twice")
  }

  /// A fresh adapter changes nothing, and training it leaves everything else as it was, bit for bit.
  @Test(arguments: ["lora:r=2", "lora-gated:r=3,alpha=5"]) func startsAsTheBase(_ text: String) throws {
    let store = ParameterStore(seed: 9)
    let layers = [Linear(store.root["a"], input: 5, output: 7), Linear(store.root["b"], input: 7, output: 3)]
    let x = Variable(Reference([6, 5], seed: 3).tensor)
    func run(_ tape: Tape) -> Variable { layers[1](layers[0](x, tape), tape) }
    let before = run(Tape(.inference)).value.values
    let own = store.parameters
    layers.attach(try Adapters.parse(text, option: "--lora"))
    #expect(run(Tape(.inference)).value.values == before)
    store.train([.adapter])
    let frozen = own.map(\.value.values)
    let optimiser = Optimiser(.adam(), store.trainable)
    for _ in 0..<10 {
      let tape = Tape(.training)
      tape.backward(from: tape.meanSquaredError(run(tape), Tensor([6, 3], repeating: 1)))
      optimiser.step(rate: 0.05)
    }
    #expect(own.map(\.value.values) == frozen)
    #expect(run(Tape(.inference)).value.values != before)
  }

  /// Stacks of both kinds with scales of their own come back from a file: same tensors, same bits.
  @Test func filesTellTheirAdapters() throws {
    func layers(_ store: ParameterStore) -> [Linear] {
      [Linear(store.root["a"], input: 5, output: 7), Linear(store.root["b"], input: 7, output: 3, bias: false)]
    }
    let saved = ParameterStore(seed: 1)
    let first = layers(saved)
    first.attach(.lora(rank: 2, alpha: 3, initialisation: Self.drawn))
    first[1].attach(.gatedLora(rank: 3, alpha: 5, initialisation: Self.drawn))
    first[1].attach(.lora(rank: 1, alpha: 7, initialisation: Self.drawn))
    #expect(
      first.adapterMetadata == [
        "lora_alpha": "3.0", "lora_alpha.b.adapters.1": "5.0", "lora_alpha.b.adapters.2": "7.0",
      ])
    let path = try WeightFiles.temporary("stack.safetensors")
    defer { WeightFiles.remove(path) }
    try SafetensorsWriter.write(saved.contents(), metadata: first.adapterMetadata, to: path, overwrite: false)
    let file = try WeightFile.open(path)
    let loaded = ParameterStore(isBlank: true)
    let second = layers(loaded)
    #expect(try second.attachAdapters(from: AdapterSource(file)).count == 4 && second.hasAdapters)
    try loaded.load(file)
    let x = Variable(Reference([6, 5], seed: 3).tensor)
    func run(_ layers: [Linear]) -> [Float] { layers[1](layers[0](x, Tape(.inference)), Tape(.inference)).value.values }
    #expect(run(second) == run(first) && second.adapterMetadata == first.adapterMetadata)
    // Folding in memory and from file to file is the same sum.
    let merged = try AdapterMerge.merge(file)
    #expect(merged.folded == ["a.weight", "b.weight", "b.weight"] && merged.gated == ["b.weight"])
    first.foldAdapters()
    for name in ["a.weight", "b.weight"] {
      guard case .floats(let matrix)? = merged.tensors.first(where: { $0.name == name })?.content else {
        Issue.record("\(name) is not folded")
        continue
      }
      #expect(matrix.values == saved[name]?.value.values, "\(name)")
    }
  }

  /// The layout of existing files: names, order and metadata of one plain adapter.
  @Test func layoutOfExistingFiles() {
    let store = ParameterStore(seed: 1)
    let layer = Linear(store.root["head"], input: 5, output: 4)
    layer.attach(.lora(rank: 2))
    #expect(
      store.contents().map(\.name) == ["head.weight", "head.bias", "head.lora_down.weight", "head.lora_up.weight"])
    #expect([layer].adapterMetadata == ["lora_alpha": "4.0"])
    layer.attach(.gatedLora(rank: 2))
    #expect(
      store.contents().dropFirst(4).map(\.name)
        == ["down", "up", "gate", "residual"].map { "head.adapters.1.lora_\($0).weight" })
    #expect(store.parameters.map(\.role) == [.weight, .bias] + Array(repeating: .adapter, count: 6))
  }

  @Test func texts() throws {
    func parsed(_ text: String) throws -> any AdapterConfiguration { try Adapters.parse(text, option: "--lora") }
    #expect(try parsed("r=4") as? LowRankAdapter.Configuration == .init(rank: 4))
    #expect(try parsed("lora:r=4,alpha=2.5") as? LowRankAdapter.Configuration == .init(rank: 4, alpha: 2.5))
    #expect(try parsed("lora-gated:r=3") as? GatedLowRankAdapter.Configuration == .init(rank: 3, alpha: 6))
    for (text, requirement) in [
      ("r=0.5", "r=RANK with a rank from 1 to 256"), ("lora:alpha=4", "r=RANK with a rank from 1 to 256"),
      ("r=8,x=1", "r=RANK or r=RANK,alpha=NUMBER"), ("lora-gated:r", "r=RANK or r=RANK,alpha=NUMBER"),
      ("dora:r=8", "of a known kind: lora:r=RANK[,alpha=NUMBER], lora-gated:r=RANK[,alpha=NUMBER]"),
    ] {
      let error = #expect(throws: CoreError.self) { try parsed(text) }
      #expect(
        error?.problem.contains(requirement) == true && error?.problem.contains("--lora") == true,
        "\(text): \(error?.problem ?? "")")
    }
  }

  /// Halves of adapters are no adapters.
  @Test func damagedAdaptersAreRefused() throws {
    func source(_ tensors: [String: [Int]]) -> AdapterSource {
      AdapterSource(path: "file", shape: { tensors[$0] }, setting: { _ in nil })
    }
    let linear = Linear(ParameterStore(seed: 1).root["l"], input: 5, output: 4)
    let up = ["l.lora_up.weight": [4, 2]]
    for tensors in [up, up.merging(["l.lora_down.weight": [0, 5]]) { $1 }, ["l.lora_gate.weight": [4, 5]]] {
      #expect(throws: TransformerError.self, "\(tensors)") { try [linear].attachAdapters(from: source(tensors)) }
    }
    #expect(try [linear].attachAdapters(from: source(["m.lora_down.weight": [2, 5]])).isEmpty)
  }
}

@Suite struct InitialisationTests {
  /// Bounds and variances of the uniform draws of Glorot and Bengio.
  @Test func xavierUniform() {
    let values = ParameterStore(seed: 4).root.parameter("w", [40, 60, 3], .xavierUniform).value.values
    let bound = (6.0 / (180 + 120)).squareRoot()
    #expect(values.allSatisfy { abs(Double($0)) <= bound } && values.contains { abs(Double($0)) > 0.99 * bound })
    let variance = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)
    #expect(abs(variance / (bound * bound / 3) - 1) < 0.05)
  }
}
