import Foundation
import HSICore

/// Everything that `hsi denoise` has to say about a run; the schema is printed by `hsi schema denoise`.
public typealias RestorationReport = Report<RestorationBody>

/// What only restoration has to say: noise before and after in every channel, and what was removed.
public struct RestorationBody: ReportBody {

  public static let currentVersion = "1.0"
  public static let command = "denoise"

  /// One channel of the scene.
  public struct Channel: ReportChannel {
    /// 1-based number in the file.
    public var band: Int
    /// Centre in nm.
    public var wavelengthNm: Double?
    /// Width in nm.
    public var fwhmNm: Double?
    /// False for channels that were handed on as they are.
    public var processed: Bool
    /// Standard deviation of the noise before, in the units of the scene.
    public var noiseBefore: Double?
    /// What is left of it, `√max(0, before² − removed²)`.
    public var noiseAfter: Double?
    /// Root mean square of what was removed.
    public var removedRms: Double?
    /// Correlation of what was removed between neighbouring pixels.
    public var spatialCorrelation: Double?
    /// Correlation of what was removed with that of the next channel processed.
    public var spectralCorrelation: Double?

    /// A channel that was not processed, so far.
    public init(band: Int, wavelengthNm: Double?, fwhmNm: Double?) {
      self.band = band
      self.wavelengthNm = wavelengthNm
      self.fwhmNm = fwhmNm
      processed = false
    }

    /// True for channels that were processed.
    public var used: Bool { processed }
  }

  /// What was removed, over all processed channels.
  public struct Residual: Codable, Sendable {
    /// Root mean square in the units of the scene.
    public var rms: Double
    /// `rms` over the root mean square of the noisy scene.
    public var share: Double
    /// Mean over channels of the correlation between neighbouring pixels; near 0 when only noise was removed.
    public var spatialCorrelation: Double?
    /// Mean over channels of the correlation with the next one.
    public var spectralCorrelation: Double?
    /// One standard error of a correlation of white noise, `1/√N`.
    public var correlationError: Double

    /// Figures of a residual.
    public init(
      rms: Double, share: Double, spatialCorrelation: Double?, spectralCorrelation: Double?,
      correlationError: Double
    ) {
      self.rms = rms
      self.share = share
      self.spatialCorrelation = spatialCorrelation
      self.spectralCorrelation = spectralCorrelation
      self.correlationError = correlationError
    }
  }

  /// The spectrum of one pixel before and after.
  public struct Pixel: Codable, Sendable {
    /// Line and sample of the file, 0-based.
    public var line: Int
    public var sample: Int
    /// Map coordinates of its centre.
    public var map: ReportMapPosition?
    /// Share of the pixels that are darker, 0…1.
    public var brightness: Double
    /// One value per channel, null where it was not processed.
    public var before: [Double?]
    public var after: [Double?]

    /// A pixel. Values that are not finite become null.
    public init(
      line: Int, sample: Int, map: ReportMapPosition?, brightness: Double, before: [Double], after: [Double]
    ) {
      self.line = line
      self.sample = sample
      self.map = map
      self.brightness = brightness
      self.before = before.map { $0.isFinite ? $0 : nil }
      self.after = after.map { $0.isFinite ? $0 : nil }
    }

    /// Root mean square of what was removed from it.
    var removedRms: Double {
      let squares = zip(before, after).compactMap { a, b in a.flatMap { a in b.map { (a - $0) * (a - $0) } } }
      return squares.isEmpty ? 0 : (squares.reduce(0, +) / Double(squares.count)).squareRoot()
    }
  }

  /// Seconds that the steps of a run took.
  public struct Timings: Codable, Sendable {
    public var readingS: Double
    public var denoisingS: Double
    public var judgingS: Double
    public var writingS: Double

    /// Seconds of the steps.
    public init(readingS: Double, denoisingS: Double, judgingS: Double, writingS: Double) {
      func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
      self.readingS = rounded(readingS)
      self.denoisingS = rounded(denoisingS)
      self.judgingS = rounded(judgingS)
      self.writingS = rounded(writingS)
    }
  }

  /// The method.
  public var method: ReportMethod
  /// Where the noise levels before come from: `estimated` or `given`.
  public var noiseSource: String
  /// What was removed; absent when nothing was.
  public var residual: Residual?
  /// Some pixels, from dark to bright.
  public var pixels: [Pixel]
  /// Absent where runs are to be compared byte by byte.
  public var timings: Timings?

  /// What a run did.
  public init(method: ReportMethod, noiseSource: String, residual: Residual?, pixels: [Pixel], timings: Timings?) {
    self.method = method
    self.noiseSource = noiseSource
    self.residual = residual
    self.pixels = pixels
    self.timings = timings
  }

  /// The body without seconds.
  public var reproducible: RestorationBody {
    var body = self
    body.timings = nil
    return body
  }
}

extension RestorationBody {
  /// What `Residual.spatialCorrelation` and `.spectralCorrelation` mean for this run, one sentence.
  public var verdict: String {
    guard let residual, let spatial = residual.spatialCorrelation else { return "Nothing was removed." }
    let spectral = residual.spectralCorrelation ?? 0
    let limit = max(0.05, 4 * residual.correlationError)
    switch (abs(spatial) <= limit, abs(spectral) <= 0.1) {
    case (true, true): return "What was removed is white in space and between channels, as noise is."
    case (true, false):
      return
        "What was removed is white in space but alike in neighbouring channels: noise of the detector or resampling of "
        + "channels makes that, or a loss of spectral detail."
    case (false, _) where spatial > 0:
      return
        "What was removed is alike in neighbouring pixels: stripes, a resampled image, or structure of the scene was "
        + "removed with the noise. Look at the picture."
    default:
      return
        "What was removed alternates between neighbouring pixels: noise at one place was exchanged for another's."
    }
  }
}

extension RestorationReport {
  /// Median over the processed channels of a value that is known; nil where none is.
  func median(_ value: (RestorationBody.Channel) -> Double?) -> Double? {
    let sorted = channels.filter(\.processed).compactMap(value).filter(\.isFinite).sorted()
    guard !sorted.isEmpty else { return nil }
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}
