import Foundation
import HSICore
import HSINumerics

/// Removal of haze and thin cirrus by dark objects.
///
/// A hazy pixel is `I_b = x_b T_b + A_b (1 − T_b)` with `T_b = t^(λ₀ / λ_b)`, λ₀ the shortest wavelength, and light of the sky A_b,
/// that of the brightest pixels. As x_b ≥ 0, t is at least `(1 − I_b / A_b)^(λ_b / λ₀)`; somewhere within `window` pixels a band
/// of the shortest third is dark, so that the largest of these bounds is near t; the smallest of these within the window is no less
/// than the bound (a morphological closing) and follows haze that differs within it. It is smoothed along the edges of the scene
/// (guided filter) and divided by that of the clearest pixels, which count as free of haze. A scene without haze loses light of its
/// surfaces instead: `HazeEvidence` tests what was taken away, and doubt is said. Cost 25 N L + N L² + 500 N.
public struct DarkObjectDehazing: ClassicalRestorer {
  public static let description = MethodDescription(
    id: "dark-object", name: "Dehazing by dark objects", task: .dehaze,
    citation:
      "P. S. Chavez, An improved dark-object subtraction technique for atmospheric scattering correction, RSE 24, 1988; "
      + "K. He, J. Sun and X. Tang, Single image haze removal using dark channel prior, IEEE TPAMI 33(12), 2011",
    cost: "20 N L + 500 N", advice: "Haze or thin cirrus that differs from place to place.",
    parameters: [
      ParameterDescription("window", 5, in: 0...200, "pixels on either side within which something is dark"),
      ParameterDescription("omega", 0.95, in: 0...1, "share of the haze that is taken away"),
      ParameterDescription("floor", 0.1, in: 0.01...1, "least transmission at the shortest wavelength"),
      ParameterDescription("clear", 1, in: 0...1, "1: the clearest pixels are free of haze; 0: all have what is found"),
    ], aliases: ["dark-channel"])

  private let parameters: MethodParameters

  public init(_ parameters: MethodParameters) throws { self.parameters = parameters }

  public func workingBytes(_ shape: CubeShape) -> Int { shape.pixels * (shape.bands * 8 + 80) }

  public func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    context.progress.report(phase: "finding haze", fraction: 0)
    let finite = scene.finitePixels()
    guard finite.count > 0 else { return unchanged(scene, "no pixel has a finite value in every band", context) }
    guard finite.count > 1 else { return unchanged(scene, "it has one valid pixel", context) }
    let statistics = try SceneStatistics(finite, context, label: "finding haze", precision: .double)
    guard zip(statistics.minimum, statistics.maximum).contains(where: { $0 < $1 }) else {
      return unchanged(scene, "it is constant", context)
    }
    let exponents = Haze.exponents(scene.metadata.axis)
    let sky = SkyLight.brightest(finite, share: 1e-4)
    guard sky.contains(where: { $0 > 0 }) else { return unchanged(scene, "no band has positive values", context) }
    let transmission = transmission(finite, exponents, sky)
    try context.checkCancellation()
    let thickest = 1 - (transmission.min() ?? 1)
    guard thickest > 0.02 else { return unchanged(scene, "no haze was found", context) }
    let bands = scene.shape.bands
    let result = PixelMatrix(rows: finite.count, columns: bands)
    let (source, out) = (finite.pixels.pointer, result.pointer)
    Parallel.forEachChunk(of: finite.count, chunk: 1024) { _, rows in
      for row in rows {
        let logarithm = log(Double(transmission[row]))
        for b in 0..<bands {
          let through = exp(logarithm * exponents[b])
          let place = row * bands + b
          out[place] = Float((Double(source[place]) - sky[b] * (1 - through)) / through)
        }
      }
    }
    let evidence = try HazeEvidence(before: finite, after: result, statistics: statistics, exponents: exponents)
    if evidence.correlation < HazeEvidence.doubtful {
      context.warn(
        "W-HAZE-DOUBT",
        "what \(description.id) takes away is hardly haze: it follows the surfaces, not the shortest wavelengths alone "
          + "(evidence \(String(format: "%.2f", evidence.correlation)) of 1); compare the pictures, or keep the scene as it is"
      )
    }
    context.progress.report(phase: "finding haze", fraction: 1)
    return RestoredScene(
      scene: scene.replacingFinitePixels(by: result),
      facts: ["thickestHaze": Double(thickest), "hazeEvidence": evidence.correlation])
  }

  /// The transmission at the shortest wavelength of every pixel.
  private func transmission(_ scene: Cube, _ exponents: [Double], _ sky: [Double]) -> [Float] {
    let (bands, count) = (scene.shape.bands, scene.count)
    let order = exponents.indices.sorted { (exponents[$1], $0) < (exponents[$0], $1) }
    let used = order.prefix(max(bands / 3, 1)).filter { sky[$0] > 0 }
    let images = PixelMatrix(rows: 2, columns: count)
    let (bound, guide, source) = (images.pointer, images.pointer + count, scene.pixels.pointer)
    let chosen = used.isEmpty ? order.filter { sky[$0] > 0 } : used
    Parallel.forEachChunk(of: count, chunk: 1024) { _, rows in
      for row in rows {
        var (best, sum) = (0.0, 0.0)
        for b in chosen {
          let ratio = min(max(Double(source[row * bands + b]) / sky[b], 0), 1)
          sum += ratio
          best = max(best, pow(1 - ratio, 1 / exponents[b]))
        }
        bound[row] = Float(best)
        guide[row] = Float(sum / Double(chosen.count))
      }
    }
    let (lines, samples) = (scene.shape.lines, scene.shape.samples)
    let filling = PlaneFilling(scene)
    let planes = PixelMatrix(rows: 2, columns: lines * samples)
    let (map, edges) = (planes.pointer, planes.pointer + lines * samples)
    filling.spread(bound, into: map)
    filling.spread(guide, into: edges)
    let window = Int(parameters.value("window"))
    let smooth = WindowFilters(lines: lines, samples: samples)
    let largest = smooth.maximum(Array(UnsafeBufferPointer(start: map, count: lines * samples)), reach: window)
    let closed = smooth.maximum(largest.map { -$0 }, reach: window).map { -$0 }
    var refined = smooth.guided(
      closed, guide: Array(UnsafeBufferPointer(start: edges, count: lines * samples)), reach: 2 * window + 1,
      epsilon: 1e-3)
    refined.withUnsafeBufferPointer { filling.gather($0.baseAddress!, into: bound) }
    refined = (0..<count).map { min(max(bound[$0], 0), 1) }
    var clearest: Float = 1
    if parameters.value("clear") >= 0.5 {
      var sorted = refined
      clearest = max(select(&sorted, (count - 1) * 99 / 100), 1e-3)
    }
    let (share, floor) = (Float(parameters.value("omega")), Float(parameters.value("floor")))
    return refined.map { max(1 - share * (1 - min($0 / clearest, 1)), floor) }
  }
}

/// Filters of planes over square windows, cut at the borders of the image.
struct WindowFilters {
  let lines, samples: Int

  /// The largest value within `reach` places along either axis.
  func maximum(_ plane: [Float], reach: Int) -> [Float] {
    var across = plane
    for line in 0..<lines {
      for sample in 0..<samples {
        var largest = -Float.infinity
        for x in max(0, sample - reach)...min(samples - 1, sample + reach) {
          largest = max(largest, plane[line * samples + x])
        }
        across[line * samples + sample] = largest
      }
    }
    var result = across
    for line in 0..<lines {
      for y in max(0, line - reach)...min(lines - 1, line + reach) {
        for sample in 0..<samples {
          result[line * samples + sample] = max(result[line * samples + sample], across[y * samples + sample])
        }
      }
    }
    return result
  }

  /// The mean within `reach` places along either axis, in time that does not depend on it.
  func mean(_ plane: [Float], reach: Int) -> [Float] {
    var table = [Double](repeating: 0, count: (lines + 1) * (samples + 1))
    for line in 0..<lines {
      var row = 0.0
      for sample in 0..<samples {
        row += Double(plane[line * samples + sample])
        table[(line + 1) * (samples + 1) + sample + 1] = table[line * (samples + 1) + sample + 1] + row
      }
    }
    var result = plane
    for line in 0..<lines {
      let (top, bottom) = (max(0, line - reach), min(lines, line + reach + 1))
      for sample in 0..<samples {
        let (left, right) = (max(0, sample - reach), min(samples, sample + reach + 1))
        let sum =
          table[bottom * (samples + 1) + right] - table[top * (samples + 1) + right]
          - table[bottom * (samples + 1) + left] + table[top * (samples + 1) + left]
        result[line * samples + sample] = Float(sum / Double((bottom - top) * (right - left)))
      }
    }
    return result
  }

  /// A plane smoothed except where a guide has edges: in every window it is a linear function of the guide (K. He, J. Sun and X.
  /// Tang, Guided image filtering, IEEE TPAMI 35(6), 2013).
  func guided(_ plane: [Float], guide: [Float], reach: Int, epsilon: Float) -> [Float] {
    let (meanGuide, meanPlane) = (mean(guide, reach: reach), mean(plane, reach: reach))
    let squares = mean(guide.map { $0 * $0 }, reach: reach)
    let products = mean(zip(guide, plane).map { $0 * $1 }, reach: reach)
    var (slope, level) = (plane, plane)
    for i in plane.indices {
      let variance = max(squares[i] - meanGuide[i] * meanGuide[i], 0)
      slope[i] = (products[i] - meanGuide[i] * meanPlane[i]) / (variance + epsilon)
      level[i] = meanPlane[i] - slope[i] * meanGuide[i]
    }
    let (meanSlope, meanLevel) = (mean(slope, reach: reach), mean(level, reach: reach))
    return plane.indices.map { meanSlope[$0] * guide[$0] + meanLevel[$0] }
  }
}
