import Foundation
import HSICore

/// Reflectance spectra drawn from formulas: a continuum of smooth steps, multiplied by Gaussian absorption features.
///
/// They resemble vegetation, soils, minerals, water and man-made surfaces enough to test methods on, but they are
/// not measurements; their names end in `-like` to say so.
public enum ParametricSpectra {
  /// The materials in the order in which a scene takes them.
  public static var names: [String] { materials.map(\.name) }

  /// `count` spectra on an axis with wavelengths, values 0…1.
  ///
  /// Beyond the number of materials further spectra are variants of them (`kaolinite-like 2`) whose continuum and
  /// features are shifted at random under `seed`.
  /// - Throws: `CoreError.invalidParameter` for a count below 1 or above 200, or an axis without wavelengths.
  public static func library(count: Int, axis: SpectralAxis, seed: UInt64 = 0) throws -> SpectralLibrary {
    guard (1...200).contains(count) else {
      throw CoreError.invalidParameter(name: "endmembers", value: "\(count)", requirement: "from 1 to 200")
    }
    guard let wavelengths = axis.wavelengths else {
      throw CoreError.invalidParameter(
        name: "axis", value: "without wavelengths", requirement: "one wavelength per band to make spectra on")
    }
    var names: [String] = []
    var values: [Double] = []
    for index in 0..<count {
      let (variant, place) = index.quotientAndRemainder(dividingBy: materials.count)
      var material = materials[place]
      if variant > 0 {
        material.vary(CounterRandom(seed: seed, stream: 1 << 60 + UInt64(index)))
        material.name += " \(variant + 1)"
      }
      names.append(material.name)
      values += wavelengths.map(material.reflectance)
    }
    return SpectralLibrary(names: names, axis: axis, values: values)
  }

  /// A smooth step (logistic) or an absorption feature (Gaussian): centre and width in nm, height or depth.
  private struct Term {
    var centre: Double
    var width: Double
    var size: Double

    init(_ centre: Double, _ width: Double, _ size: Double) {
      self.centre = centre
      self.width = width
      self.size = size
    }
  }

  private struct Material {
    var name: String
    var base: Double
    var steps: [Term]
    var features: [Term]

    func reflectance(_ wavelength: Double) -> Double {
      var value = base
      for step in steps { value += step.size / (1 + exp(-(wavelength - step.centre) / step.width)) }
      for feature in features {
        let distance = (wavelength - feature.centre) / feature.width
        value *= 1 - feature.size * exp(-0.5 * distance * distance)
      }
      return min(max(value, 0.002), 1)
    }

    mutating func vary(_ generator: CounterRandom) {
      var random = generator
      base *= random.uniform(0.7, 1.4)
      for i in steps.indices {
        steps[i].centre += random.uniform(-60, 60)
        steps[i].size *= random.uniform(0.7, 1.3)
      }
      for i in features.indices {
        features[i].centre += random.uniform(-45, 45)
        features[i].size = min(0.95, features[i].size * random.uniform(0.5, 1.5))
      }
    }
  }

  private static let materials: [Material] = [
    Material(
      name: "green-vegetation-like", base: 0.10,
      steps: [Term(718, 15, 0.42), Term(1350, 90, -0.12), Term(1850, 70, -0.16)],
      features: [
        Term(440, 45, 0.65), Term(490, 30, 0.45), Term(675, 30, 0.68), Term(970, 28, 0.06),
        Term(1200, 40, 0.12),
        Term(1450, 55, 0.55), Term(1940, 75, 0.72), Term(2500, 140, 0.45),
      ]),
    Material(
      name: "kaolinite-like", base: 0.20, steps: [Term(560, 110, 0.28), Term(1100, 300, 0.08)],
      features: [
        Term(1395, 14, 0.22), Term(1413, 11, 0.26), Term(1915, 35, 0.12), Term(2165, 15, 0.22),
        Term(2207, 16, 0.42),
        Term(2385, 25, 0.18), Term(2500, 60, 0.25),
      ]),
    Material(
      name: "iron-oxide-soil-like", base: 0.05,
      steps: [Term(575, 28, 0.17), Term(760, 60, 0.09), Term(1250, 200, 0.16)],
      features: [
        Term(490, 40, 0.35), Term(660, 35, 0.06), Term(875, 70, 0.24), Term(1415, 30, 0.10),
        Term(1920, 45, 0.20),
        Term(2205, 22, 0.10),
      ]),
    Material(
      name: "asphalt-like", base: 0.075, steps: [Term(650, 250, 0.05), Term(1600, 350, 0.045)],
      features: [Term(2310, 30, 0.06), Term(1730, 25, 0.03)]),
    Material(
      name: "dry-vegetation-like", base: 0.07,
      steps: [Term(600, 75, 0.22), Term(900, 120, 0.18), Term(1900, 120, -0.12)],
      features: [
        Term(1200, 40, 0.05), Term(1450, 55, 0.18), Term(1725, 25, 0.07), Term(1935, 55, 0.28),
        Term(2100, 55, 0.22),
        Term(2300, 40, 0.20),
      ]),
    Material(
      name: "calcite-like", base: 0.50, steps: [Term(450, 60, 0.28)],
      features: [
        Term(1875, 30, 0.08), Term(1995, 28, 0.13), Term(2155, 22, 0.07), Term(2338, 30, 0.46),
        Term(2535, 45, 0.6),
      ]),
    Material(
      name: "alunite-like", base: 0.34, steps: [Term(520, 90, 0.26), Term(2000, 300, -0.08)],
      features: [
        Term(1430, 22, 0.42), Term(1478, 20, 0.34), Term(1765, 22, 0.32), Term(2010, 30, 0.12),
        Term(2165, 34, 0.48),
        Term(2320, 22, 0.22), Term(2420, 35, 0.3),
      ]),
    Material(
      name: "concrete-like", base: 0.20, steps: [Term(480, 70, 0.14), Term(1000, 350, 0.08)],
      features: [Term(1410, 25, 0.06), Term(1935, 45, 0.18), Term(2205, 25, 0.05), Term(2335, 28, 0.10)]),
    Material(
      name: "gypsum-like", base: 0.62, steps: [Term(430, 50, 0.22), Term(1900, 150, -0.22)],
      features: [
        Term(1200, 20, 0.09), Term(1445, 22, 0.48), Term(1490, 16, 0.32), Term(1540, 16, 0.22),
        Term(1750, 18, 0.20),
        Term(1942, 26, 0.62), Term(2215, 28, 0.26), Term(2268, 20, 0.18), Term(2430, 60, 0.55),
      ]),
    Material(
      name: "water-like", base: 0.075, steps: [Term(590, 25, -0.030), Term(715, 22, -0.025)],
      features: [Term(400, 60, 0.25), Term(670, 18, 0.10)]),
    Material(
      name: "blue-paint-like", base: 0.09,
      steps: [Term(410, 14, 0.22), Term(545, 18, -0.20), Term(780, 30, 0.42)],
      features: [Term(620, 50, 0.35), Term(1690, 22, 0.16), Term(1730, 14, 0.18), Term(2310, 24, 0.28)]),
    Material(
      name: "muscovite-like", base: 0.18, steps: [Term(520, 80, 0.16), Term(1300, 250, 0.22)],
      features: [
        Term(870, 80, 0.08), Term(1412, 16, 0.20), Term(1910, 35, 0.08), Term(2198, 22, 0.40),
        Term(2350, 20, 0.22),
        Term(2440, 25, 0.20),
      ]),
  ]
}

extension SpectralAxis {
  /// An axis like that of AVIRIS: `bands` bands from 366 to 2496 nm in equal steps, 10 nm wide or as wide as the
  /// steps; bands in the water-vapour absorptions (1350–1430 and 1800–1960 nm) are flagged bad, as products do.
  public static func avirisLike(bands: Int = 224) -> SpectralAxis {
    let step = bands > 1 ? 2130 / Double(bands - 1) : 0
    let wavelengths = (0..<bands).map { (3660 + 10 * step * Double($0)).rounded() / 10 }
    let width = max(10, (step * 10).rounded() / 10)
    return SpectralAxis(
      wavelengths: wavelengths, fwhm: [Double](repeating: width, count: bands),
      good: wavelengths.map { !SpectralAxis.isInWaterVapour($0) })
  }

  /// True between 1350 and 1430 nm and between 1800 and 1960 nm, where the air lets hardly any light through.
  public static func isInWaterVapour(_ nanometres: Double) -> Bool {
    (1350...1430).contains(nanometres) || (1800...1960).contains(nanometres)
  }
}
