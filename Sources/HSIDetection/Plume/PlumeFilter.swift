import CKernels
import Foundation
import HSICore
import HSINumerics

/// Matched filter for plumes of a gas: the column enhancement of every pixel in the units of the absorption (mostly ppm·m), with its
/// uncertainty.
///
/// A pixel x under an enhancement α of a gas of absorption k is, to first order, x₀ − α x₀∘k; the background stands for x₀. With its mean μ
/// and covariance C over a group of pixels, t = −μ∘k and the brightness r = xᵀμ / μᵀμ,
///
///     α = tᵀ C⁻¹ (x − μ) / (r tᵀ C⁻¹ t),   σ = 1 / (r sqrt(tᵀ C⁻¹ t)).
///
/// Plumes are rare and add: `iterations` rounds take what was found out of the background, α r t, learn μ, C and t anew, and solve
///
///     α = max(0, (tᵀ C⁻¹ (x − μ) − w) / (r tᵀ C⁻¹ t)),   w = 1 / (r (α + ε))
///
/// which weighs small enhancements down (reweighted ℓ1). A group is the scene, or with `byColumn` every column of a push-broom detector,
/// whose pixels share its faults. With `isLogarithmic` all is done on ln x: t = −k, r = 1, which holds for strong plumes too.
/// Sources: Thompson et al., Atmos. Meas. Tech. 8, 2015 (columns); Foote et al., IEEE TGRS 58(9), 2020 (sparsity, brightness); Pei et al.,
/// Remote Sens. Environ. 290, 2023 (logarithm). Cost N L² per round.
///
/// ```swift
/// var filter = PlumeFilter(absorption: methane)     // one value per band of the source, above 0 where the gas absorbs
/// filter.byColumn = true
/// try filter.detect(in: source, RunContext()) { strip in … strip[.detection] … }
/// ```
public struct PlumeFilter: Detector {
  public let bands = [DetectionBand("enhancement"), DetectionBand("uncertainty", isScore: false)]
  public var facts: [String: Double] { [:] }
  /// What users and documents are told.
  public static let description = MethodDescription(
    id: "plume", name: "Matched filter for plumes", task: .target,
    citation: "Foote et al., IEEE TGRS 58(9), 2020; Thompson et al., Atmos. Meas. Tech. 8, 2015",
    cost: "N L² per round", advice: "Column enhancements of a gas from its absorption.",
    parameters: [
      ParameterDescription(
        "iterations", 30, in: 0...1000, "Rounds of the sparse solution; 0 for the plain matched filter."),
      ParameterDescription("epsilon", 1e-9, in: 1e-12...1e6, "ε, in units of enhancement, that keeps weights finite."),
      BackgroundParameters.shrinkage,
    ])

  /// Absorption per unit of enhancement, one value per band of the source.
  public let absorption: [Double]
  /// Whether every column is a group of its own.
  public var byColumn = false
  /// Whether radiance enters as its logarithm.
  public var isLogarithmic = false
  /// Rounds of the sparse solution.
  public var iterations = 30
  /// ε.
  public var epsilon = 1e-9
  /// Share of independent bands in the covariance; nil for the most likely one.
  public var shrinkage: Double?

  /// A filter for a gas.
  ///
  /// - Parameter absorption: above 0 where the gas absorbs.
  public init(absorption: [Double]) { self.absorption = absorption }

  /// Sets what `hsi detect --set` says.
  public mutating func set(_ parameters: MethodParameters) {
    iterations = Int(clamping: parameters.value("iterations"))
    epsilon = parameters.value("epsilon")
    shrinkage = parameters["shrinkage"]
  }

  /// Delivers `ProductName.detection` (pixels × 2: α and σ) for all valid pixels, strip by strip.
  ///
  /// Holds the pixels of a group; columns are done as many at a time as the budget allows, each lot with a reading of the scene.
  /// Pixels that cannot be told about (no brightness, or not above 0 for the logarithm) get NaN.
  ///
  /// - Throws: `DetectionError.tooFewPixels` where a group has fewer than three pixels, `.noVariation`; the errors of reading;
  ///   `CoreError.memory`, `.cancelled`.
  public func detect(
    in source: any StripSource, _ context: RunContext, deliver: (ProductStrip) throws -> Void
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    BLAS.prepare()
    let shape = source.shape
    precondition(absorption.count == shape.bands, "absorption on \(absorption.count) bands for \(shape.bands)")
    let perPixel = shape.bands * 8 + 24
    let results = Int.product(shape.pixels, 8)
    let group = Int.product(shape.lines, byColumn ? 1 : shape.samples, perPixel)
    let room = context.memory.bytes - results
    guard group <= room else {
      throw CoreError.memory(
        purpose: byColumn ? "a column of \(shape.lines) lines" : "all pixels of the scene (columns take less)",
        needed: Int.sum(results, group), budget: context.memory.bytes)
    }
    // α and σ of all places of the image.
    var all = [Float](repeating: .nan, count: 2 * shape.pixels)
    let width = byColumn ? max(1, min(shape.samples, room / max(group, 1))) : shape.samples
    for first in stride(from: 0, to: shape.samples, by: width) {
      let columns = first..<min(first + width, shape.samples)
      let share = (Double(columns.lowerBound) / Double(shape.samples), Double(columns.count) / Double(shape.samples))
      context.progress.report(phase: "plume", fraction: share.0)
      try solve(columns, of: source, share, &all, context)
    }
    context.progress.report(phase: "plume", fraction: 1)
    let values = PixelMatrix(rows: 0, columns: 2)
    try source.forEachStrip(context, label: "writing", extraBytesPerPixel: 8) { strip in
      values.reshape(rows: strip.count, columns: 2)
      let base = strip.window.line * shape.samples
      for n in 0..<strip.count {
        let place = 2 * (base + Int(strip.positions[n]))
        (values[n, 0], values[n, 1]) = (all[place], all[place + 1])
      }
      var result = ProductStrip(window: strip.window, positions: strip.positions)
      result[.detection] = values
      try deliver(result)
    }
  }

  /// Solves the groups of some columns.
  private func solve(
    _ columns: Range<Int>, of source: any StripSource, _ share: (Double, Double), _ all: inout [Float],
    _ context: RunContext
  ) throws {
    let (samples, bands) = (source.shape.samples, source.shape.bands)
    let count = byColumn ? columns.count : 1
    var groups = (0..<count).map { _ in Group(bands: bands) }
    try source.forEachStrip(context, label: "reading") { strip in
      let base = strip.window.line * samples
      for n in 0..<strip.count {
        let place = base + Int(strip.positions[n])
        let sample = place % samples
        guard columns.contains(sample) else { continue }
        groups[byColumn ? sample - columns.lowerBound : 0].add(
          strip.pixels.pointer + n * bands, at: place, isLogarithmic: isLogarithmic)
      }
    }
    let failures = groups.filter { !$0.places.isEmpty && $0.places.count < 3 }
    if let few = failures.first {
      throw DetectionError.tooFewPixels(
        valid: few.places.count, needed: 3, purpose: byColumn ? "the background of a column" : "a background")
    }
    let solved = groups
    var results = [[Float]](repeating: [], count: solved.count)
    try results.withUnsafeMutableBufferPointer { results in
      let out = results.baseAddress!
      try Parallel.tryForEach(solved.count) { index in
        guard !context.cancellation.isCancelled, !solved[index].places.isEmpty else { return }
        out[index] = try solved[index].solve(self)
      }
    }
    try context.checkCancellation()
    for (group, values) in zip(groups, results) where !values.isEmpty {
      for (n, place) in group.places.enumerated() {
        (all[2 * place], all[2 * place + 1]) = (values[2 * n], values[2 * n + 1])
      }
    }
  }

  /// The pixels of one background.
  private struct Group {
    let bands: Int
    var places: [Int] = []
    var pixels: [Float] = []

    init(bands: Int) { self.bands = bands }

    mutating func add(_ pixel: UnsafePointer<Float>, at place: Int, isLogarithmic: Bool) {
      let values = UnsafeBufferPointer(start: pixel, count: bands)
      if isLogarithmic {
        guard values.allSatisfy({ $0 > 0 }) else { return }
        for value in values { pixels.append(log(value)) }
      } else {
        pixels.append(contentsOf: values)
      }
      places.append(place)
    }

    /// α and σ of every pixel.
    func solve(_ filter: PlumeFilter) throws -> [Float] {
      let count = places.count
      var background = try statistics([], filter, nil)
      var target = filter.target(background.mean)
      // Brightness relative to the plain mean.
      let level = background.mean.reduce(0) { $0 + $1 * $1 }
      let brightness = (0..<count).map { n -> Double in
        guard !filter.isLogarithmic else { return 1 }
        var sum = 0.0
        for b in 0..<bands { sum += Double(pixels[n * bands + b]) * background.mean[b] }
        return level > 0 ? sum / level : 0
      }
      var amounts = [Double](repeating: 0, count: count)
      var energy = 0.0
      for round in 0...filter.iterations {
        if round > 0 {
          background = try statistics(zip(amounts, brightness).map { $0 * $1 }, filter, target)
          target = filter.target(background.mean)
        }
        let weights = background.inverse(target, isCentred: false)
        energy = zip(weights, target).reduce(0) { $0 + $1.0 * $1.1 }
        guard energy > 0, energy.isFinite else { throw DetectionError.noVariation }
        var offset = 0.0
        for b in 0..<bands { offset += background.mean[b] * weights[b] }
        for n in 0..<count where brightness[n] > 0 {
          var product = -offset
          for b in 0..<bands { product += Double(pixels[n * bands + b]) * weights[b] }
          if round == 0 {
            amounts[n] = product / (brightness[n] * energy)
          } else {
            let weight = 1 / (brightness[n] * (amounts[n] + filter.epsilon))
            amounts[n] = max(0, (product - weight) / (brightness[n] * energy))
          }
        }
        if round == 0, filter.iterations > 0 { for n in 0..<count { amounts[n] = max(0, amounts[n]) } }
      }
      return (0..<count).flatMap { n -> [Float] in
        guard brightness[n] > 0 else { return [.nan, .nan] }
        return [Float(amounts[n]), Float(1 / (brightness[n] * energy.squareRoot()))]
      }
    }

    /// Mean and covariance of the pixels, `parts[n] · target` taken off each.
    private func statistics(_ parts: [Double], _ filter: PlumeFilter, _ target: [Double]?) throws -> Background {
      let accumulator = StatisticsAccumulator(bands: bands, precision: .double)
      guard let target else {
        accumulator.add(pixels, count: places.count)
        return try Background(accumulator.finish(), shrinkage: filter.shrinkage)
      }
      let cleaned = PixelMatrix(rows: min(places.count, 1024), columns: bands)
      for first in stride(from: 0, to: places.count, by: 1024) {
        let rows = min(1024, places.count - first)
        for n in 0..<rows {
          let part = parts[first + n]
          for b in 0..<bands {
            cleaned[n, b] = Float(Double(pixels[(first + n) * bands + b]) - part * target[b])
          }
        }
        accumulator.add(cleaned.pointer, count: rows)
      }
      return try Background(accumulator.finish(), shrinkage: filter.shrinkage)
    }
  }

  /// t.
  private func target(_ mean: [Double]) -> [Double] {
    isLogarithmic ? absorption.map { -$0 } : zip(mean, absorption).map { -$0 * $1 }
  }
}
