import Foundation

/// Where a fact about a cube comes from.
public enum FactSource: String, Sendable, Codable {
  /// The native header of the format.
  case header = "hdr"
  /// GDAL's view of the file.
  case gdal = "gdal-domain"
  /// A product's XML or attribute tree.
  case product = "xml"
  /// A sidecar file such as a STAC item.
  case sidecar
  /// An option of the user.
  case user
  /// A guess that was logged.
  case inferred
}

/// What the numbers of a cube mean.
public enum Quantity: String, Sendable, Codable, CaseIterable {
  case reflectance, radiance, dn, abundance, `class`, probability, score, unknown
}

/// A point whose pixel and map coordinates are both known.
public struct GroundControlPoint: Hashable, Sendable, Codable {
  /// Identifier in the file.
  public var id: String
  /// Pixel coordinate along a line, 0.5 is the centre of the first pixel.
  public var sample: Double
  /// Pixel coordinate across lines.
  public var line: Double
  /// Map coordinates in the units of the reference system.
  public var x: Double
  public var y: Double
  public var z: Double

  /// A tie between pixel and map.
  public init(id: String, sample: Double, line: Double, x: Double, y: Double, z: Double = 0) {
    self.id = id
    self.sample = sample
    self.line = line
    self.x = x
    self.y = y
    self.z = z
  }
}

/// The one primary georeference of a cube.
public struct Georeference: Hashable, Sendable, Codable {
  /// How pixels map to coordinates.
  public enum Mapping: Hashable, Sendable, Codable {
    /// GDAL's six numbers: `x = t₀ + t₁·sample + t₂·line`, `y = t₃ + t₄·sample + t₅·line`.
    case affine([Double])
    /// Tie points.
    case groundControlPoints([GroundControlPoint])
    /// Longitude and latitude arrays of a swath: paths or sub-dataset names of the two arrays.
    case geolocation(longitude: String, latitude: String)
  }

  /// Coordinate reference system as WKT; nil when unknown.
  public var crs: String?
  /// How pixels map to coordinates.
  public var mapping: Mapping

  /// A reference system and a mapping.
  public init(crs: String?, mapping: Mapping) {
    self.crs = crs
    self.mapping = mapping
  }

  /// The georeference of a window of the image: affine terms and tie points shifted to its first pixel.
  public func shifted(to window: PixelWindow) -> Georeference {
    var result = self
    switch mapping {
    case .affine(let t):
      var s = t
      let (dx, dy) = (Double(window.sample), Double(window.line))
      s[0] += t[1] * dx + t[2] * dy
      s[3] += t[4] * dx + t[5] * dy
      result.mapping = .affine(s)
    case .groundControlPoints(let points):
      result.mapping = .groundControlPoints(
        points.map {
          var p = $0
          p.sample -= Double(window.sample)
          p.line -= Double(window.line)
          return p
        })
    case .geolocation: break
    }
    return result
  }

  /// The georeference of the same area on a grid with `factor` times as many lines and samples, its first pixel beginning at the
  /// same corner: affine terms per pixel are divided, tie points multiplied. Nil where longitude and latitude are arrays, one entry
  /// per pixel of the old grid.
  public func rescaled(by factor: Double) -> Georeference? {
    precondition(factor > 0 && factor.isFinite, "a factor of \(factor)")
    guard factor != 1 else { return self }
    var result = self
    switch mapping {
    case .affine(let t):
      result.mapping = .affine([t[0], t[1] / factor, t[2] / factor, t[3], t[4] / factor, t[5] / factor])
    case .groundControlPoints(let points):
      result.mapping = .groundControlPoints(
        points.map {
          var point = $0
          point.sample *= factor
          point.line *= factor
          return point
        })
    case .geolocation: return nil
    }
    return result
  }

  /// Map coordinates of the centre of a pixel, or nil without an affine mapping.
  public func coordinates(line: Int, sample: Int) -> (x: Double, y: Double)? {
    guard case .affine(let t) = mapping else { return nil }
    let (p, q) = (Double(sample) + 0.5, Double(line) + 0.5)
    return (t[0] + t[1] * p + t[2] * q, t[3] + t[4] * p + t[5] * q)
  }
}

/// One entry of a header carried along verbatim, in file order.
public struct HeaderField: Hashable, Sendable, Codable {
  public var key: String
  public var value: String

  /// A header entry.
  public init(_ key: String, _ value: String) {
    self.key = key
    self.value = value
  }
}

/// A class of a classification map.
public struct ClassEntry: Hashable, Sendable, Codable {
  public var name: String
  /// Red, green, blue, 0…255.
  public var colour: [UInt8]

  /// A named, coloured class; its value in the map is its index.
  public init(name: String, colour: [UInt8]) {
    self.name = name
    self.colour = colour
  }

  /// Whether a name says that a pixel has no class: `Unclassified`, `background`, `unlabelled` …
  public static func isBackground(_ name: String) -> Bool {
    let word = name.lowercased().filter(\.isLetter)
    return ["unclassified", "unlabeled", "unlabelled", "background", "undefined", "none", "nodata", "unknown", "void"]
      .contains(word)
  }
}

/// Everything about a cube that is not a pixel: one value that travels beside the pixels.
///
/// Per-band arrays have one entry per band. `physical = stored · scale + offset`.
public struct CubeMetadata: Sendable, Codable {
  /// Wavelengths, widths and the bad-band list.
  public var axis: SpectralAxis
  /// Band names, empty where the file has none.
  public var bandNames: [String]
  /// Stored value that means "no data", per band. NaN and ±Inf are invalid in any case.
  public var nodata: [Double?]
  /// Factor from stored to physical values, per band.
  public var scale: [Double]
  /// Offset from stored to physical values, per band.
  public var offset: [Double]
  /// What the numbers mean.
  public var quantity: Quantity
  /// Position on Earth, if known.
  public var georeference: Georeference?
  /// Acquisition time, ISO 8601.
  public var acquired: String?
  /// Instrument.
  public var sensor: String?
  /// Red, green and blue as 0-based band indices, when the file names them.
  public var defaultRGB: [Int]?
  /// Free text.
  public var summary: String?
  /// Classes of a classification map (index = value).
  public var classes: [ClassEntry]?
  /// Header entries that no field above holds, kept in order for writing back.
  public var extra: [HeaderField]
  /// Where each fact comes from, by field name (`wavelengths`, `nodata`, `scale` …).
  public var sources: [String: FactSource]

  /// Metadata of a cube of `bands` bands about which nothing is known.
  public init(bands: Int) {
    axis = SpectralAxis(count: bands)
    bandNames = []
    nodata = [Double?](repeating: nil, count: bands)
    scale = [Double](repeating: 1, count: bands)
    offset = [Double](repeating: 0, count: bands)
    quantity = .unknown
    extra = []
    sources = [:]
  }

  /// Number of bands.
  public var bands: Int { axis.count }

  /// The metadata of selected bands, in that order: keeps the spatial axis, restricts the spectral one.
  public func selecting(bands selection: [Int]) -> CubeMetadata {
    var result = self
    result.axis = axis.selecting(selection)
    result.bandNames = bandNames.isEmpty ? [] : selection.map { bandNames[$0] }
    result.nodata = selection.map { nodata[$0] }
    result.scale = selection.map { scale[$0] }
    result.offset = selection.map { offset[$0] }
    result.defaultRGB = defaultRGB.flatMap { rgb in
      let mapped = rgb.compactMap { selection.firstIndex(of: $0) }
      return mapped.count == rgb.count ? mapped : nil
    }
    return result
  }

  /// The metadata of a window: georeference shifted, everything else kept.
  public func cropping(to window: PixelWindow) -> CubeMetadata {
    var result = self
    result.georeference = georeference?.shifted(to: window)
    return result
  }

  /// The metadata of the same area on a grid with `factor` times as many lines and samples (below 1: fewer, larger pixels).
  ///
  /// The georeference is rescaled; one by arrays of longitude and latitude is dropped, because the arrays belong to the old grid
  /// (`Georeference.rescaled`). Header entries that count pixels of the old grid (`sizeFields`) are dropped too: what follows from
  /// the georeference is written anew, and nothing else may contradict the image.
  public func rescaled(by factor: Double) -> CubeMetadata {
    var result = self
    result.georeference = georeference?.rescaled(by: factor)
    guard factor != 1 else { return result }
    result.extra = extra.filter { field in
      let key = field.key.lowercased().replacing("_", with: " ").trimmingCharacters(in: .whitespaces)
      return !CubeMetadata.sizeFields.contains(key)
    }
    return result
  }

  /// Entries of ENVI headers that are about pixels of one grid, in small letters.
  static let sizeFields: Set<String> = [
    "x start", "y start", "geo points", "pixel size", "rpc info", "sensor pixel size", "cell size", "xllcorner",
    "yllcorner",
    "igm file name", "glt file name", "samples", "lines", "mask band", "sub image info",
  ]

  /// The metadata of a product on the same pixels but with another third axis: keeps georeference, time and
  /// sensor; drops wavelengths, band names, nodata, scale and classes.
  public func replacingBands(names: [String], quantity: Quantity) -> CubeMetadata {
    var result = CubeMetadata(bands: names.count)
    result.bandNames = names
    result.quantity = quantity
    result.georeference = georeference
    result.acquired = acquired
    result.sensor = sensor
    return result
  }
}
