import Foundation
import HSICore

/// What files call their lists of wavelengths, widths and bad bands, for every format of named arrays.
enum SpectralNames {
  private static let centres: Set<String> = [
    "wavelength", "wavelengths", "wavlength", "wavlengths", "wavelen", "wavelength nm", "wavelengths nm",
    "wavelength um", "wl", "wls",
    "wls nm", "lambda", "lambdas", "waves", "wave", "wvl", "wvls", "wavs", "centers", "centres", "band center",
    "band centers",
    "band centre", "band centres", "bandcenters", "bandcentres", "center wavelength", "center wavelengths",
    "central wavelength",
    "central wavelengths", "centre wavelength", "centre wavelengths", "wavelength 3d", "wavelength 2d",
    "radiation wavelength",
    "wavelengths 3d", "spectral wavelength", "wavelength axis", "wavelength centers", "wavelength centres", "cw",
    "list cw",
  ]
  private static let widths: Set<String> = [
    "fwhm", "full width half max", "bandwidth", "bandwidths", "band width", "band widths", "bandpass", "fwhms",
    "fwhm nm", "width",
  ]
  private static let flags: Set<String> = [
    "bbl", "good bands", "good band", "goodbands", "good wavelengths", "band mask", "bad band list", "good",
  ]
  private static let standard: Set<String> = [
    "radiation wavelength", "sensor band central radiation wavelength", "sensor band center radiation wavelength",
  ]

  /// The name in lower case, its words one blank apart.
  private static func plain(_ name: String) -> String {
    name.lowercased().split { "_- .".contains($0) }.joined(separator: " ")
  }

  /// Whether a list of this name holds band centres.
  static func isCentre(_ name: String) -> Bool { centres.contains(plain(name)) }
  /// Whether a list of this name may hold band centres: numbers must tell (`isPlausible`).
  static func mayBeCentre(_ name: String) -> Bool { ["bands", "band", "channels", "spectral"].contains(plain(name)) }
  /// Whether a list of this name holds widths.
  static func isWidth(_ name: String) -> Bool { widths.contains(plain(name)) }
  /// Whether a list of this name says which bands are good: 0 for bad ones.
  static func isFlag(_ name: String) -> Bool { flags.contains(plain(name)) }
  /// Whether a `standard_name` of the CF conventions is that of band centres.
  static func isStandard(_ name: String) -> Bool { standard.contains(plain(name)) }

  /// Whether numbers of a list of a doubtful name are wavelengths: rising or falling, and such as spectra have, not 1, 2, 3 …
  static func isPlausible(_ values: [Double]) -> Bool {
    guard values.count > 1, let least = values.min(), let most = values.max(), least > 0, most.isFinite else {
      return false
    }
    let isSteady =
      zip(values, values.dropFirst()).allSatisfy { $0 < $1 } || zip(values, values.dropFirst()).allSatisfy { $0 > $1 }
    let isCount = values.indices.allSatisfy { values[$0] == values[0] + Double($0) } && values[0] <= 1
    return isSteady && !isCount
      && (least >= 150 && most <= 30_000 || least >= 0.2 && most < 30 && values[1] - values[0] < 1)
  }
}

/// Which of several arrays of a file is the cube, where all but one cannot be.
enum CubeChoice {
  /// An array without its numbers.
  struct Candidate {
    /// Name or path.
    var name: String
    /// Extents of its axes.
    var dimensions: [Int]
    var type: SampleType?

    /// A picture of three or four channels of bytes.
    fileprivate var isPicture: Bool {
      isByte
        && (dimensions.last.map { $0 == 3 || $0 == 4 } ?? false || dimensions.first.map { $0 == 3 || $0 == 4 } ?? false)
    }
    fileprivate var isByte: Bool { type == .uint8 || type == .int8 }
    /// Uncertainties, flags and quality of a quantity.
    fileprivate var isCompanion: Bool {
      let words = name.lowercased().split { "/_. -".contains($0) }
      return words.contains {
        [
          "unc", "uncert", "uncertainty", "std", "stdev", "sigma", "err", "error", "errors", "flag", "flags", "mask",
          "quality", "qa",
        ].contains($0)
      }
    }
  }

  /// The index of the only candidate that can be the cube; nil where none or several can.
  ///
  /// In this order, until one remains: pictures of bytes go; bytes go where there are wider numbers (masks, flags); arrays whose
  /// names say that they accompany another go.
  static func only(_ candidates: [Candidate]) -> Int? {
    var left = Array(candidates.indices)
    func keep(_ isKept: (Candidate) -> Bool) {
      let rest = left.filter { isKept(candidates[$0]) }
      if !rest.isEmpty { left = rest }
    }
    if left.count > 1 { keep { !$0.isPicture } }
    if left.count > 1 { keep { !$0.isByte } }
    if left.count > 1 { keep { !$0.isCompanion } }
    return left.count == 1 ? left[0] : nil
  }
}
