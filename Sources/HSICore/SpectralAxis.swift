/// Units in which files give wavelengths.
public enum WavelengthUnit: String, Sendable, Codable {
  case nanometres = "Nanometers"
  case micrometres = "Micrometers"
  case millimetres = "Millimeters"
  case metres = "Meters"
  case wavenumber = "Wavenumber"

  /// Wavelength in nanometres of a value in this unit (1/cm: 10⁷/x).
  public func nanometres(_ value: Double) -> Double {
    switch self {
    case .nanometres: value
    case .micrometres: value * 1e3
    case .millimetres: value * 1e6
    case .metres: value * 1e9
    case .wavenumber: 1e7 / value
    }
  }

  /// The value in this unit of a wavelength in nanometres.
  public func value(nanometres: Double) -> Double {
    switch self {
    case .nanometres: nanometres
    case .micrometres: nanometres / 1e3
    case .millimetres: nanometres / 1e6
    case .metres: nanometres / 1e9
    case .wavenumber: 1e7 / nanometres
    }
  }
}

/// The spectral axis of a cube or library: centre and width of every band, and which bands are usable.
///
/// Wavelengths are nanometres and stay in file order, which need not be monotonic (two detectors, descending
/// products). `unit` remembers how the file wrote them.
public struct SpectralAxis: Hashable, Sendable, Codable {
  /// Number of bands.
  public let count: Int
  /// Band centres in nm, or nil where the file does not tell.
  public var wavelengths: [Double]?
  /// Full widths at half maximum in nm, if known.
  public var fwhm: [Double]?
  /// One flag per band: false for bands listed as bad.
  public var good: [Bool]
  /// The unit of the file, for writing back.
  public var unit: WavelengthUnit

  /// An axis of `count` bands without wavelengths, all good.
  public init(count: Int) {
    self.count = count
    self.good = [Bool](repeating: true, count: count)
    self.unit = .nanometres
  }

  /// An axis with band centres (and widths) in nm.
  public init(wavelengths: [Double], fwhm: [Double]? = nil, good: [Bool]? = nil, unit: WavelengthUnit = .nanometres) {
    precondition(fwhm.map { $0.count == wavelengths.count } ?? true, "one width per band")
    precondition(good.map { $0.count == wavelengths.count } ?? true, "one flag per band")
    self.count = wavelengths.count
    self.wavelengths = wavelengths
    self.fwhm = fwhm
    self.good = good ?? [Bool](repeating: true, count: wavelengths.count)
    self.unit = unit
  }

  /// The indices of the good bands, ascending.
  public var goodBands: [Int] { good.indices.filter { good[$0] } }

  /// The axis restricted to `bands`, in that order.
  public func selecting(_ bands: [Int]) -> SpectralAxis {
    var axis = SpectralAxis(count: bands.count)
    axis.wavelengths = wavelengths.map { all in bands.map { all[$0] } }
    axis.fwhm = fwhm.map { all in bands.map { all[$0] } }
    axis.good = bands.map { good[$0] }
    axis.unit = unit
    return axis
  }

  /// The good band whose centre is nearest to `nanometres`; nil without wavelengths or good bands.
  public func nearestGoodBand(to nanometres: Double) -> Int? {
    guard let wavelengths else { return nil }
    return goodBands.min { abs(wavelengths[$0] - nanometres) < abs(wavelengths[$1] - nanometres) }
  }

  /// Indices of the bands in order of ascending wavelength (file order without wavelengths).
  public var ascending: [Int] {
    guard let wavelengths else { return Array(0..<count) }
    return (0..<count).sorted { (wavelengths[$0], $0) < (wavelengths[$1], $1) }
  }
}
