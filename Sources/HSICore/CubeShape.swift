/// The size of a cube: lines (rows of pixels), samples (columns of pixels) and bands.
public struct CubeShape: Hashable, Sendable, Codable, CustomStringConvertible {
  /// Number of image rows.
  public var lines: Int
  /// Number of image columns.
  public var samples: Int
  /// Number of spectral channels.
  public var bands: Int

  /// A cube of `lines × samples × bands`.
  public init(lines: Int, samples: Int, bands: Int) {
    self.lines = lines
    self.samples = samples
    self.bands = bands
  }

  /// `lines · samples`.
  public var pixels: Int { lines * samples }

  /// The whole image as a window.
  public var window: PixelWindow { PixelWindow(line: 0, sample: 0, lines: lines, samples: samples) }

  public var description: String { "\(lines) × \(samples) × \(bands)" }
}

/// A rectangle of pixels: first line and sample (0-based) and size.
public struct PixelWindow: Hashable, Sendable, Codable, CustomStringConvertible {
  /// First line, 0-based.
  public var line: Int
  /// First sample, 0-based.
  public var sample: Int
  /// Height in pixels.
  public var lines: Int
  /// Width in pixels.
  public var samples: Int

  /// The rectangle whose first pixel is (`line`, `sample`).
  public init(line: Int, sample: Int, lines: Int, samples: Int) {
    self.line = line
    self.sample = sample
    self.lines = lines
    self.samples = samples
  }

  /// `lines · samples`.
  public var pixels: Int { lines * samples }

  /// The part inside `shape`, which is empty (0 × 0) when they do not meet.
  public func clipped(to shape: CubeShape) -> PixelWindow {
    func end(_ start: Int, _ size: Int) -> Int {
      let (end, overflow) = start.addingReportingOverflow(size)
      return overflow ? .max : end
    }
    let top = max(0, line)
    let left = max(0, sample)
    let height = top < shape.lines ? min(end(line, lines), shape.lines) - top : 0
    let width = left < shape.samples ? min(end(sample, samples), shape.samples) - left : 0
    guard height > 0, width > 0 else { return PixelWindow(line: top, sample: left, lines: 0, samples: 0) }
    return PixelWindow(line: top, sample: left, lines: height, samples: width)
  }

  public var description: String { "\(samples) × \(lines) pixels at sample \(sample), line \(line)" }
}

/// How samples are stored in a file.
public enum SampleType: String, Sendable, Codable, CaseIterable {
  case uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32, float64

  /// Bytes of one sample.
  public var size: Int {
    switch self {
    case .uint8, .int8: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }

  /// True for the two floating-point types.
  public var isFloatingPoint: Bool { self == .float32 || self == .float64 }
}

/// The order of the axes in storage.
public enum Interleave: String, Sendable, Codable, CaseIterable {
  /// Band by band: `[band][line][sample]`.
  case bsq
  /// Line by line: `[line][band][sample]`.
  case bil
  /// Pixel by pixel: `[line][sample][band]`.
  case bip
}
