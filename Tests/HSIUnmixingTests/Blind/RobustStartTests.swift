import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIUnmixing

@Suite("Robust start")
struct RobustStartTests {
  @Test(
    "Channel quality, neighbour weights and purity agree with the reference",
    arguments: ["rrlbs_clean", "rrlbs_outliers"])
  func parity(name: String) throws {
    let set = try BlindFixture(name)
    let cube = Cube(lines: set.fixture["H"].ints[0], samples: set.fixture["W"].ints[0], pixels: set.scene32())
    let start = try RobustStart().make(cube, count: set.count, RunContext())
    #expect(largestDifference(start.channelQuality, set.fixture["robust_weights"].values) < 2e-4)
    for channel in set.fixture["bad_channels"].ints { #expect(!start.keptChannels[channel]) }
    #expect(start.keptChannels.count(where: { !$0 }) == set.fixture["bad_channels"].ints.count)
    let (graph, _) = set.graph
    var difference: Float = 0
    for n in 0..<set.pixels {
      difference = max(difference, abs(start.rightWeight[n] - graph.weight[n]))
      difference = max(difference, abs(start.downWeight[n] - graph.weight[2 * set.pixels + n]))
    }
    #expect(difference < 2e-3)
    let purity = set.fixture["s"].values.map { $0 / set.fixture["h_max"].scalar }
    #expect(largestDifference(start.purity.map(Double.init), purity) < 2e-3)
    #expect(start.endmembers.values.allSatisfy { $0 > 0 })
  }
}
