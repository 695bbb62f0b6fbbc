import HSICore

/// A fact about an input with the place it was learnt from.
public struct Fact: Codable, Sendable {
  /// Number, text, truth value or list.
  public enum Value: Codable, Sendable, Equatable {
    case number(Double)
    case text(String)
    case flag(Bool)
    case numbers([Double])

    public init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let value = try? container.decode(Bool.self) {
        self = .flag(value)
      } else if let value = try? container.decode(Double.self) {
        self = .number(value)
      } else if let value = try? container.decode([Double].self) {
        self = .numbers(value)
      } else {
        self = .text(try container.decode(String.self))
      }
    }

    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .number(let value): try container.encode(value)
      case .text(let value): try container.encode(value)
      case .flag(let value): try container.encode(value)
      case .numbers(let value): try container.encode(value)
      }
    }
  }

  /// What is known.
  public var value: Value
  /// How it is known.
  public var source: FactSource

  /// A fact and its source.
  public init(_ value: Value, _ source: FactSource) {
    self.value = value
    self.source = source
  }
}

/// The scene that a report is about.
public struct ReportScene: Codable, Sendable {
  /// Path as given.
  public var path: String
  /// Format of the file, e.g. `ENVI`.
  public var format: String
  /// Lines of the processed region.
  public var lines: Int
  /// Samples of the processed region.
  public var samples: Int
  /// Bands of the file.
  public var bands: Int
  /// Bands that entered the work.
  public var usedBands: Int
  /// Pixels that are not nodata.
  public var validPixels: Int
  /// First line and sample of the region in the file, and its size.
  public var window: PixelWindow?
  /// Facts with their sources, by name (`wavelengths_nm` as first and last, `sensor`, `crs` …).
  public var facts: [String: Fact]

  /// A scene; `facts` are taken from its metadata.
  ///
  /// - Parameters:
  ///   - shape: lines and samples of the processed region, bands of the file.
  ///   - metadata: all bands of the file.
  public init(
    path: String, format: String, shape: CubeShape, usedBands: Int, validPixels: Int,
    metadata: CubeMetadata,
    window: PixelWindow? = nil
  ) {
    self.path = Secrets.masked(path)
    self.format = format
    lines = shape.lines
    samples = shape.samples
    bands = shape.bands
    self.usedBands = usedBands
    self.validPixels = validPixels
    self.window = window
    facts = ReportScene.facts(metadata)
  }
}

/// Coordinates in the reference system of the scene.
public struct ReportMapPosition: Codable, Sendable {
  public var x: Double
  public var y: Double

  /// A position.
  public init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }
}

/// A file that was written.
public struct ReportOutput: Codable, Sendable {
  public var path: String
  /// What it holds: `abundances`, `restored cube`, `rmse`, `quicklook` …
  public var content: String

  /// A written file.
  public init(path: String, content: String) {
    self.path = path
    self.content = content
  }
}

extension ReportScene {
  static func facts(_ metadata: CubeMetadata) -> [String: Fact] {
    var facts: [String: Fact] = [:]
    func add(_ name: String, _ key: String? = nil, _ value: Fact.Value?) {
      guard let value else { return }
      facts[name] = Fact(value, metadata.sources[key ?? name] ?? .header)
    }
    if let wavelengths = metadata.axis.wavelengths, let first = wavelengths.min(),
      let last = wavelengths.max()
    {
      add("wavelengths_nm", "wavelengths", .numbers([first, last]))
    }
    if let fwhm = metadata.axis.fwhm, let low = fwhm.min(), let high = fwhm.max() {
      add("fwhm_nm", "fwhm", .numbers([low, high]))
    }
    add("good_bands", "goodBands", .number(Double(metadata.axis.goodBands.count)))
    if let nodata = metadata.nodata.first ?? nil { add("nodata", nil, .number(nodata)) }
    if let scale = metadata.scale.first, scale != 1 { add("scale", nil, .number(scale)) }
    if let offset = metadata.offset.first, offset != 0 { add("offset", nil, .number(offset)) }
    if metadata.quantity != .unknown { add("quantity", nil, .text(metadata.quantity.rawValue)) }
    add("sensor", nil, metadata.sensor.map { .text($0) })
    add("acquired", nil, metadata.acquired.map { .text($0) })
    add("description", "summary", metadata.summary.map { .text($0) })
    if let georeference = metadata.georeference {
      add("crs", "georeference", georeference.crs.map { .text(Self.name(ofCRS: $0)) })
      if case .affine(let t) = georeference.mapping, t.count == 6 {
        let size = [(t[1] * t[1] + t[4] * t[4]).squareRoot(), (t[2] * t[2] + t[5] * t[5]).squareRoot()]
        add("pixel_size", "georeference", .numbers(size))
        add("origin", "georeference", .numbers([t[0], t[3]]))
      }
    }
    return facts
  }

  /// `WGS 84 / UTM zone 10N` of a WKT text: its first quoted string.
  static func name(ofCRS wkt: String) -> String {
    let parts = wkt.split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
    return parts.count == 3 && !parts[1].isEmpty ? String(parts[1]) : String(wkt.prefix(80))
  }
}
