import HSICore

/// What the user says about an input beside its name; every option beats what the file says.
public struct OpenOptions: Sendable {
  /// The stored value that means "no data".
  public enum Nodata: Hashable, Sendable {
    /// No value means that, whatever the file says.
    case none
    /// This stored value in all bands.
    case value(Double)

    /// Parses `none` or a number (`NaN` included).
    public init?(_ text: String) {
      if text.lowercased() == "none" {
        self = .none
      } else if let value = parseNumber(text) {
        self = .value(value)
      } else {
        return nil
      }
    }
  }

  /// Array in a file of several (MATLAB variable, HDF5 path …).
  public var variable: String?
  /// Meaning of the axes of an array, outermost first, one letter each: `h` line, `w` sample, `b` band (`bhw`).
  public var axes: String?
  /// Lines and samples of the image that a matrix of bands × pixels holds, where the file does not tell.
  public var size: (lines: Int, samples: Int)?
  /// What becomes of the wavelengths that two detectors share (PRISMA).
  public var overlap = DetectorOverlap.cut
  /// Nodata value in place of the file's.
  public var nodata: Nodata?
  /// Whether scale and offset of the file count; false takes the stored numbers as they are.
  public var isScaled = true
  /// What the values, scale and offset of the file included, are multiplied by; nil for nothing. A number above 0.
  public var factor: Double?
  /// What the numbers mean.
  public var quantity: Quantity?
  /// Band centres: a file (`.csv`, `.txt`, ENVI `.hdr`) or `FIRST:LAST:COUNT` in nm.
  public var wavelengths: String?
  /// Instrument.
  public var sensor: String?
  /// Whether a file shorter than its header says is read, its missing lines as no data.
  public var allowsTruncated = false
  /// Name of the format to use in place of the first that fits.
  public var format: String?
  /// Open options for GDAL, `NAME=VALUE`.
  public var gdalOptions: [String] = []

  /// Options that change nothing.
  public init() {}
}

/// What becomes of the bands where the ranges of two detectors overlap.
public enum DetectorOverlap: String, Sendable, CaseIterable {
  /// Both detectors are cut in the middle of the overlap.
  case cut
  /// The first detector's bands stay, the second's there go.
  case vnir
  /// The second detector's bands stay, the first's there go.
  case swir
  /// All bands stay.
  case keep
}
