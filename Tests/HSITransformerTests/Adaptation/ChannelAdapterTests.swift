import CKernels
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

/// Structured sparse fine-tuning: which channels are chosen, what is saved and found again.
@Suite struct ChannelAdapterTests {
  private func attached(_ configuration: ChannelAdapter.Configuration, widths: [Int]) -> [ChannelAdapter?] {
    let store = ParameterStore(seed: 1)
    let maps = widths.enumerated().map { Linear(store.root["m\($0.offset)"], input: $0.element, output: 3) }
    maps.attach(configuration)
    return maps.map { $0.adapters.first as? ChannelAdapter }
  }

  /// Each channel with the same probability, at least one per layer; the choice is that of seed and place.
  @Test func channelsAreDrawnOverTheNetwork() throws {
    let widths = [400, 300, 7, 1, 600]
    let chosen = attached(.s2ft(ratio: 0.1), widths: widths).map { $0?.channels.value.values ?? [] }
    for (channels, width) in zip(chosen, widths) {
      #expect(!channels.isEmpty && zip(channels, channels.dropFirst()).allSatisfy { $0 < $1 })
      #expect(channels.allSatisfy { $0 >= 0 && Int($0) < width })
    }
    let share = Double(chosen.joined().count) / Double(widths.reduce(0, +))
    #expect(abs(share - 0.1) < 0.025)
    #expect(attached(.s2ft(ratio: 0.1), widths: widths).map { $0?.channels.value.values ?? [] } == chosen)
    #expect(attached(.s2ft(ratio: 0.1, seed: 2), widths: widths).map { $0?.channels.value.values ?? [] } != chosen)
    #expect(attached(.s2ft(ratio: 1), widths: [5]).first??.channels.value.values == [0, 1, 2, 3, 4])
  }

  /// The last layers only, from a share of them on.
  @Test func theTopOfANetwork() {
    let widths = [4, 4, 4, 4, 4]
    #expect(
      attached(.s2ft(ratio: 0.5, top: 0.4), widths: widths).map { $0 != nil } == [false, false, false, true, true])
    #expect(attached(.s2ft(ratio: 0.5, top: 0.01), widths: widths).map { $0 != nil }.filter { $0 }.count == 1)
  }

  /// Attached, the layer computes what it computed; the way back ends below the lowest adapter.
  @Test func itStartsAsTheBase() {
    let store = ParameterStore(seed: 1)
    let (low, high) = (Linear(store.root["low"], input: 6, output: 6), Linear(store.root["high"], input: 6, output: 4))
    let x = Variable(Reference([5, 6], seed: 2).tensor)
    let before = high(low(x, Tape(.inference)), Tape(.inference)).value.values
    [low, high].attach(.s2ft(ratio: 0.5, top: 0.5))
    #expect(high(low(x, Tape(.inference)), Tape(.inference)).value.values == before)
    store.train([.adapter])
    #expect(low.adapters.isEmpty && store.trainable.map(\.name) == ["high.s2ft_slice.weight"])
    let tape = Tape(.training)
    let y = high(low(x, tape), tape)
    tape.backward(from: tape.meanSquaredError(y, .zeros(y.shape)))
    #expect(store.parameters.filter { $0.gradient != nil }.map(\.name) == ["high.s2ft_slice.weight"])
  }

  /// Saved with its channels; found, loaded and folded again, in the network and from file to file.
  @Test func savedAndFolded() throws {
    let path = try WeightFiles.temporary("s2ft.safetensors")
    defer { WeightFiles.remove(path) }
    func network() -> (ParameterStore, Linear) {
      let store = ParameterStore(seed: 4)
      return (store, Linear(store.root["l"], input: 9, output: 5))
    }
    let (store, layer) = network()
    let adapter = try #require(layer.attach(.s2ft(ratio: 0.4, seed: 5)) as? ChannelAdapter)
    adapter.slice.set(Reference(adapter.slice.shape, seed: 3).tensor)
    let x = Variable(Reference([4, 9], seed: 2).tensor)
    let wanted = layer(x, Tape(.inference)).value.values
    try SafetensorsWriter.write(store.contents(), to: path, overwrite: false)
    let file = try WeightFile.open(path)
    let (other, again) = network()
    #expect(try [again].attachAdapters(from: AdapterSource(file)).count == 1)
    try other.load(file)
    #expect(again(x, Tape(.inference)).value.values == wanted)
    let merged = try AdapterMerge.merge(file)
    #expect(Set(merged.tensors.map(\.name)) == ["l.weight", "l.bias"] && merged.folded == ["l.weight"])
    #expect(again.foldAdapters() && again.adapters.count == 1)
    #expect(adapter.channels.value.values == (again.adapters[0] as? ChannelAdapter)?.channels.value.values)
    let folded = again(x, Tape(.inference)).value.values
    #expect(zip(folded, wanted).allSatisfy { abs($0 - $1) < 1e-5 })
    for (name, content) in merged.tensors where name == "l.weight" {
      guard case .floats(let matrix) = content else { return #expect(Bool(false)) }
      #expect(matrix.values == again.weight.value.values)
    }
  }

  /// What users write.
  @Test func texts() throws {
    #expect(try Adaptation("s2ft", option: "adapter").text == "s2ft:ratio=0.03")
    #expect(try Adaptation("s2ft:ratio=0.1,top=0.5,seed=2", option: "adapter").text == "s2ft:ratio=0.1,top=0.5,seed=2")
    #expect(try Adaptation("r=4", option: "adapter").text == "lora:r=4,alpha=8.0")
    #expect(try Adaptation("lora", option: "adapter").text == "lora:r=8,alpha=16.0")
    #expect(try Adaptation("sara", option: "adapter").text == "sara:share=0.1")
    #expect(try Adaptation("sara:share=0.25", option: "adapter").text == "sara:share=0.25")
    #expect(try Adaptation("none", option: "adapter").text == "none")
    for text in [
      "", "s2ft:ratio=2", "s2ft:ratio=0", "s2ft:rank=2", "sara:share=1.5", "sara:part=1", "lora:", "lora:r=0", "x:r=1",
      "s2ft:top=3", "all",
    ] {
      let error = #expect(throws: CoreError.self, "\(text)") { try Adaptation(text, option: "adapter") }
      #expect(error?.problem.contains("adapter") == true)
    }
  }

  /// The kernels against plain loops, at sizes around the pieces of the pool.
  @Test(arguments: [(1, 1, 1), (3, 5, 2), (40_000, 3, 1), (700, 41, 40)])
  func kernels(_ rows: Int, _ width: Int, _ count: Int) {
    let columns = (0..<count).map { Int32((7 * $0 + 2) % width) }.sorted()
    guard Set(columns).count == count else { return #expect(Bool(false)) }
    let x = (0..<(rows * width)).map { Float($0 % 1013) }
    var chosen = [Float](repeating: -1, count: rows * count)
    hsi_gather_columns(x, rows, width, columns, count, &chosen)
    #expect(chosen == (0..<(rows * count)).map { x[$0 / count * width + Int(columns[$0 % count])] })
    var sum = x
    hsi_scatter_columns(chosen, rows, width, columns, count, &sum)
    let isChosen = Set(columns.map(Int.init))
    #expect(sum == (0..<(rows * width)).map { isChosen.contains($0 % width) ? 2 * x[$0] : x[$0] })
  }
}
