import Foundation
import HSICore
import HSINumerics
import HSIRestoration
import HSITestSupport
import Testing

@Suite struct RestorationMetricsTests {
  static let shape = CubeShape(lines: 12, samples: 15, bands: 11)

  /// A smooth cube in [0, 1] as `[bands][lines][samples]`.
  static func planes(_ phase: Double = 0) -> [Float] {
    (0..<shape.bands).flatMap { b in
      (0..<shape.pixels).map { n in
        Float(
          0.5 + 0.4 * sin(0.7 * Double(n / shape.samples) + phase) * cos(0.5 * Double(n % shape.samples + b)))
      }
    }
  }

  /// The same as a cube that lacks some pixels.
  static func cube(_ planes: [Float], without missing: Set<Int> = []) -> Cube {
    let places = (0..<shape.pixels).filter { !missing.contains($0) }
    let pixels = PixelMatrix(rows: places.count, columns: shape.bands)
    for (row, place) in places.enumerated() {
      for b in 0..<shape.bands { pixels[row, b] = planes[b * shape.pixels + place] }
    }
    return Cube(
      shape: shape, metadata: CubeMetadata(bands: shape.bands), pixels: pixels,
      positions: places.map { Int32($0) })
  }

  /// Values of the reference implementation, as they are and limited to [0, 1], with both ranges.
  @Test(arguments: ["raw", "clamped"]) func parity(variant: String) throws {
    let url = try #require(
      Bundle.module.url(forResource: "metrics", withExtension: "safetensors", subdirectory: "Fixtures"))
    let fixture = try Fixture(url)
    let (target, output) = (fixture["in.target"], fixture["in.output"])
    let shape = CubeShape(lines: target.shape[1], samples: target.shape[2], bands: target.shape[0])
    for (name, range) in [("range1", 1.0), ("range2", RestorationMetrics.legacySSIMRange)] {
      var options = RestorationMetrics.Options()
      options.clamps = variant == "clamped"
      options.ssimRange = range
      let metrics = try RestorationMetrics(
        planes: output.floats, reference: target.floats, shape: shape, options: options)
      func near(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool { abs(a - b) < tolerance }
      #expect(near(metrics.mpsnr, fixture["out.\(variant).mpsnr"].scalar, 1e-5))
      for (a, b) in zip(metrics.psnrPerBand, fixture["out.\(variant).psnr_bands"].values) {
        #expect(near(a, b, 1e-5))
      }
      let ssim = fixture["out.\(variant).ssim_bands_\(name)"].values
      #expect(ssim.count == metrics.ssimPerBand.count)
      for (a, b) in zip(metrics.ssimPerBand, ssim) { #expect(near(a, b, 2e-6), "\(a - b)") }
      #expect(near(try #require(metrics.mssim), fixture["out.\(variant).mssim_\(name)"].scalar, 2e-6))
      #expect(near(metrics.sam, fixture["out.\(variant).sam_radians"].scalar, 1e-6))
    }
  }

  @Test func identicalCubes() throws {
    let planes = Self.planes()
    let metrics = try RestorationMetrics(planes: planes, reference: planes, shape: Self.shape)
    #expect(metrics.mpsnr == .infinity && metrics.mssim == 1 && metrics.rmse == 0 && metrics.ergas == 0)
    // The 10⁻⁸ of the formula leave √(4 · 10⁻⁸ / |t|) at most.
    #expect(metrics.sam < 2e-4)
    #expect(metrics.pixels == Self.shape.pixels && metrics.windows == 6 * 9)
  }

  /// A known offset and a known factor: closed forms of all but SSIM.
  @Test func knownErrors() throws {
    let planes = Self.planes()
    let shifted = try RestorationMetrics(
      planes: planes.map { $0 + 0.125 }, reference: planes, shape: Self.shape)
    #expect(abs(shifted.mpsnr - 20 * log10(8)) < 1e-5 && abs(shifted.rmse - 0.125) < 1e-7)
    let means = (0..<Self.shape.bands).map { b in
      planes[(b * Self.shape.pixels)..<((b + 1) * Self.shape.pixels)].reduce(0.0) { $0 + Double($1) }
        / Double(Self.shape.pixels)
    }
    let ergas = 100 * (means.reduce(0) { $0 + 0.015625 / ($1 * $1) } / Double(means.count)).squareRoot()
    #expect(abs(shifted.ergas - ergas) < 1e-4)
    let scaled = try RestorationMetrics(planes: planes.map { $0 * 2 }, reference: planes, shape: Self.shape)
    #expect(scaled.sam < 2e-4)
    // A result at right angles to the reference.
    var (first, second) = ([Float](repeating: 0, count: 11 * 180), [Float](repeating: 0, count: 11 * 180))
    for n in 0..<180 { (first[n], second[180 + n]) = (1, 1) }
    let right = try RestorationMetrics(planes: first, reference: second, shape: Self.shape)
    #expect(abs(right.sam - .pi / 2) < 1e-7)
  }

  /// SSIM against sums taken window by window, with missing pixels in either cube.
  @Test(arguments: [1.0, 2.0]) func ssimOfANaiveLoop(range: Double) throws {
    let (t, o) = (Self.planes(), Self.planes(0.3))
    let missing: (Set<Int>, Set<Int>) = ([3], [100, 170])
    var options = RestorationMetrics.Options()
    options.ssimRange = range
    let metrics = try RestorationMetrics(
      Self.cube(o, without: missing.0), reference: Self.cube(t, without: missing.1), options: options)
    let (c1, c2) = (pow(0.01 * range, 2), pow(0.03 * range, 2))
    var windows = 0
    for b in 0..<Self.shape.bands {
      var values: [Double] = []
      for line in 0...(Self.shape.lines - 7) {
        for sample in 0...(Self.shape.samples - 7) {
          let places = (0..<49).map { (line + $0 / 7) * Self.shape.samples + sample + $0 % 7 }
          if places.contains(where: { missing.0.contains($0) || missing.1.contains($0) }) { continue }
          let x = places.map { Double(t[b * Self.shape.pixels + $0]) }
          let y = places.map { Double(o[b * Self.shape.pixels + $0]) }
          let (ux, uy) = (x.reduce(0, +) / 49, y.reduce(0, +) / 49)
          let vx = x.reduce(0) { $0 + ($1 - ux) * ($1 - ux) } / 48
          let vy = y.reduce(0) { $0 + ($1 - uy) * ($1 - uy) } / 48
          let vxy = zip(x, y).reduce(0) { $0 + ($1.0 - ux) * ($1.1 - uy) } / 48
          let top = (2 * ux * uy + c1) * (2 * vxy + c2)
          values.append(top / ((ux * ux + uy * uy + c1) * (vx + vy + c2)))
        }
      }
      windows = values.count
      #expect(abs(metrics.ssimPerBand[b] - values.reduce(0, +) / Double(values.count)) < 1e-12)
    }
    #expect(metrics.windows == windows && metrics.pixels == Self.shape.pixels - 3)
  }

  /// What is in pixels that are invalid in one of the two does not matter.
  @Test func invalidPixelsDoNotCount() throws {
    let t = Self.planes()
    var o = Self.planes(0.2)
    let clean = try RestorationMetrics(Self.cube(o, without: [20, 33]), reference: Self.cube(t))
    for b in 0..<Self.shape.bands { o[b * Self.shape.pixels + 20] = 1e9 }
    for b in 0..<Self.shape.bands { o[b * Self.shape.pixels + 33] = .nan }
    let same = try RestorationMetrics(Self.cube(o), reference: Self.cube(t, without: [20, 33]))
    #expect(clean.psnrPerBand == same.psnrPerBand && clean.ssimPerBand == same.ssimPerBand)
    #expect(clean.sam == same.sam && clean.ergas == same.ergas && clean.pixels == same.pixels)
  }

  @Test func threadsDoNotMatter() throws {
    let (t, o) = (Self.planes(), Self.planes(0.1))
    let threads = Parallel.threads
    defer { Parallel.setThreads(threads) }
    let all = try [1, 2, 5].map { count in
      Parallel.setThreads(count)
      return try RestorationMetrics(planes: o, reference: t, shape: Self.shape)
    }
    for other in all.dropFirst() {
      #expect(all[0].psnrPerBand == other.psnrPerBand && all[0].ssimPerBand == other.ssimPerBand)
      #expect(all[0].sam == other.sam && all[0].ergas == other.ergas)
    }
  }

  /// A range maps the data to [0, 1] before anything is measured.
  @Test func rangeOfData() throws {
    let (t, o) = (Self.planes(), Self.planes(0.1))
    let unit = try RestorationMetrics(planes: o, reference: t, shape: Self.shape)
    var options = RestorationMetrics.Options()
    options.range = try DataRange(low: 1000, high: 5000)
    let scaled = try RestorationMetrics(
      planes: o.map { 1000 + 4000 * $0 }, reference: t.map { 1000 + 4000 * $0 }, shape: Self.shape,
      options: options)
    #expect(abs(unit.mpsnr - scaled.mpsnr) < 1e-4 && abs(unit.sam - scaled.sam) < 1e-6)
    #expect(abs(unit.mssim! - scaled.mssim!) < 1e-6 && abs(unit.ergas - scaled.ergas) < 1e-3)
  }

  @Test func whatCannotBeCompared() throws {
    let cube = Self.cube(Self.planes())
    let other = Cube(lines: 12, samples: 15, pixels: PixelMatrix(rows: 180, columns: 4))
    #expect(throws: RestorationError.self) { try RestorationMetrics(cube, reference: other) }
    let none = Self.cube(Self.planes(), without: Set(0..<180))
    #expect(throws: RestorationError.self) { try RestorationMetrics(cube, reference: none) }
    var options = RestorationMetrics.Options()
    options.ssimRange = 0
    #expect(throws: CoreError.self) { try RestorationMetrics(cube, reference: cube, options: options) }
    // Too small for a window: everything but SSIM.
    let small = CubeShape(lines: 6, samples: 9, bands: 2)
    let values = [Float](repeating: 0.5, count: 108)
    let metrics = try RestorationMetrics(planes: values, reference: values, shape: small)
    #expect(metrics.mssim == nil && metrics.windows == 0 && metrics.sam < 3e-4)
  }
}
