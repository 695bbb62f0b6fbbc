import Foundation
import HSICore

/// Bringing a spectral library to the bands of a scene.
public enum SpectralResampling {
  /// A library on the scene's bands.
  public struct Result: Sendable {
    /// Spectra × scene bands; NaN where a spectrum does not cover a band.
    public var library: SpectralLibrary
    /// Per scene band: whether every spectrum has a value there.
    public var covered: [Bool]
  }

  /// Resamples every spectrum of `library` to the bands of `scene`.
  ///
  /// Scene band b with centre c and full width F (half maximum; the distance of its neighbours' centres divided by
  /// two where the scene has none) weighs the library's samples at λᵢ of width fᵢ by a Gaussian of width
  /// √(max(F² − fᵢ², 0)), times the spacing Δᵢ of the library there:
  /// `wᵢ = Δᵢ exp(−4 ln 2 (λᵢ − c)² / W²)`, `value = Σ wᵢ xᵢ / Σ wᵢ`.
  /// Where that Gaussian is narrower than the library's spacing, the value is interpolated linearly. A band is covered
  /// by a spectrum that has values on both sides of the centre (or at it), neither farther away than
  /// max(F, two spacings). Identical axes (centres within 1 % of the width) copy the values.
  /// Cost: spectra × scene bands × library bands under the Gaussian.
  ///
  /// - Throws: `SpectralError.inconsistent` when one of the axes has no wavelengths (and the counts differ), or when no
  ///   spectrum covers any band. Without wavelengths on either side equal counts are taken as equal bands.
  public static func resample(_ library: SpectralLibrary, to scene: SpectralAxis, named name: String = "library")
    throws
    -> Result
  {
    guard let target = scene.wavelengths, let source = library.axis.wavelengths else {
      guard library.bands == scene.count else {
        throw SpectralError.inconsistent(
          name: name,
          reason: "the library has \(library.bands) bands and the scene \(scene.count), and "
            + (library.axis.wavelengths == nil ? "the library" : "the scene") + " has no wavelengths",
          advice: library.axis.wavelengths == nil
            ? "use a library file that holds wavelengths" : "give those of the scene with \(option: "wavelengths")")
      }
      var result = library
      result.axis = scene
      return Result(library: result, covered: coverage(result))
    }
    let widths = scene.fwhm ?? spacings(target)
    let isSame =
      library.bands == scene.count
      && target.indices.allSatisfy { abs(target[$0] - source[$0]) <= 0.01 * max(widths[$0], 0.1) }
    if isSame {
      var result = library
      result.axis = scene
      return Result(library: result, covered: coverage(result))
    }

    let order = library.axis.ascending.filter { source[$0] > 0 && source[$0].isFinite }
    guard !order.isEmpty else {
      throw SpectralError.inconsistent(
        name: name, reason: "the library has no usable wavelengths",
        advice: "check its first column or header")
    }
    let axis = order.map { source[$0] }
    let spacing = spacings(axis)
    let ownWidths = library.axis.fwhm.map { all in order.map { all[$0] } }
    var values = [Double](repeating: .nan, count: library.count * scene.count)
    for index in 0..<library.count {
      let spectrum = library[index]
      let all = order.map { spectrum[spectrum.startIndex + $0] }
      let kept = all.indices.filter { all[$0].isFinite }
      guard !kept.isEmpty else { continue }
      let samples = Samples(
        wavelengths: kept.map { axis[$0] }, spacings: kept.map { spacing[$0] },
        widths: kept.map { ownWidths?[$0] ?? 0 },
        values: kept.map { all[$0] })
      for band in 0..<scene.count where target[band] > 0 && target[band].isFinite {
        values[index * scene.count + band] = samples.value(at: target[band], width: max(widths[band], 0))
      }
    }
    guard values.contains(where: { !$0.isNaN }) else {
      throw SpectralError.inconsistent(
        name: name,
        reason:
          "the library (\(range(axis)) nm) and the scene (\(range(target.filter { $0 > 0 })) nm) do not overlap",
        advice: "check the units of both wavelength axes")
    }
    let result = SpectralLibrary(names: library.names, axis: scene, values: values, pixels: nil)
    return Result(library: result, covered: coverage(result))
  }

  /// The indices of spectra that are at least `degrees` apart from every spectrum kept before them (in file order).
  ///
  /// Angle: `arccos(⟨x, y⟩ / (‖x‖ ‖y‖))` over the bands that both have. Spectra without length are dropped.
  public static func prune(_ library: SpectralLibrary, minimumAngle degrees: Double) -> [Int] {
    var kept: [Int] = []
    for index in 0..<library.count {
      let isUsable = library[index].contains { $0.isFinite && $0 != 0 }
      let isApart =
        isUsable && kept.allSatisfy { SpectralDistance.angle(library[$0], library[index]) * 180 / .pi >= degrees }
      if isApart { kept.append(index) }
    }
    return kept
  }

  private static func coverage(_ library: SpectralLibrary) -> [Bool] {
    (0..<library.bands).map { band in
      (0..<library.count).allSatisfy { library.values[$0 * library.bands + band].isFinite }
    }
  }

  private static func range(_ values: [Double]) -> String {
    guard let low = values.min(), let high = values.max() else { return "none" }
    return "\(PlainNumber.rounded(low))–\(PlainNumber.rounded(high))"
  }

  /// Half the distance between the neighbours of each value on a sorted copy; 1 for a single value.
  public static func spacings(_ values: [Double]) -> [Double] {
    let order = values.indices.sorted { (values[$0], $0) < (values[$1], $1) }
    var result = [Double](repeating: 1, count: values.count)
    guard order.count > 1 else { return result }
    for (place, index) in order.enumerated() {
      let low = values[order[max(place - 1, 0)]]
      let high = values[order[min(place + 1, order.count - 1)]]
      let steps = Double(min(place + 1, order.count - 1) - max(place - 1, 0))
      result[index] = max((high - low) / steps, 1e-6)
    }
    return result
  }

  /// The finite samples of one spectrum, ascending.
  private struct Samples {
    let wavelengths: [Double]
    let spacings: [Double]
    let widths: [Double]
    let values: [Double]

    func value(at centre: Double, width: Double) -> Double {
      let above = lowerBound(centre)
      guard above < wavelengths.count else { return .nan }
      if wavelengths[above] > centre && above == 0 { return .nan }
      let below = wavelengths[above] > centre ? above - 1 : above
      let spacing = max(spacings[below], spacings[above])
      let reach = max(width, 2 * spacing)
      guard centre - wavelengths[below] <= reach, wavelengths[above] - centre <= reach else { return .nan }
      let own = max(widths[below], widths[above])
      let kernel = max(width * width - own * own, 0).squareRoot()
      guard kernel > spacing else { return interpolated(centre, below, above) }
      // The Gaussian is negligible beyond 1.5 full widths (2⁻⁹ of its height).
      let low = lowerBound(centre - 1.5 * kernel)
      var (total, weights) = (0.0, 0.0)
      var index = low
      while index < wavelengths.count, wavelengths[index] <= centre + 1.5 * kernel {
        let distance = (wavelengths[index] - centre) / kernel
        let weight = spacings[index] * exp2(-4 * distance * distance)
        total += weight * values[index]
        weights += weight
        index += 1
      }
      return weights > 0 ? total / weights : interpolated(centre, below, above)
    }

    private func interpolated(_ centre: Double, _ below: Int, _ above: Int) -> Double {
      let gap = wavelengths[above] - wavelengths[below]
      guard gap > 0 else { return values[below] }
      let share = (centre - wavelengths[below]) / gap
      return values[below] + share * (values[above] - values[below])
    }

    private func lowerBound(_ wavelength: Double) -> Int {
      var (low, high) = (0, wavelengths.count)
      while low < high {
        let middle = (low + high) / 2
        if wavelengths[middle] < wavelength { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }
}
