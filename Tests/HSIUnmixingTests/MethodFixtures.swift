import Foundation
import HSICore
import HSINumerics
import HSITestSupport

@testable import HSIUnmixing

/// Scenes of the classical methods' tests.
enum MethodFixtures {
  /// A parity file.
  static func load(_ name: String) throws -> Fixture {
    guard let url = Bundle.module.url(forResource: "Fixtures/\(name)", withExtension: "safetensors") else {
      throw CocoaError(.fileNoSuchFile)
    }
    return try Fixture(url)
  }

  /// A tensor as a matrix.
  static func matrix(_ tensor: Fixture.Tensor) -> Matrix<Double> {
    Matrix(rows: tensor.shape[0], columns: tensor.shape[1], values: tensor.values)
  }

  /// A channels × pixels tensor as a cube of `lines` lines.
  static func cube(_ tensor: Fixture.Tensor, lines: Int = 20) -> Cube {
    let (bands, pixels) = (tensor.shape[0], tensor.shape[1])
    let matrix = PixelMatrix(rows: pixels, columns: bands)
    for n in 0..<pixels { for l in 0..<bands { matrix[n, l] = Float(tensor.values[l * pixels + n]) } }
    return Cube(lines: lines, samples: pixels / lines, pixels: matrix)
  }

  /// Channels × endmembers as a library.
  static func library(_ matrix: Matrix<Double>) -> SpectralLibrary {
    SpectralLibrary(
      names: (0..<matrix.columns).map { "spectrum \($0)" }, axis: SpectralAxis(count: matrix.rows),
      values: matrix.transposed.values)
  }

  /// Smooth positive spectra, channels × count.
  static func spectra(bands: Int, count: Int, seed: UInt64) -> Matrix<Double> {
    var random = CounterRandom(seed: seed, stream: 1000)
    var result = Matrix<Double>(rows: bands, columns: count)
    for k in 0..<count {
      let level = random.uniform(0.2, 0.5)
      let bumps = (0..<4).map { _ in
        (random.uniform(0, 1), random.uniform(0.05, 0.2), random.uniform(-0.15, 0.4))
      }
      for l in 0..<bands {
        let x = Double(l) / Double(max(1, bands - 1))
        let value = bumps.reduce(level) { $0 + $1.2 * exp(-0.5 * (x - $1.0) * (x - $1.0) / ($1.1 * $1.1)) }
        result[l, k] = max(0.01, value)
      }
    }
    return result
  }

  /// A linear mixture with Dirichlet-like abundances, one pure pixel per endmember, and Gaussian noise.
  static func mixture(
    lines: Int, samples: Int, spectra: Matrix<Double>, noise: Double, seed: UInt64, holes: Bool = false
  ) -> (cube: Cube, abundances: Matrix<Double>) {
    let (pixels, bands, count) = (lines * samples, spectra.rows, spectra.columns)
    let matrix = PixelMatrix(rows: pixels, columns: bands)
    var abundances = Matrix<Double>(rows: pixels, columns: count)
    for n in 0..<pixels {
      var random = CounterRandom(seed: seed, stream: UInt64(n))
      var a = (0..<count).map { _ in -log(1 - random.uniform()) }
      if n % 97 == 13, n / 97 < count { a = (0..<count).map { $0 == n / 97 ? 1 : 0 } }
      let total = a.reduce(0, +)
      for k in 0..<count { abundances[n, k] = a[k] / total }
      for l in 0..<bands {
        var value = noise * random.normal()
        for k in 0..<count { value += spectra[l, k] * abundances[n, k] }
        matrix[n, l] = Float(value)
      }
    }
    guard holes else { return (Cube(lines: lines, samples: samples, pixels: matrix), abundances) }
    // Two whole lines, the first pixel and a scatter are missing.
    let kept = (0..<pixels).filter { n in
      !(n / samples == 0 || n / samples == 5 || n == samples || n % 7 == 3)
    }
    let valid = PixelMatrix(rows: kept.count, columns: bands)
    for (i, n) in kept.enumerated() {
      (valid.pointer + i * bands).update(from: matrix.pointer + n * bands, count: bands)
    }
    let cube = Cube(
      shape: CubeShape(lines: lines, samples: samples, bands: bands), metadata: CubeMetadata(bands: bands),
      pixels: valid, positions: kept.map { Int32($0) })
    return (cube, abundances.selecting(rows: kept))
  }

  /// A context that is silent, with a memory budget of `bytes`.
  static func context(
    threads: Int = RunContext.availableThreads, bytes: Int = 1 << 30, seed: UInt64 = 0
  ) -> RunContext {
    RunContext(threads: threads, memory: MemoryBudget(bytes: bytes), seed: seed)
  }

  /// The largest absolute difference.
  static func distance(_ a: [Double], _ b: [Double]) -> Double {
    precondition(a.count == b.count)
    return zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }
}

/// Offers a cube through strips only, as a file would: its height follows the memory budget.
final class FileLikeSource: StripSource {
  private let cube: Cube
  init(_ cube: Cube) { self.cube = cube }
  var shape: CubeShape { cube.shape }
  var metadata: CubeMetadata { cube.metadata }
  var blockLines: Int { 1 }
  var workingBytesPerLine: Int { 0 }
  func read(lines: Range<Int>, into strip: Strip) throws { try cube.read(lines: lines, into: strip) }

  /// A budget under which strips have `lines` lines.
  func budget(lines: Int, extraBytesPerPixel: Int = 0) -> Int {
    lines * shape.samples * (shape.bands * 4 + 5 + extraBytesPerPixel) * 4
  }
}
