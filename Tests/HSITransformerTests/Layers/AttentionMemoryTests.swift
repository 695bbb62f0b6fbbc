import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSITransformer

/// In inference attention keeps no maps: after a call the pool holds the result alone, and during it far less than all maps.
@Suite(.serialized) struct AttentionMemoryTests {
  private static let (sequences, length, heads, width) = (6, 160, 8, 32)

  private func attended(_ store: ParameterStore, _ tape: Tape) -> Variable {
    let layer = MultiHeadAttention(store.root, channels: Self.width, heads: Self.heads)
    return layer(Variable(Reference([Self.sequences, Self.length, Self.width], seed: 1).tensor), tape)
  }

  /// Bytes of all maps of a call.
  private static let maps = 4 * sequences * heads * length * length

  @Test func wholeSequences() {
    // Every thread has scratch of its own.
    let claim = RunContext(threads: 2).claimThreads()
    defer { claim.release() }
    let pool = BufferPool()
    BufferPool.$current.withValue(pool) {
      let y = attended(ParameterStore(seed: 2), Tape(.inference))
      let statistics = pool.statistics
      #expect(statistics.peakBytesInUse < Self.maps / 4, "\(statistics.peakBytesInUse) of \(Self.maps)")
      // What is left: the result, and the packed weights of the layer, which went with it.
      #expect(statistics.bytesInUse < 2 * 4 * y.value.count, "\(statistics.bytesInUse)")
    }
  }

  /// The recorded pass keeps them (the measure can fail), and has the same bits.
  @Test func recordedPassesKeepThem() {
    let pool = BufferPool()
    BufferPool.$current.withValue(pool) {
      let tape = Tape(.evaluation)
      let y = attended(ParameterStore(seed: 2), tape)
      #expect(pool.statistics.bytesInUse > Self.maps)
      expectSteadyBits {
        let (kept, freed) = (
          attended(ParameterStore(seed: 2), Tape(.evaluation)), attended(ParameterStore(seed: 2), Tape(.inference))
        )
        return kept.value.values == freed.value.values ? [] : ["result of \(y.shape)"]
      }
    }
  }

  /// A frozen layer with nothing to learn before it keeps none either.
  @Test func frozenLayersKeepNone() {
    let claim = RunContext(threads: 2).claimThreads()
    defer { claim.release() }
    let pool = BufferPool()
    BufferPool.$current.withValue(pool) {
      let store = ParameterStore(seed: 2)
      let layer = MultiHeadAttention(store.root, channels: Self.width, heads: Self.heads)
      store.train([])
      let x = Variable(Reference([Self.sequences, Self.length, Self.width], seed: 1).tensor)
      _ = layer(x, Tape(.training))
      #expect(pool.statistics.peakBytesInUse < Self.maps / 4)
    }
  }

  /// The Kronecker products of LESS attention are as large as its result, and never there, recorded or not.
  @Test(arguments: [Tape.Mode.inference, .evaluation]) func kroneckerProducts(_ mode: Tape.Mode) {
    let claim = RunContext(threads: 2).claimThreads()
    defer { claim.release() }
    let (bands, positions) = (Reference([1, 40, 16], seed: 1).tensor, Reference([1, 300, 16], seed: 2).tensor)
    let pool = BufferPool()
    BufferPool.$current.withValue(pool) {
      let layer = KroneckerAttention(
        ParameterStore(seed: 2).root, width: 64, channelWidth: 16, spatialWidth: 16, heads: 4)
      let tape = Tape(mode)
      let y = layer(bands: Variable(bands), positions: Variable(positions), tape)
      // The maps of 300 positions are kept where gradients are wanted.
      let maps = mode == .inference ? 0 : 4 * 4 * 300 * 300
      let size = 4 * y.value.count
      #expect(pool.statistics.peakBytesInUse < size * 3 / 2 + maps, "\(pool.statistics.peakBytesInUse) of \(size)")
      let slow = BufferPool()
      BufferPool.$current.withValue(slow) {
        let (u, v) = (layer.channelBranch(Variable(bands), tape), layer.spatialBranch(Variable(positions), tape))
        _ = layer.projection(tape.kroneckerProducts(u, v, heads: 4, rank: 1), tape)
      }
      // The measure can fail.
      #expect(slow.statistics.peakBytesInUse > 2 * size)
    }
  }

  /// Every other attention: between calls nothing but results and what layers hold stays.
  @Test func nothingOutlivesACall() {
    let pool = BufferPool()
    BufferPool.$current.withValue(pool) {
      let store = ParameterStore(seed: 3)
      let root = store.root
      let window = WindowAttention(root["w"], channels: 16, heads: 4, window: 4, storesIndex: false) {
        Linear($0["linear"], input: $1, output: $2)
      }
      let spectral = GlobalSpectralAttention(root["s"], channels: 16, heads: 4)
      let guided = GuidedSpectralAttention(root["g"], channels: 16, bands: 12)
      let image = Variable(Reference([2, 8, 8, 16], seed: 4).tensor)
      let volume = Variable(Reference([2, 12, 4, 4, 16], seed: 5).tensor)
      func once() -> Int {
        let tape = Tape(.inference)
        _ = [window(image, tape), spectral(image, tape), guided(volume, tape)]
        return pool.statistics.bytesInUse
      }
      _ = once()
      let held = once()
      #expect(once() == held && once() == held)
      let parameters = store.parameters.reduce(0) { $0 + 4 * $1.value.count }
      // Parameters in classes of 256 bytes, their packed forms, inputs, window tables.
      #expect(held < 8 * parameters + 4 * 4 * (image.value.count + volume.value.count), "\(held) of \(parameters)")
    }
  }
}
