import Foundation
import HSICore
import HSINumerics
import HSISpectral
import HSITestSupport
import Testing

@testable import HSIUnmixing

/// A small scene of smooth random mixtures with known truth.
struct SmallScene {
  let cube: Cube
  let endmembers: Matrix<Double>
  let abundances: PixelMatrix

  /// - Parameters:
  ///   - bad: channels replaced by uniform noise.
  ///   - holes: every `holes`-th pixel is invalid.
  init(
    lines: Int = 24, samples: Int = 20, bands: Int = 36, count: Int = 3, bad: [Int] = [], holes: Int = 0,
    seed: UInt64 = 1
  ) {
    var random = CounterRandom(seed: seed)
    endmembers = Matrix<Double>(rows: count, columns: bands) { (k: Int, l: Int) -> Double in
      let phase = Double(l) * (0.1 + 0.09 * Double(k)) + 1.7 * Double(k)
      return 0.35 + 0.25 * sin(phase)
    }
    var positions: [Int32] = []
    var values: [Float] = []
    var truth: [Float] = []
    for n in 0..<(lines * samples) {
      let (i, j) = (n / samples, n % samples)
      let raw: [Double] = (0..<count).map { k in
        let rate = Double(k + 1)
        let wave = sin(Double(i) * 0.21 * rate + 2 * Double(k)) * cos(Double(j) * 0.17 * rate)
        return exp(3.5 * wave)
      }
      let sum = raw.reduce(0, +)
      let noise: [Double] = (0..<bands).map { _ in random.normal() }
      if holes > 0, n % holes == 3 { continue }
      positions.append(Int32(n))
      for k in 0..<count { truth.append(Float(raw[k] / sum)) }
      for l in 0..<bands {
        var y = 0.004 * noise[l]
        for k in 0..<count { y += raw[k] / sum * endmembers[k, l] }
        let value = bad.contains(l) ? abs(noise[l]) : max(0, y)
        values.append(Float(value))
      }
    }
    let pixels = PixelMatrix(rows: positions.count, columns: bands, values: values)
    abundances = PixelMatrix(rows: positions.count, columns: count, values: truth)
    cube = Cube(
      shape: CubeShape(lines: lines, samples: samples, bands: bands), metadata: CubeMetadata(bands: bands),
      pixels: pixels, positions: positions)
  }

  /// RMSE of abundances after the best assignment.
  func error(_ estimate: [Float]) -> Double {
    let count = endmembers.rows
    let truth = abundances.values
    let cost = Matrix<Double>(rows: count, columns: count) { i, j in
      stride(from: 0, to: truth.count, by: count).reduce(0) {
        let difference = Double(truth[$1 + i]) - Double(estimate[$1 + j])
        return $0 + difference * difference
      }
    }
    let match = Assignment.minimumCost(cost)
    return ((0..<count).reduce(0) { $0 + cost[$1, match[$1]] } / Double(truth.count)).squareRoot()
  }
}

/// Hides the cube from methods that know about cubes in memory, as a file would.
final class PlainSource: StripSource {
  let cube: Cube
  init(_ cube: Cube) { self.cube = cube }
  var shape: CubeShape { cube.shape }
  var metadata: CubeMetadata { cube.metadata }
  var blockLines: Int { 1 }
  var workingBytesPerLine: Int { 0 }
  func read(lines: Range<Int>, into strip: Strip) throws { try cube.read(lines: lines, into: strip) }
}

@Suite("Blind unmixing", .serialized)
struct BlindUnmixingTests {
  static let methods = UnmixingMethods.blind.map { $0.description.id }

  static func method(_ id: String, _ values: [String: Double] = [:]) throws -> any BlindUnmixer {
    let type = try #require(UnmixingMethods.blind.first { $0.description.id == id })
    return try type.init(values)
  }

  /// Everything delivered, as one array per map.
  static func collect(
    _ source: any StripSource, _ method: any BlindUnmixer, count: Int, unitLength: Bool = false,
    _ context: RunContext = RunContext()
  ) throws -> (abundances: [Float], rmse: [Float], guidance: [Float], fit: BlindFit, totals: BlindTotals) {
    var (abundances, rmse, guidance): ([Float], [Float], [Float]) = ([], [], [])
    let fit = try BlindUnmixing.factorise(source, method, count: count, unitLength: unitLength, context)
    let totals = try fit.deliver(context) { strip in
      abundances += strip.abundances.values
      rmse += strip.rmse.values
      guidance += strip.guidance?.values ?? []
      #expect((strip.guidance != nil) == fit.guidanceIsLearnt)
    }
    return (abundances, rmse, guidance, fit, totals)
  }

  @Test(
    "Every method lowers its objective, keeps abundances on the simplex and recovers an easy scene",
    arguments: methods)
  func objective(id: String) throws {
    let scene = SmallScene()
    let method = try BlindUnmixingTests.method(id, ["iterations": 60, "tolerance": 0])
    let result = try BlindUnmixingTests.collect(scene.cube, method, count: 3)
    let values = result.fit.objective
    #expect(values.count > 10)
    for (before, after) in zip(values, values.dropFirst()) { #expect(after <= before + 1e-7 * abs(before)) }
    #expect(result.abundances.allSatisfy { $0 >= 0 && $0.isFinite })
    for n in 0..<scene.cube.count {
      #expect(abs(result.abundances[(3 * n)..<(3 * n + 3)].reduce(0, +) - 1) < 1e-5)
    }
    #expect(scene.error(result.abundances) < 0.06)
    #expect(result.fit.endmembers.names == ["endmember 1", "endmember 2", "endmember 3"])
    #expect(
      zip(result.totals.meanAbundances, result.totals.meanAbundances.dropFirst()).allSatisfy { $0 >= $1 })
  }

  @Test("The norm over pixels lowers its objective too")
  func samples() throws {
    let scene = SmallScene()
    let method = try L21NMF(["samples": 1, "iterations": 40, "tolerance": 0])
    let values = try BlindUnmixingTests.collect(scene.cube, method, count: 3).fit.objective
    for (before, after) in zip(values, values.dropFirst()) { #expect(after <= before + 1e-7 * abs(before)) }
  }

  @Test(
    "Bad channels are found, left out of the start and hardly move the result",
    arguments: ["rrlbs", "rrlbs-v"])
  func badChannels(id: String) throws {
    let bad = [2, 9, 17, 25, 26]
    let (clean, dirty) = (SmallScene(), SmallScene(bad: bad))
    let method = try BlindUnmixingTests.method(id, ["iterations": 100])
    let reference = try BlindUnmixingTests.collect(clean.cube, method, count: 3)
    let result = try BlindUnmixingTests.collect(dirty.cube, method, count: 3)
    for l in 0..<36 { #expect(result.fit.keptChannels[l] == !bad.contains(l)) }
    let quality = try #require(result.fit.channelQuality)
    for l in bad { #expect(quality[l] < 0.2) }
    #expect(abs(dirty.error(result.abundances) - clean.error(reference.abundances)) < 0.01)
  }

  @Test("The same bytes for any number of threads, with holes", arguments: methods)
  func threads(id: String) throws {
    let scene = SmallScene(lines: 40, samples: 30, bad: [4], holes: 7)
    let method = try BlindUnmixingTests.method(id, ["iterations": 15])
    let one = try BlindUnmixingTests.collect(scene.cube, method, count: 3, RunContext(threads: 1))
    let two = try BlindUnmixingTests.collect(PlainSource(scene.cube), method, count: 3, RunContext(threads: 2))
    #expect(one.abundances == two.abundances)
    #expect(one.guidance == two.guidance)
    #expect(one.rmse == two.rmse)
    #expect(one.fit.endmembers.values == two.fit.endmembers.values)
    #expect(one.fit.objective == two.fit.objective)
  }

  @Test(
    "A scene beyond the budget: close to the result in core, and the same for any strip height",
    arguments: ["rrlbs", "rrlbs-v", "nmf"], [false, true])
  func outOfCore(id: String, unitLength: Bool) throws {
    let scene = SmallScene(lines: 240, samples: 24, bands: 40, bad: [7], holes: 11)
    let method = try BlindUnmixingTests.method(id, ["iterations": id == "rrlbs-v" ? 30 : 150])
    let inCore = try BlindUnmixingTests.collect(
      PlainSource(scene.cube), method, count: 3, unitLength: unitLength)
    #expect(!inCore.fit.isSampled)
    let bytes = BlindUnmixing.needed(method, pixels: 240 * 24, bands: 40, count: 3)
    var context = RunContext(memory: MemoryBudget(bytes: bytes / 10 * 9))
    let sampled = try BlindUnmixingTests.collect(
      PlainSource(scene.cube), method, count: 3, unitLength: unitLength, context)
    #expect(sampled.fit.isSampled)
    #expect(sampled.fit.factorisedPixels < scene.cube.count)
    #expect(sampled.totals.pixels == scene.cube.count)
    #expect(abs(sampled.totals.rmse - inCore.totals.rmse) < 0.1 * inCore.totals.rmse)
    // Endmembers of about equal abundance may change places between the two.
    let place = (0..<3).map { k in
      (0..<3).min {
        SpectralDistance.angle(Array(inCore.fit.endmembers[k]), Array(sampled.fit.endmembers[$0]))
          < SpectralDistance.angle(Array(inCore.fit.endmembers[k]), Array(sampled.fit.endmembers[$1]))
      } ?? k
    }
    var square = 0.0
    for n in 0..<scene.cube.count {
      for k in 0..<3 {
        let difference = Double(inCore.abundances[3 * n + k] - sampled.abundances[3 * n + place[k]])
        square += difference * difference
      }
    }
    // Plain NMF is far from converged after 150 iterations; the sample's pixels are solved exactly.
    #expect((square / Double(inCore.abundances.count)).squareRoot() < (id == "nmf" ? 0.08 : 0.03))
    #expect(abs(scene.error(sampled.abundances) - scene.error(inCore.abundances)) < 0.03)
    #expect(sampled.guidance.count == (id == "nmf" ? 0 : scene.cube.count))

    // Other strips, same sample: heights follow from the block height of the source.
    final class Tall: StripSource {
      let cube: Cube
      init(_ cube: Cube) { self.cube = cube }
      var shape: CubeShape { cube.shape }
      var metadata: CubeMetadata { cube.metadata }
      var blockLines: Int { 1 }
      var workingBytesPerLine: Int { 200_000 }
      func read(lines: Range<Int>, into strip: Strip) throws { try cube.read(lines: lines, into: strip) }
    }
    context.progress = SilentProgress()
    let other = try BlindUnmixingTests.collect(
      Tall(scene.cube), method, count: 3, unitLength: unitLength, context)
    #expect(other.abundances == sampled.abundances)
    #expect(other.guidance == sampled.guidance)
    #expect(other.rmse == sampled.rmse)
  }

  @Test("Impossible scenes are refused with a reason")
  func errors() throws {
    let method = try RRLbS()
    let scene = SmallScene(lines: 4, samples: 4)
    #expect(throws: UnmixingError.self) { try BlindUnmixingTests.collect(scene.cube, method, count: 12) }
    #expect(throws: UnmixingError.self) { try BlindUnmixingTests.collect(scene.cube, method, count: 40) }
    #expect(throws: CoreError.self) { try BlindUnmixingTests.collect(scene.cube, method, count: 1) }
    let constant = PixelMatrix(rows: 100, columns: 8, values: [Float](repeating: 0.5, count: 800))
    #expect(throws: UnmixingError.self) {
      try BlindUnmixingTests.collect(Cube(lines: 10, samples: 10, pixels: constant), method, count: 3)
    }
    let zero = PixelMatrix(rows: 100, columns: 8)
    #expect(throws: UnmixingError.self) {
      try BlindUnmixingTests.collect(Cube(lines: 10, samples: 10, pixels: zero), method, count: 3)
    }
    let empty = Cube(
      shape: CubeShape(lines: 10, samples: 10, bands: 8), metadata: CubeMetadata(bands: 8),
      pixels: PixelMatrix(rows: 0, columns: 8), positions: [])
    #expect(throws: UnmixingError.self) { try BlindUnmixingTests.collect(empty, method, count: 3) }
    let context = RunContext()
    context.cancellation.cancel()
    #expect(throws: CoreError.self) {
      try BlindUnmixingTests.collect(SmallScene().cube, method, count: 3, context)
    }
    let tiny = RunContext(memory: MemoryBudget(bytes: 4096))
    #expect(throws: CoreError.self) {
      try BlindUnmixingTests.collect(SmallScene().cube, method, count: 3, tiny)
    }
  }

  @Test("RRLbS-V lowers its objective on pixels of unit length, with shade and without pure pixels")
  func variance() throws {
    let scene = SmallScene(bad: [5])
    for n in 0..<scene.cube.count {
      let shade = Float(0.3 + 0.7 * abs(sin(Double(n) * 0.37)))
      for l in 0..<36 where l != 5 { scene.cube.pixels[n, l] *= shade }
    }
    for unitLength in [false, true] {
      let fit = try BlindUnmixing.factorise(
        scene.cube, try RRLbSV(["tolerance": 0, "mu0": 0.1]), count: 3, unitLength: unitLength, RunContext())
      for (before, after) in zip(fit.objective, fit.objective.dropFirst()) {
        #expect(after <= before + 1e-7 * abs(before))
      }
      var abundances: [Float] = []
      try fit.deliver(RunContext()) { abundances += $0.abundances.values }
      // Brightness is a nuisance in perspective and an error source otherwise.
      if unitLength { #expect(scene.error(abundances) < 0.06) }
    }
  }

  @Test("Negative values count as zero, in a copy when the caller owns the cube")
  func negatives() throws {
    let scene = SmallScene()
    scene.cube.pixels[5, 6] = -0.2
    let context = RunContext()
    let result = try BlindUnmixingTests.collect(scene.cube, try RRLbS(["iterations": 20]), count: 3, context)
    #expect(context.warnings.warnings.map(\.identifier) == ["W-NEGATIVE"])
    #expect(scene.cube.pixels[5, 6] == -0.2)
    #expect(result.abundances.allSatisfy { $0 >= 0 && $0.isFinite })
  }

  @Test("Endmembers take the names of the nearest library spectra")
  func names() throws {
    let axis = SpectralAxis(count: 3)
    let found = SpectralLibrary(
      names: ["endmember 1", "endmember 2", "endmember 3"], axis: axis,
      values: [2, 0, 0, 0, 5, 0.1, 1, 0.1, 0])
    let library = SpectralLibrary(
      names: ["a", "b"], axis: axis, values: [1, 0, 0, 0, 1, .nan])
    let (named, matches) = try NameEndmembers.match(found, to: library)
    #expect(named.names == ["a", "b", "a 2"])
    #expect(matches[0]?.angle == 0)
    #expect(throws: UnmixingError.self) {
      try NameEndmembers.match(found, to: library.selecting(bands: [0, 1]))
    }
  }
}
