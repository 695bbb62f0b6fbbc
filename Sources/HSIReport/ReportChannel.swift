import HSICore

/// What a report says of one channel of the file.
public protocol ReportChannel: Codable, Sendable {
  /// 1-based number in the file.
  var band: Int { get }
  /// Centre in nm.
  var wavelengthNm: Double? { get }
  /// False for channels that did not enter the work.
  var used: Bool { get }
}

/// Reports without channels.
extension Never: ReportChannel {
  public var band: Int { switch self {} }
  public var wavelengthNm: Double? { switch self {} }
  public var used: Bool { switch self {} }
}

/// A channel of the scene, and whether it was used.
public struct SceneChannel: ReportChannel {
  /// 1-based number in the file.
  public var band: Int
  /// Centre in nm.
  public var wavelengthNm: Double?
  /// Width in nm.
  public var fwhmNm: Double?
  /// False for channels that did not enter the work (bad-band list or options).
  public var used: Bool
  /// Quality, 1 = best, of methods that learn it; nil otherwise.
  public var quality: Double?
  /// True for channels that entered the work but hold hardly any signal: errors leave them out, and curves break there.
  public var corrupted: Bool?

  /// A channel.
  public init(
    band: Int, wavelengthNm: Double?, fwhmNm: Double? = nil, used: Bool, quality: Double? = nil, corrupted: Bool? = nil
  ) {
    self.corrupted = corrupted
    self.band = band
    self.wavelengthNm = wavelengthNm
    self.fwhmNm = fwhmNm
    self.used = used
    self.quality = quality
  }

  /// The channels of a scene.
  ///
  /// - Parameters:
  ///   - axis: all bands of the file.
  ///   - used: indices of the bands that entered the work, in the order of `quality`.
  ///   - quality: one value per used band, or nil.
  ///   - healthy: one value per used band, false where it is corrupted, or nil.
  public static func all(
    _ axis: SpectralAxis, used: [Int], quality: [Double]? = nil, healthy: [Bool]? = nil
  ) -> [SceneChannel] {
    precondition(quality.map { $0.count == used.count } ?? true, "one quality per used band")
    var channels = (0..<axis.count).map { band in
      SceneChannel(band: band + 1, wavelengthNm: axis.wavelengths?[band], fwhmNm: axis.fwhm?[band], used: false)
    }
    for (i, band) in used.enumerated() {
      channels[band].used = true
      channels[band].quality = quality?[i]
      if healthy?[i] == false { channels[band].corrupted = true }
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
