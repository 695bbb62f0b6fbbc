import Testing

@testable import HSITransformer

@Suite struct BufferPoolTests {
  @Test func classesWasteAtMostAnEighth() {
    for bytes in [1, 255, 256, 257, 1000, 4096, 4097, 65_535, 1 << 20, (1 << 20) + 1, 123_456_789] {
      let size = BufferPool.classSize(bytes)
      #expect(size >= bytes)
      #expect(size == BufferPool.classSize(size), "a class serves itself")
      if bytes > 2048 { #expect(Double(size - bytes) <= Double(bytes) / 8 + 1) }
    }
  }

  @Test func copiesShareUntilChanged() {
    let a = Tensor([2, 2], [1, 2, 3, 4])
    var b = a
    #expect(a.pointer == b.pointer)
    b.withMutableValues { $0[0] = 9 }
    #expect(a.values == [1, 2, 3, 4])
    #expect(b.values == [9, 2, 3, 4])
  }

  /// Steps whose shapes change keep no more than half of what was in use at once beside it; steps of one shape take nothing afresh.
  @Test func whatIsKeptIsBounded() {
    let pool = BufferPool()
    BufferPool.$current.withValue(pool) {
      func step(_ side: Int) { _ = (0..<8).map { _ in Tensor(uninitialised: [1024, side]) } }
      for side in 400..<700 {
        step(side * 16)
        let now = pool.statistics
        #expect(now.bytesInUse == 0 && now.bytesKept <= now.peakBytesInUse * 3 / 2 + (64 << 20))
      }
      step(700 * 16)
      let before = pool.statistics
      for _ in 0..<5 { step(700 * 16) }
      #expect(pool.statistics == before && before.allocations > 8)
    }
  }
}
