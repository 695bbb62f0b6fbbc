import Testing

@testable import HSICore

@Suite struct CounterRandomTests {
  /// Known answers of the Random123 distribution for philox4x32-10: all-zero and all-one inputs.
  @Test func matchesThePublishedVectors() {
    let zero = CounterRandom.philox(counter: 0, stream: 0, key: (0, 0))
    #expect(zero == (0xe169_c58d_6627_e8d5, 0x9b00_dbd8_bc57_ac4c))
    let ones = CounterRandom.philox(counter: .max, stream: .max, key: (.max, .max))
    #expect(ones == (0x41c8_3b0e_408f_276d, 0x6d54_51fd_a20b_c7c6))
  }

  @Test func normalHasUnitVarianceAndStreamsDiffer() {
    var random = CounterRandom(seed: 7, stream: 1)
    let draws = (0..<20_000).map { _ in random.normal() }
    let mean = draws.reduce(0, +) / 20_000
    let variance = draws.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 20_000
    #expect(abs(mean) < 0.03 && abs(variance - 1) < 0.04)
    var other = CounterRandom(seed: 7, stream: 2)
    #expect(other.next() != CounterRandom.philox(counter: 0, stream: 1, key: (7, 0)).0)
  }
}
