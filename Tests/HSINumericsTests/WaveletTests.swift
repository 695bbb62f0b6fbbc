import CKernels
import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@Suite struct WaveletTests {
  static let wavelets = [Wavelet.daubechies2, .daubechies5, .symlet8]

  @Test func filterOfTwoMomentsHasItsClosedForm() {
    let root = 3.0.squareRoot()
    let exact = [1 + root, 3 + root, 3 - root, 1 - root].map { $0 / (4 * 2.0.squareRoot()) }
    for (h, e) in zip(Wavelet.daubechies2.filter, exact) { #expect(abs(Double(h) - e) < 1e-7) }
  }

  @Test(arguments: 0..<3) func filtersAreOrthonormalWithVanishingMoments(_ index: Int) {
    let h = WaveletTests.wavelets[index].filter.map(Double.init)
    for shift in 0..<(h.count / 2) {
      let product = (0..<(h.count - 2 * shift)).reduce(0) { $0 + h[$1] * h[$1 + 2 * shift] }
      #expect(abs(product - (shift == 0 ? 1 : 0)) < 1e-6)
    }
    for moment in 0..<(h.count / 2) {
      // Σ (−1)ⁱ iᵐ h_i = 0, relative to the size of its terms.
      let terms = h.indices.map { pow(Double($0), Double(moment)) * h[$0] * ($0 % 2 == 0 ? 1 : -1) }
      #expect(abs(terms.reduce(0, +)) < 1e-5 * terms.reduce(0) { $0 + abs($1) })
    }
  }

  @Test(arguments: [(0, 8, 12, 2), (1, 16, 32, 3), (2, 16, 48, 4), (2, 2, 2, 1), (1, 160, 96, 5)])
  func oneLevelMatchesTheDefinitionAndAllLevelsReconstruct(_ index: Int, _ lines: Int, _ samples: Int, _ levels: Int) {
    let wavelet = WaveletTests.wavelets[index]
    let plane = PixelMatrix(rows: lines, columns: samples)
    var random = CounterRandom(seed: 5)
    for i in 0..<(lines * samples) { plane.pointer[i] = Float(random.normal()) }
    let x = plane.values
    let one = WaveletTransform(wavelet, lines: lines, samples: samples, levels: 1)
    let scratch = PixelMatrix(rows: 1, columns: one.scratchCount)
    one.forward(plane.pointer, scratch.pointer)
    let h = wavelet.filter.map(Double.init)
    let g = h.indices.map { ($0 % 2 == 0 ? 1 : -1) * h[h.count - 1 - $0] }
    func coefficient(_ vertical: [Double], _ horizontal: [Double], _ k: Int, _ l: Int) -> Double {
      var sum = 0.0
      for i in h.indices {
        for j in h.indices {
          let value = x[(2 * k + i) % lines * samples + (2 * l + j) % samples]
          sum += vertical[i] * horizontal[j] * Double(value)
        }
      }
      return sum
    }
    for k in 0..<min(lines / 2, 9) {
      for l in 0..<min(samples / 2, 9) {
        let place = k * samples + l
        #expect(abs(Double(plane.pointer[place]) - coefficient(h, h, k, l)) < 1e-5)
        #expect(abs(Double(plane.pointer[place + samples / 2]) - coefficient(h, g, k, l)) < 1e-5)
        #expect(abs(Double(plane.pointer[place + lines / 2 * samples]) - coefficient(g, h, k, l)) < 1e-5)
        let diagonal = place + lines / 2 * samples + samples / 2
        #expect(abs(Double(plane.pointer[diagonal]) - coefficient(g, g, k, l)) < 1e-5)
      }
    }
    one.inverse(plane.pointer, scratch.pointer)
    let deep = WaveletTransform(wavelet, lines: lines, samples: samples, levels: levels)
    deep.forward(plane.pointer, scratch.pointer)
    let energy = plane.values.reduce(0) { $0 + Double($1 * $1) }
    #expect(abs(energy / x.reduce(0) { $0 + Double($1 * $1) } - 1) < 1e-5)
    deep.inverse(plane.pointer, scratch.pointer)
    for i in x.indices { #expect(abs(plane.pointer[i] - x[i]) < 2e-5) }
  }

  @Test func levelsOfTheKernelAgree() {
    let transform = WaveletTransform(.symlet8, lines: 24, samples: 40, levels: 3)
    let scratch = PixelMatrix(rows: 1, columns: transform.scratchCount)
    var first: [Float] = []
    atEveryKernelLevel { _ in
      let plane = PixelMatrix(rows: 24, columns: 40)
      var random = CounterRandom(seed: 9)
      for i in 0..<960 { plane.pointer[i] = Float(random.normal()) }
      transform.forward(plane.pointer, scratch.pointer)
      if first.isEmpty { first = plane.values }
      for (a, b) in zip(first, plane.values) { #expect(abs(a - b) < 1e-5) }
    }
  }

  /// The mean of SURE over noise draws is the mean squared error of the estimate that it predicts.
  @Test func riskEstimateIsUnbiased() {
    let n = 64
    let band = WaveletTransform.Subband(level: 1, line: 0, sample: 0, lines: n, samples: n)
    let transform = WaveletTransform(.symlet8, lines: n, samples: n, levels: 1)
    var random = CounterRandom(seed: 3)
    let truth = (0..<(n * n)).map { _ in random.uniform() < 0.1 ? 4 * random.normal() : 0 }
    var (risk, error) = (0.0, 0.0)
    for _ in 0..<100 {
      let plane = PixelMatrix(rows: n, columns: n)
      for i in truth.indices { plane.pointer[i] = Float(truth[i] + random.normal()) }
      let result = transform.shrink(plane.pointer, band)
      #expect(result.threshold > 0.5)
      risk += result.risk
      for i in truth.indices {
        error += (Double(plane.pointer[i]) - truth[i]) * (Double(plane.pointer[i]) - truth[i])
      }
    }
    // The least of many estimates is a little low; one draw scatters by about 7 %.
    #expect(abs(risk / error - 1) < 0.03)
  }
}
