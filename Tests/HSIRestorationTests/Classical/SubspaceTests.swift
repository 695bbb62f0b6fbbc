import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIRestoration

@Suite struct SubspaceTests {
  /// Eigenvalues and vectors of a symmetric matrix by Jacobi rotations, descending.
  static func jacobi(_ matrix: [[Double]]) -> (values: [Double], vectors: [[Double]]) {
    var a = matrix
    let n = a.count
    var v = (0..<n).map { i in (0..<n).map { $0 == i ? 1.0 : 0 } }
    for _ in 0..<60 {
      for p in 0..<n {
        for q in (p + 1)..<max(n, p + 1) where abs(a[p][q]) > 1e-300 {
          let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
          let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
          let c = 1 / (t * t + 1).squareRoot()
          let s = t * c
          for k in 0..<n { (a[k][p], a[k][q]) = (c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]) }
          for k in 0..<n { (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]) }
          for k in 0..<n { (v[k][p], v[k][q]) = (c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]) }
        }
      }
    }
    let order = (0..<n).sorted { a[$0][$0] > a[$1][$1] }
    return (order.map { a[$0][$0] }, order.map { j in (0..<n).map { v[$0][j] } })
  }

  /// Truncation to two components against the same in double precision by another eigensolver.
  @Test func principalComponentsAreTheBestApproximation() throws {
    let noisy = SyntheticScene.noisy(SyntheticScene.clean(lines: 12, samples: 14, bands: 9), sigma: 0.2)
    let (count, bands) = (noisy.count, 9)
    let y = (0..<count).map { n in (0..<bands).map { Double(noisy.pixels[n, $0]) } }
    let mean = (0..<bands).map { b in y.reduce(0) { $0 + $1[b] } / Double(count) }
    let covariance = (0..<bands).map { i in
      (0..<bands).map { j in y.reduce(0) { $0 + ($1[i] - mean[i]) * ($1[j] - mean[j]) } / Double(count) }
    }
    let axes = SubspaceTests.jacobi(covariance).vectors.prefix(2)
    let result = try Restorers.classical.named("pca", ["rank": 2]).restore(noisy, noise: nil, RunContext()).scene
    for n in 0..<count {
      let scores = axes.map { axis in (0..<bands).reduce(0) { $0 + axis[$1] * (y[n][$1] - mean[$1]) } }
      for b in 0..<bands {
        let exact = mean[b] + scores[0] * axes[0][b] + scores[1] * axes[1][b]
        #expect(abs(Double(result.pixels[n, b]) - exact) < 1e-5)
      }
    }
  }

  /// Pure noise of very different levels per band has unit covariance after whitening, and no significant
  /// component.
  @Test func whitenedNoiseIsWhite() throws {
    let (lines, samples, bands) = (90, 100, 12)
    var random = CounterRandom(seed: 8)
    let sigma = (0..<bands).map { 1000 * pow(3.0, -Double($0)) }
    let pixels = PixelMatrix(rows: lines * samples, columns: bands)
    for n in 0..<(lines * samples) { for b in 0..<bands { pixels[n, b] = Float(sigma[b] * random.normal()) } }
    let cube = Cube(lines: lines, samples: samples, pixels: pixels)
    let levels = try NoiseLevels.estimate(cube, RunContext())
    for b in 0..<bands { #expect(abs(levels.standardDeviations[b] / sigma[b] - 1) < 0.06) }
    let known = NoiseLevels(standardDeviations: sigma)
    let subspace = try SpectralSubspace(cube, noise: known, whitening: true, RunContext())
    #expect(subspace.significant == 0)
    let components = subspace.project(pixels, rank: bands)
    for i in 0..<bands {
      for j in i..<bands {
        let moment = zip(components.row(i), components.row(j)).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        #expect(abs(moment / Double(lines * samples) - (i == j ? 1 : 0)) < 0.08)
      }
    }
    // Projection and reconstruction at full rank are inverse.
    let back = subspace.reconstruct(components)
    for n in stride(from: 0, to: back.rows, by: 97) {
      for b in 0..<bands { #expect(abs(Double(back[n, b] - pixels[n, b])) < 1e-4 * sigma[b]) }
    }
  }

  @Test func estimatedLevelsAreThoseOfTheNoise() throws {
    let clean = SyntheticScene.clean(lines: 64, samples: 64, bands: 30)
    for sigma in [0.01, 0.1, 0.3] {
      let levels = try NoiseLevels.estimate(SyntheticScene.noisy(clean, sigma: sigma), RunContext())
      let mean = levels.standardDeviations.reduce(0, +) / 30
      #expect(abs(mean / sigma - 1) < 0.06)
    }
  }

  @Test func holesAreFilledFromAroundThem() {
    // A linear ramp with a hole: filled values lie within the range around the hole, valid ones stay.
    let clean = SyntheticScene.clean(lines: 20, samples: 24, bands: 1)
    let values = (0..<480).map { Float($0 % 24) }
    let cube = SyntheticScene.dropping(SyntheticScene.with(clean, values)) { n in
      (8..<13).contains(n / 24) && (10..<16).contains(n % 24)
    }
    let filling = PlaneFilling(cube)
    let plane = PixelMatrix(rows: 20, columns: 24)
    filling.spread(cube.pixels.pointer, into: plane.pointer)
    for n in 0..<480 {
      let hole = (8..<13).contains(n / 24) && (10..<16).contains(n % 24)
      if hole {
        #expect(plane.pointer[n] > 6 && plane.pointer[n] < 19)
      } else {
        #expect(plane.pointer[n] == values[n])
      }
    }
    let back = PixelMatrix(rows: cube.count, columns: 1)
    filling.gather(plane.pointer, into: back.pointer)
    #expect(back.values == cube.pixels.values)
  }

  @Test func medians() {
    var random = CounterRandom(seed: 4)
    for count in [1, 2, 3, 10, 101, 1000] {
      let values = (0..<count).map { _ in Float(random.index(below: 50)) }
      var work = values
      let sorted = values.sorted()
      #expect(median(&work) == (sorted[(count - 1) / 2] + sorted[count / 2]) / 2)
    }
  }
}
