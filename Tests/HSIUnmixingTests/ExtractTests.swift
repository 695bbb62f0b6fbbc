import HSICore
import HSINumerics
import HSISpectral
import HSITestSupport
import Testing

@testable import HSIUnmixing

@Suite struct ExtractTests {
  static let scenes = ["extract_high_snr", "extract_low_snr"]

  /// Pixel numbers of picks in a fully valid cube.
  static func numbers(_ library: SpectralLibrary, _ cube: Cube) throws -> [Int] {
    try #require(library.pixels).map { $0.line * cube.shape.samples + $0.sample }
  }

  @Test(arguments: scenes) func vcaMatchesTheReference(_ name: String) throws {
    let fixture = try MethodFixtures.load(name)
    let cube = MethodFixtures.cube(fixture["Y"])
    let count = fixture["K"].ints[0]
    let vca = VCA(probes: MethodFixtures.matrix(fixture["vca_probes"]))
    let library = try vca.extract(cube, count: count, MethodFixtures.context())
    #expect(try Self.numbers(library, cube) == fixture["vca_index"].ints)
    let reference = MethodFixtures.library(MethodFixtures.matrix(fixture["vca_M"]))
    #expect(MethodFixtures.distance(library.values, reference.values) < 1e-4)
    let statistics = try SceneStatistics(cube, MethodFixtures.context(), precision: .double)
    let ratio = try VCA.signalToNoise(statistics, count: count)
    #expect(abs(ratio - fixture["snr_estimate_db"].scalar) < 1e-6)
  }

  @Test(arguments: scenes) func spaMatchesTheReference(_ name: String) throws {
    let fixture = try MethodFixtures.load(name)
    let cube = MethodFixtures.cube(fixture["Y"])
    let library = try SPA().extract(cube, count: fixture["K"].ints[0], MethodFixtures.context())
    #expect(try Self.numbers(library, cube) == fixture["spa_index"].ints)
    let n = fixture["spa_index"].ints[0]
    #expect(Array(library[0]) == cube.pixels.row(n).map(Double.init))
  }

  @Test func pureEndmembersAreFound() throws {
    let spectra = MethodFixtures.spectra(bands: 40, count: 4, seed: 11)
    let cube = MethodFixtures.mixture(lines: 30, samples: 40, spectra: spectra, noise: 1e-5, seed: 5).cube
    for method in UnmixingMethods.extract {
      let library = try method.init().extract(cube, count: 4, MethodFixtures.context(seed: 3))
      for k in 0..<4 {
        let nearest = (0..<4).map { SpectralDistance.angle(Array(library[$0]), spectra.column(k)) }.min() ?? 9
        #expect(nearest < (library.pixels == nil ? 0.03 : 0.01), "\(method.description.id), endmember \(k)")
      }
    }
  }

  @Test func picksDoNotDependOnStripsThreadsOrHoles() throws {
    let spectra = MethodFixtures.spectra(bands: 24, count: 3, seed: 21)
    let cube = MethodFixtures.mixture(
      lines: 25, samples: 31, spectra: spectra, noise: 0.01, seed: 6, holes: true
    ).cube
    let source = FileLikeSource(cube)
    for method in UnmixingMethods.extract {
      let extractor = try method.init()
      let whole = try extractor.extract(cube, count: 3, MethodFixtures.context(seed: 1))
      for lines in [2, 4, 25] {
        let budget = source.budget(lines: lines)
        let strips = try extractor.extract(source, count: 3, MethodFixtures.context(bytes: budget, seed: 1))
        #expect(strips.values == whole.values, "\(method.description.id), strips of \(lines)")
        #expect(strips.pixels == whole.pixels, "\(method.description.id), strips of \(lines)")
      }
      let serial = try extractor.extract(cube, count: 3, MethodFixtures.context(threads: 1, seed: 1))
      let parallel = try extractor.extract(cube, count: 3, MethodFixtures.context(threads: 2, seed: 1))
      #expect(serial.values == parallel.values && serial.values == whole.values)
      // Picks are valid pixels, and raw picks are the spectra at these places.
      for position in whole.pixels ?? [] {
        #expect(cube.positions.contains(Int32(position.line * 31 + position.sample)))
      }
    }
  }

  @Test func seedsMatterAndRepeat() throws {
    let spectra = MethodFixtures.spectra(bands: 24, count: 3, seed: 21)
    let cube = MethodFixtures.mixture(lines: 25, samples: 31, spectra: spectra, noise: 0.02, seed: 6).cube
    let runs = try (0..<6).map {
      try VCA().extract(cube, count: 3, MethodFixtures.context(seed: $0 / 2)).values
    }
    #expect(runs[0] == runs[1] && runs[2] == runs[3] && runs[4] == runs[5])
    #expect(runs[0] != runs[2] || runs[0] != runs[4])
  }

  @Test func badRequestsAreRefused() throws {
    let spectra = MethodFixtures.spectra(bands: 6, count: 3, seed: 21)
    let cube = MethodFixtures.mixture(lines: 4, samples: 5, spectra: spectra, noise: 0.02, seed: 6).cube
    let constant = Cube(
      lines: 4, samples: 5,
      pixels: PixelMatrix(rows: 20, columns: 6, values: [Float](repeating: 0.5, count: 120)))
    let zero = Cube(lines: 4, samples: 5, pixels: PixelMatrix(rows: 20, columns: 6))
    let few = Cube(
      shape: cube.shape, metadata: cube.metadata,
      pixels: PixelMatrix(rows: 2, columns: 6, values: Array(cube.pixels.values.prefix(12))),
      positions: [3, 9])
    for method in UnmixingMethods.extract {
      let extractor = try method.init()
      let context = MethodFixtures.context()
      for (scene, count) in [(cube, 0), (cube, 8), (constant, 3), (zero, 3), (few, 3)] {
        do {
          _ = try extractor.extract(scene, count: count, context)
          Issue.record("\(method.description.id) accepted \(count)")
        } catch {
          #expect(error is any HSIError)
        }
      }
    }
  }
}

@Suite struct SimplexExtractTests {
  @Test(arguments: ExtractTests.scenes) func nfindrMatchesTheReference(_ name: String) throws {
    let fixture = try MethodFixtures.load(name)
    let cube = MethodFixtures.cube(fixture["Y"])
    let count = fixture["K"].ints[0]
    let library = try NFINDR().extract(cube, count: count, MethodFixtures.context())
    #expect(try ExtractTests.numbers(library, cube) == fixture["nfindr_index"].ints)
    // The volume of the picks in principal components, in double precision.
    let statistics = try SceneStatistics(cube, MethodFixtures.context(), precision: .double)
    let axes = try statistics.covariance.symmetricEigen().vectors.selecting(columns: Array(0..<(count - 1)))
    let simplex = Matrix<Double>(rows: count, columns: count) { i, j in
      j == 0
        ? 1
        : (0..<library.bands).reduce(0.0) {
          $0 + (library[i][library[i].startIndex + $1] - statistics.mean[$1]) * axes[$1, j - 1]
        }
    }
    #expect(abs(simplex.absoluteDeterminant / fixture["nfindr_det"].scalar - 1) < 1e-5)
  }

  @Test(arguments: ExtractTests.scenes) func ppiCountsMatchTheReference(_ name: String) throws {
    let fixture = try MethodFixtures.load(name)
    let cube = MethodFixtures.cube(fixture["Y"])
    let skewers = MethodFixtures.matrix(fixture["ppi_skewers"]).map { Float($0) }
    let statistics = try SceneStatistics(cube, MethodFixtures.context())
    let points = try PPI.count(SceneReader(cube, MethodFixtures.context()), skewers, statistics)
    #expect(points.map(Int.init) == fixture["ppi_count"].ints)
  }
}

@Suite struct MinimumVolumeTests {
  /// A scene in which no pixel has more than 75 % of one endmember.
  static func impureScene(_ spectra: Matrix<Double>, pixels: Int, noise: Double) -> Cube {
    let (bands, count) = (spectra.rows, spectra.columns)
    let matrix = PixelMatrix(rows: pixels, columns: bands)
    for n in 0..<pixels {
      var random = CounterRandom(seed: 17, stream: UInt64(n))
      var a: [Double]
      repeat {
        let draws = (0..<(count - 1)).map { _ in random.uniform() }.sorted()
        // Spacings of ordered uniforms: uniform on the simplex.
        a = (0..<count).map { ($0 + 1 < count ? draws[$0] : 1) - ($0 == 0 ? 0 : draws[$0 - 1]) }
      } while (a.max() ?? 0) > 0.75
      for l in 0..<bands {
        matrix[n, l] = Float((0..<count).reduce(noise * random.normal()) { $0 + a[$1] * spectra[l, $1] })
      }
    }
    return Cube(lines: 1, samples: pixels, pixels: matrix)
  }

  @Test func sisalFindsEndmembersThatNoPixelHas() throws {
    let spectra = MethodFixtures.spectra(bands: 40, count: 3, seed: 91)
    let cube = Self.impureScene(spectra, pixels: 1500, noise: 1e-3)
    func error(_ library: SpectralLibrary) -> Double {
      let estimate = Matrix(rows: 3, columns: 40, values: library.values)
      let match = Matching.bySpectralAngle(estimate, spectra.transposed).compactMap { $0 }
      return (0..<3).reduce(0) { max($0, SpectralDistance.angle(estimate.row(match[$1]), spectra.column($1))) }
    }
    let context = MethodFixtures.context()
    let found = try SISAL().extract(cube, count: 3, context)
    let pure = try error(VCA().extract(cube, count: 3, context))
    #expect(error(found) < 0.03)
    #expect(error(found) < pure / 3, "against VCA's \(pure)")
    // The rule of τ: about (K − 1)/τ of the pixels outside every facet.
    let solver = try SCLS().prepare(found, weights: nil)
    let abundances = PixelMatrix(rows: 0, columns: 0)
    try solver.solve(cube.pixels, into: abundances)
    for k in 0..<3 {
      let outside = Double((0..<cube.count).count { abundances[$0, k] < 0 }) / Double(cube.count)
      #expect(outside < 0.03 && outside > 0.001, "endmember \(k): \(outside)")
    }
  }
}
