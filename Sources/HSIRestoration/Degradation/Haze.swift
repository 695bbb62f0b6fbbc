import Foundation
import HSICore
import HSINumerics

/// Thin cirrus or haze that scatters more at short wavelengths.
///
/// With a map h in [0, 1] the transmission at the shortest wavelength λ₀ is `t = 1 − strength · h` (1e-10 where that is not
/// positive), in band b `T_b = t^(λ₀ / λ_b)`, and a pixel becomes `x_b T_b + A_b (1 − T_b)`. The light of the sky A_b is the mean of
/// the brightest max(⌊N · 0.0001⌋, 1) pixels of the band. A scene without wavelengths counts as 400 to 1000 nm in equal steps.
///
/// The map is one that was given, brought to the size of the image by bilinear interpolation, or a smooth field of our own drawn by
/// the seed. Missing values stay missing. Cost 10 N L. Source: the degradations of MP-HSIR.
public struct Haze: ParameterDegradation {
  public static let description = MethodDescription(
    id: "haze", name: "Haze and thin cirrus", task: .degrade,
    citation: "MP-HSIR (multi-prompt hyperspectral image restoration), its degradations",
    cost: "10 N L", advice: "The counterpart of dehazing.",
    parameters: [
      ParameterDescription("strength", 0.5, in: 0...1, "share of the light that the thickest haze takes at λ₀"),
      ParameterDescription("clumps", 3, in: 1...64, "coarsest clumps of the drawn field along the longer side"),
    ])

  /// Where haze is: values in [0, 1].
  public struct Cirrus: Hashable, Sendable {
    /// Size of the map.
    public let lines, samples: Int
    /// Row by row.
    public let values: [Float]

    /// A map.
    ///
    /// - Throws: `CoreError.invalidParameter` for an empty map, a wrong number of values, or values outside [0, 1].
    public init(lines: Int, samples: Int, values: [Float]) throws {
      guard lines > 0, samples > 0, values.count == lines * samples else {
        throw CoreError.invalidParameter(
          name: "cirrus", value: "\(values.count) values", requirement: "\(lines) × \(samples) values, at least one")
      }
      guard values.allSatisfy({ $0 >= 0 && $0 <= 1 }) else {
        throw CoreError.invalidParameter(name: "cirrus", value: "a map", requirement: "of values from 0 to 1")
      }
      (self.lines, self.samples, self.values) = (lines, samples, values)
    }
  }

  public var usesRange: Bool { false }

  private let strength, clumps: Double
  private let cirrus: Cirrus?

  public init(_ parameters: MethodParameters) throws {
    strength = parameters.value("strength")
    clumps = parameters.value("clumps")
    cirrus = nil
  }

  /// Haze by a given map.
  ///
  /// - Throws: `CoreError.invalidParameter` for a strength outside [0, 1].
  public init(strength: Double, cirrus: Cirrus) throws {
    let parameters = try MethodParameters(["strength": strength], for: Haze.description)
    self.strength = parameters.value("strength")
    clumps = parameters.value("clumps")
    self.cirrus = cirrus
  }

  public func degrade(_ scene: Cube, _ target: DegradationTarget, _ context: RunContext) throws -> DegradedScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene, bytesPerPixel: 4 * scene.shape.bands + 8, context)
    let (bands, count) = (scene.shape.bands, scene.count)
    context.progress.report(phase: "haze", fraction: 0)
    let map = (cirrus ?? Haze.field(scene.shape, clumps: clumps, seed: target.seed))
      .resized(lines: scene.shape.lines, samples: scene.shape.samples)
    let exponents = Haze.exponents(scene.metadata.axis)
    let sky = SkyLight.brightest(scene, share: 1e-4)
    let result = PixelMatrix(rows: count, columns: bands)
    let (source, out, positions) = (scene.pixels.pointer, result.pointer, scene.positions)
    Parallel.forEachChunk(of: count, chunk: 1024) { _, rows in
      for row in rows {
        let through = 1 - strength * map[Int(positions[row])]
        let logarithm = log(through > 0 ? through : 1e-10)
        for b in 0..<bands {
          let place = row * bands + b
          let transmission = exp(logarithm * exponents[b])
          out[place] =
            target.active[b]
            ? Float(Double(source[place]) * transmission + sky[b] * (1 - transmission)) : source[place]
        }
      }
    }
    context.progress.report(phase: "haze", fraction: 1)
    return DegradedScene(
      scene: scene.replacingPixels(by: result),
      facts: [
        "kind": description.id, "strength": "\(strength)", "map": cirrus == nil ? "drawn" : "given",
        "clumps": "\(clumps)", "seed": "\(target.seed)", "sky": sky.map { "\($0)" }.joined(separator: ","),
      ])
  }

  /// λ₀ / λ_b of every band, λ₀ the shortest; 400 to 1000 nm in equal steps where wavelengths are missing or not positive.
  static func exponents(_ axis: SpectralAxis) -> [Double] {
    var wavelengths = axis.wavelengths ?? []
    if wavelengths.count != axis.count || !wavelengths.allSatisfy({ $0 > 0 && $0.isFinite }) {
      wavelengths = (0..<axis.count).map { 400 + 600 * Double($0) / Double(max(axis.count - 1, 1)) }
    }
    let shortest = wavelengths.min() ?? 1
    return wavelengths.map { shortest / $0 }
  }

  /// A smooth field in [0, 1]: four octaves of random lattices, each of half the weight of the one before, cubic in between.
  static func field(_ shape: CubeShape, clumps: Double, seed: UInt64) -> Cirrus {
    var sum = [Double](repeating: 0, count: shape.pixels)
    let longer = Double(max(shape.lines, shape.samples))
    for octave in 0..<4 {
      let cell = longer / (clumps * pow(2, Double(octave)))
      let weight = pow(0.5, Double(octave))
      let columns = Int(clamping: Double(shape.samples) / cell) + 2
      let lattice = (0..<(Int(clamping: Double(shape.lines) / cell) + 2)).map { line in
        var random = NoiseStream.haze.random(seed, band: octave, line: line)
        return (0..<columns).map { _ in random.uniform() }
      }
      for line in 0..<shape.lines {
        let y = (Double(line) + 0.5) / cell
        let (top, fy) = (Int(clamping: y), y - y.rounded(.down))
        let v = fy * fy * (3 - 2 * fy)
        for sample in 0..<shape.samples {
          let x = (Double(sample) + 0.5) / cell
          let (left, fx) = (Int(clamping: x), x - x.rounded(.down))
          let u = fx * fx * (3 - 2 * fx)
          let upper = (1 - u) * lattice[top][left] + u * lattice[top][left + 1]
          let lower = (1 - u) * lattice[top + 1][left] + u * lattice[top + 1][left + 1]
          sum[line * shape.samples + sample] += weight * ((1 - v) * upper + v * lower)
        }
      }
    }
    let (low, high) = (sum.min() ?? 0, sum.max() ?? 1)
    let scale = high > low ? 1 / (high - low) : 0
    return Cirrus(unchecked: shape.lines, shape.samples, sum.map { Float(($0 - low) * scale) })
  }
}

extension Haze.Cirrus {
  fileprivate init(unchecked lines: Int, _ samples: Int, _ values: [Float]) {
    (self.lines, self.samples, self.values) = (lines, samples, values)
  }

  /// The map on a grid over the same area, bilinear; row by row.
  func resized(lines newLines: Int, samples newSamples: Int) -> [Double] {
    func taps(_ count: Int, _ newCount: Int) -> [(low: Int, high: Int, share: Double)] {
      (0..<newCount).map { index in
        let place = max((Double(index) + 0.5) * Double(count) / Double(newCount) - 0.5, 0)
        let low = min(Int(place), count - 1)
        return (low, min(low + 1, count - 1), place - Double(low))
      }
    }
    let (vertical, horizontal) = (taps(lines, newLines), taps(samples, newSamples))
    var result: [Double] = []
    result.reserveCapacity(newLines * newSamples)
    for y in vertical {
      for x in horizontal {
        func line(_ index: Int) -> Double {
          (1 - x.share) * Double(values[index * samples + x.low]) + x.share * Double(values[index * samples + x.high])
        }
        result.append((1 - y.share) * line(y.low) + y.share * line(y.high))
      }
    }
    return result
  }
}

/// The light of the sky, from the brightest pixels of a scene.
enum SkyLight {
  /// Per band the mean of the brightest max(⌊N · share⌋, 1) finite values; 0 where a band has none.
  static func brightest(_ scene: Cube, share: Double) -> [Double] {
    let (bands, count) = (scene.shape.bands, scene.count)
    var result = [Double](repeating: 0, count: bands)
    result.withUnsafeMutableBufferPointer { result in
      let (result, pixels) = (result, scene.pixels.pointer)
      Parallel.forEach(bands) { band in
        var values = (0..<count).map { pixels[$0 * bands + band] }.filter(\.isFinite)
        guard !values.isEmpty else { return }
        let number = max(Int(clamping: Double(values.count) * share), 1)
        // What is before the rank is not larger than what is behind it.
        _ = select(&values, values.count - number)
        result[band] = values.suffix(number).reduce(0) { $0 + Double($1) } / Double(number)
      }
    }
    return result
  }
}
