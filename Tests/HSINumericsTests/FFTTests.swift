import Foundation
import HSICore
import HSINumerics
import Testing

@Suite struct FFTTests {
  @Test(arguments: [(1, 1), (4, 6), (5, 7), (8, 3)]) func matchesTheDefinition(_ lines: Int, _ samples: Int) {
    let fft = FFT2D(lines: lines, samples: samples)
    var random = CounterRandom(seed: 1)
    let plane = PixelMatrix(rows: lines, columns: samples)
    for i in 0..<(lines * samples) { plane.pointer[i] = Float(random.normal()) }
    let before = plane.values
    let spectrum = PixelMatrix(rows: 1, columns: fft.spectrumCount)
    fft.forward(plane.pointer, spectrum.pointer)
    #expect(plane.values == before)
    for u in 0..<lines {
      for v in 0...(samples / 2) {
        var (re, im) = (0.0, 0.0)
        for y in 0..<lines {
          for x in 0..<samples {
            let angle = -2 * Double.pi * (Double(u * y) / Double(lines) + Double(v * x) / Double(samples))
            re += Double(before[y * samples + x]) * cos(angle)
            im += Double(before[y * samples + x]) * sin(angle)
          }
        }
        let place = 2 * (u * (samples / 2 + 1) + v)
        #expect(abs(Double(spectrum.pointer[place]) - re) < 1e-5)
        #expect(abs(Double(spectrum.pointer[place + 1]) - im) < 1e-5)
      }
    }
    fft.inverse(spectrum.pointer, plane.pointer)
    for i in before.indices { #expect(abs(plane.pointer[i] / Float(before.count) - before[i]) < 1e-5) }
  }

  @Test func fastSizes() {
    #expect([1, 11, 13, 307, 512, 121].map { FFT2D.fastSize(atLeast: $0) } == [1, 12, 14, 315, 512, 125])
  }
}
