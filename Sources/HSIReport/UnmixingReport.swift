import Foundation
import HSICore

/// Everything that `hsi unmix` has to say about a run: the JSON report, and what the HTML report is made from.
///
/// Keys in JSON are snake_case; numbers that are not finite become `null`. The schema is `ReportSchema.unmixing`,
/// printed by `hsi schema report`.
public struct UnmixingReport: Codable, Sendable {
  /// Version of the schema, raised in its first part by changes that break readers.
  public static let currentVersion = "1.0"

  /// The scene that was unmixed.
  public typealias Scene = ReportScene
  /// Coordinates in the reference system of the scene.
  public typealias MapPosition = ReportMapPosition
  /// A file that was written.
  public typealias Output = ReportOutput

  /// The method and what it was told.
  public struct Method: Codable, Sendable {
    /// Name on the command line.
    public var id: String
    /// Name in the field.
    public var name: String
    /// `blind`, `abundance`, `sparse`.
    public var task: String
    /// Paper.
    public var citation: String?
    /// Parameters and figures that the method reports, by name.
    public var settings: [String: Double]

    /// A method and its settings.
    public init(
      id: String, name: String, task: String, citation: String? = nil, settings: [String: Double] = [:]
    ) {
      self.id = id
      self.name = name
      self.task = task
      self.citation = citation
      self.settings = settings
    }
  }

  /// The library spectrum that an endmember resembles most.
  public struct LibraryMatch: Codable, Sendable {
    /// Name in the library.
    public var name: String
    /// Spectral angle to it in radians.
    public var sadRad: Double

    /// A match.
    public init(name: String, sadRad: Double) {
      self.name = name
      self.sadRad = sadRad
    }
  }

  /// One endmember and where it occurs.
  public struct Endmember: Codable, Sendable {
    /// Name; band `abundance: NAME` of the abundance file.
    public var name: String
    /// Colour in every figure, `#rrggbb`.
    public var colour: String
    /// One value per entry of `channels`; null where the channel was not used.
    public var spectrum: [Double?]
    /// Nearest library spectrum, with `--library`.
    public var match: LibraryMatch?
    /// Pixel that it was taken from (line and sample of the file, 0-based), where the method picks pixels.
    public var pixel: PixelPosition?
    /// Map coordinates of the centre of that pixel.
    public var map: MapPosition?
    /// How much of it there is.
    public var abundance: AbundanceStatistics?

    /// An endmember; `index` decides the colour. Values of `spectrum` that are not finite become null.
    public init(
      index: Int, name: String, spectrum: [Double], match: LibraryMatch? = nil, pixel: PixelPosition? = nil,
      map: MapPosition? = nil, abundance: AbundanceStatistics? = nil
    ) {
      self.name = name
      colour = CategoricalPalette.colour(index).hex
      self.spectrum = spectrum.map { $0.isFinite ? $0 : nil }
      self.match = match
      self.pixel = pixel
      self.map = map
      self.abundance = abundance
    }
  }

  /// One channel of the scene.
  public struct Channel: Codable, Sendable {
    /// 1-based number in the file.
    public var band: Int
    /// Centre in nm.
    public var wavelengthNm: Double?
    /// Width in nm.
    public var fwhmNm: Double?
    /// False for channels that did not enter the work (bad-band list or options).
    public var used: Bool
    /// Quality, 1 = best, of methods that learn it; null otherwise.
    public var quality: Double?

    /// A channel.
    public init(band: Int, wavelengthNm: Double?, fwhmNm: Double? = nil, used: Bool, quality: Double? = nil) {
      self.band = band
      self.wavelengthNm = wavelengthNm
      self.fwhmNm = fwhmNm
      self.used = used
      self.quality = quality
    }
  }

  /// How an iterative method ended.
  public struct Convergence: Codable, Sendable {
    /// Iterations done.
    public var iterations: Int
    /// True when the tolerance was met.
    public var converged: Bool
    /// Objective before the first and after every iteration.
    public var objective: [Double]

    /// The course of the objective.
    public init(objective: [Double], converged: Bool) {
      iterations = max(0, objective.count - 1)
      self.converged = converged
      self.objective = objective
    }
  }

  /// Root mean square error of the reconstruction per pixel, over the valid pixels.
  public struct Residual: Codable, Sendable {
    public var mean: Double
    public var median: Double
    /// 95 % of the pixels lie below.
    public var percentile95: Double
    public var maximum: Double

    /// Statistics of a map of residuals; NaN is left out. Nil without any value.
    public init?(_ rmse: [Float]) {
      let sorted = rmse.filter(\.isFinite).sorted()
      guard let last = sorted.last else { return nil }
      mean = sorted.reduce(0.0) { $0 + Double($1) } / Double(sorted.count)
      median = Double(sorted[sorted.count / 2])
      percentile95 = Double(sorted[min(sorted.count - 1, Int(0.95 * Double(sorted.count)))])
      maximum = Double(last)
    }
  }

  /// Version of the schema.
  public var version: String
  /// The command: `unmix`.
  public var command: String
  /// The scene.
  public var scene: Scene
  /// The method.
  public var method: Method
  /// Why there are so many endmembers: `given`, `HySime` …
  public var countSource: String?
  /// The endmembers, in the order of the abundance bands.
  public var endmembers: [Endmember]
  /// All channels of the file.
  public var channels: [Channel]
  /// Present for iterative methods.
  public var convergence: Convergence?
  /// Present where the residual was computed.
  public var residual: Residual?
  /// Files written.
  public var outputs: [Output]
  /// Warnings in order.
  public var warnings: [Warning]
  /// How the result came about.
  public var provenance: Provenance

  /// A report on one run. Warnings are those of `provenance`.
  public init(
    command: String = "unmix", scene: Scene, method: Method, countSource: String? = nil,
    endmembers: [Endmember],
    channels: [Channel], convergence: Convergence? = nil, residual: Residual? = nil, outputs: [Output],
    provenance: Provenance
  ) {
    version = UnmixingReport.currentVersion
    self.command = command
    self.scene = scene
    self.method = method
    self.countSource = countSource
    self.endmembers = endmembers
    self.channels = channels
    self.convergence = convergence
    self.residual = residual
    self.outputs = outputs.map { Output(path: Secrets.masked($0.path), content: $0.content) }
    warnings = provenance.warnings
    self.provenance = provenance
  }

  /// The report as JSON text.
  public func json() throws -> Data { try ReportCoding.encode(self) }

  /// The channels of a scene.
  ///
  /// - Parameters:
  ///   - axis: all bands of the file.
  ///   - used: indices of the bands that entered the work, in the order of `quality`.
  ///   - quality: one value per used band, or nil.
  public static func channels(axis: SpectralAxis, used: [Int], quality: [Double]? = nil) -> [Channel] {
    precondition(quality.map { $0.count == used.count } ?? true, "one quality per used band")
    var channels = (0..<axis.count).map { band in
      Channel(
        band: band + 1, wavelengthNm: axis.wavelengths?[band], fwhmNm: axis.fwhm?[band], used: false)
    }
    for (i, band) in used.enumerated() {
      channels[band].used = true
      channels[band].quality = quality?[i]
    }
    return channels
  }

  /// A spectrum of the used bands spread over all bands of the file, NaN elsewhere.
  public static func spread(_ spectrum: some Collection<Double>, used: [Int], bands: Int) -> [Double] {
    var result = [Double](repeating: .nan, count: bands)
    for (value, band) in zip(spectrum, used) { result[band] = value }
    return result
  }
}
