import CKernels
import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIRestoration

@Suite struct BlockMatchingTests {
  @Test func cosineTransformMatchesTheDoubleSum() {
    var random = CounterRandom(seed: 1)
    let x = (0..<64).map { _ in random.normal() }
    var block = x.map(Float.init)
    hsi_dct8x8(&block, 0)
    for u in 0..<8 {
      for v in 0..<8 {
        var sum = 0.0
        for i in 0..<8 {
          for j in 0..<8 {
            sum +=
              x[8 * i + j] * cos(Double.pi * Double((2 * i + 1) * u) / 16)
              * cos(Double.pi * Double((2 * j + 1) * v) / 16)
          }
        }
        let scale = (u == 0 ? 0.5.squareRoot() : 1) * (v == 0 ? 0.5.squareRoot() : 1) / 4
        #expect(abs(Double(block[8 * u + v]) - scale * sum) < 1e-6)
      }
    }
    hsi_dct8x8(&block, 1)
    for i in 0..<64 { #expect(abs(Double(block[i]) - x[i]) < 1e-6) }
  }

  /// Planes with room behind them.
  static func planes(_ count: Int, _ lines: Int, _ samples: Int) -> PixelMatrix {
    let planes = PixelMatrix(rows: count, columns: lines * samples + Int(HSI_BM3D_MARGIN))
    var random = CounterRandom(seed: 7)
    for i in 0..<(planes.rows * planes.columns) { planes.pointer[i] = Float(random.normal()) }
    return planes
  }

  @Test(arguments: [(60, 70), (20, 13), (8, 8), (9, 90)])
  func matchesAreTheNearestBlocksOfTheWindow(_ lines: Int, _ samples: Int) {
    let planes = BlockMatchingTests.planes(2, lines, samples)
    let size = hsi_bm3d_size(lines: lines, samples: samples, stride: samples)
    let pointers: [UnsafePointer<Float>?] = [
      UnsafePointer(planes.pointer), UnsafePointer(planes.pointer + planes.columns),
    ]
    for (line, sample) in [(0, 0), (lines - 8, samples - 8), ((lines - 8) / 2, (samples - 8) / 2)] {
      var places = [Int32](repeating: -1, count: 16)
      let found = hsi_bm3d_match(pointers, 2, size, line, sample, 16, &places)
      // All blocks of a window of 33 × 32 places, moved inwards at the borders.
      let top = max(0, min(line - 16, lines - 8 - 32))
      let left = max(0, min(sample - 16, samples - 8 - 31))
      var all: [(distance: Double, place: Int32)] = []
      for y in top...min(top + 32, lines - 8) {
        for x in left...min(left + 31, samples - 8) {
          var distance = 0.0
          for p in 0..<2 {
            for i in 0..<64 {
              let (r, c) = (i / 8, i % 8)
              let a = planes[p, (line + r) * samples + sample + c]
              let b = planes[p, (y + r) * samples + x + c]
              distance += Double(a - b) * Double(a - b)
            }
          }
          all.append((distance, Int32(y * samples + x)))
        }
      }
      let nearest = all.sorted { $0.distance < $1.distance }.prefix(16).map(\.place)
      #expect(found == min(16, all.count))
      #expect(Array(places.prefix(found)) == nearest)
    }
  }

  /// With nothing below the threshold the estimate is the image; with everything below it is zero.
  @Test func filteringWithoutThresholdIsTheIdentity() {
    let (lines, samples) = (24, 30)
    let planes = BlockMatchingTests.planes(1, lines, samples)
    let size = hsi_bm3d_size(lines: lines, samples: samples, stride: samples)
    for threshold: Float in [0, 1e9] {
      let (sum, weight) = (
        PixelMatrix(rows: lines, columns: samples), PixelMatrix(rows: lines, columns: samples)
      )
      for line in 0...(lines - 8) {
        for sample in 0...(samples - 8) {
          var places = [Int32](repeating: 0, count: 8)
          let found = hsi_bm3d_match([UnsafePointer(planes.pointer)], 1, size, line, sample, 8, &places)
          hsi_bm3d_filter(planes.pointer, nil, size, places, found, threshold, sum.pointer, weight.pointer)
        }
      }
      for i in 0..<(lines * samples) {
        let expected = threshold == 0 ? planes.pointer[i] : 0
        #expect(abs(sum.pointer[i] / weight.pointer[i] - expected) < 1e-5)
      }
    }
  }

  /// An image of flat squares: what remains of unit noise is far below what any window of 3 × 3 could leave
  /// (1/9), and edges stay where they are. On nothing but noise less than a hundredth remains.
  @Test func removesNoiseAndKeepsEdges() throws {
    let (lines, samples) = (64, 72)
    for amplitude: Float in [0, 6] {
      let clean = (0..<(lines * samples)).map { n in
        (n / samples / 16 + n % samples / 12) % 2 == 0 ? amplitude : -amplitude
      }
      var random = CounterRandom(seed: 3)
      let noisy = PixelMatrix(
        rows: 1, columns: clean.count, values: clean.map { $0 + Float(random.normal()) })
      let cube = Cube(lines: lines, samples: samples, pixels: PixelMatrix(rows: clean.count, columns: 1))
      try BlockMatching().apply(to: noisy, PlaneFilling(cube), RunContext())
      let error = zip(noisy.values, clean).reduce(0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
      #expect(error / Double(clean.count) < (amplitude == 0 ? 0.01 : 0.05))
    }
  }

  @Test func levelsOfTheKernelAgree() {
    let planes = BlockMatchingTests.planes(2, 40, 50)
    let size = hsi_bm3d_size(lines: 40, samples: 50, stride: 50)
    var first: [Float] = []
    atEveryKernelLevel { _ in
      let (sum, weight) = (PixelMatrix(rows: 40, columns: 50), PixelMatrix(rows: 40, columns: 50))
      var places = [Int32](repeating: 0, count: 32)
      let found = hsi_bm3d_match([UnsafePointer(planes.pointer)], 1, size, 10, 20, 32, &places)
      hsi_bm3d_filter(
        planes.pointer, planes.pointer + planes.columns, size, places, found, 0, sum.pointer, weight.pointer)
      if first.isEmpty { first = sum.values + weight.values }
      for (a, b) in zip(first, sum.values + weight.values) { #expect(abs(a - b) < 1e-5) }
    }
  }
}
