import HSICore
import HSITransformer

/// What a LESS ViT sees in one pass: images of one set of bands.
public struct LESSInput: Sendable {
  /// Optical bands, `[B, C, H, W]`; H and W are multiples of the side of a patch.
  public var image: Variable
  /// Their wavelengths in nm, the same for all images.
  public var wavelengths: [Float]
  /// Radar channels, `[B, K, H, W]`.
  public var radar: Variable?
  /// Their wavelengths in nm; without radar they do not count.
  public var radarWavelengths: [Float]
  /// Side of a pixel in metres; that of the configuration when nil.
  public var resolution: Double?

  /// Images and their wavelengths.
  public init(
    _ image: Variable, wavelengths: [Float], radar: Variable? = nil, radarWavelengths: [Float] = [],
    resolution: Double? = nil
  ) {
    (self.image, self.wavelengths, self.radar) = (image, wavelengths, radar)
    (self.radarWavelengths, self.resolution) = (radarWavelengths, resolution)
  }

  /// Number of images.
  public var batch: Int { image.shape[0] }
  /// Number of bands, radar included.
  public var bands: Int { image.shape[1] + (radar?.shape[1] ?? 0) }

  /// Throws `LESSError` unless a network can see it: a wavelength for every band, sides in patches, equal sides for rotary positions.
  public func check(for configuration: LESSConfiguration) throws {
    for (image, wavelengths) in [(image, wavelengths)] + (radar.map { [($0, radarWavelengths)] } ?? []) {
      guard image.shape.count == 4, image.shape[0] == batch, image.shape[1] > 0 else {
        throw LESSError.shape(image.shape)
      }
      try LESSInput.check(
        rows: image.shape[2], columns: image.shape[3], bands: image.shape[1], wavelengths: wavelengths.map(Double.init),
        for: configuration)
    }
    if let radar, Array(radar.shape[2...]) != Array(image.shape[2...]) { throw LESSError.shape(radar.shape) }
    if let resolution, !(resolution > 0 && resolution.isFinite) { throw LESSError.resolution(resolution) }
  }

  /// The same for images that are still to be read; no wavelengths is nil or an empty list.
  public static func check(
    rows: Int, columns: Int, bands: Int, wavelengths: [Double]?, for configuration: LESSConfiguration
  ) throws {
    guard let wavelengths, !wavelengths.isEmpty else { throw LESSError.noWavelengths }
    guard wavelengths.count == bands else {
      throw LESSError.wavelengthCount(bands: bands, wavelengths: wavelengths.count)
    }
    // The shortest may be 0 where wavelengths were brought to 0 … 1 before.
    if let bad = wavelengths.first(where: { !($0.isFinite && $0 >= 0) }) { throw LESSError.wavelength(bad) }
    guard rows > 0, columns > 0, rows % configuration.patch == 0, columns % configuration.patch == 0 else {
      throw LESSError.sides(rows: rows, columns: columns, patch: configuration.patch)
    }
    guard !configuration.isRotary || rows == columns else {
      throw LESSError.unequalSides(rows: rows, columns: columns)
    }
  }
}

/// Errors of what a LESS ViT is given.
public enum LESSError: HSIError {
  /// Nothing tells where the bands are.
  case noWavelengths
  /// Not one wavelength for every band.
  case wavelengthCount(bands: Int, wavelengths: Int)
  /// A wavelength that is none.
  case wavelength(Double)
  /// A ground resolution that is none.
  case resolution(Double)
  /// No batch of images.
  case shape([Int])
  /// Sides that are no multiples of the side of a patch.
  case sides(rows: Int, columns: Int, patch: Int)
  /// Rotary positions of an image that is not square.
  case unequalSides(rows: Int, columns: Int)
  /// Fewer bands than masks leave and hide.
  case tooFewBands(bands: Int, kept: Int)
  /// Fewer positions than masks leave and hide.
  case tooFewPositions(positions: Int, kept: Int)

  public var category: ErrorCategory { .input }

  public var identifier: String {
    switch self {
    case .noWavelengths, .wavelengthCount, .wavelength: "E-LESS-WAVELENGTHS"
    case .resolution, .shape, .sides, .unequalSides: "E-LESS-IMAGE"
    case .tooFewBands, .tooFewPositions: "E-LESS-MASK"
    }
  }

  public var problem: String {
    switch self {
    case .noWavelengths: "the image has no wavelengths, by which the network knows its bands"
    case .wavelengthCount(let bands, let wavelengths): "the image has \(bands) bands but \(wavelengths) wavelengths"
    case .wavelength(let value): "a band has the wavelength \(value) nm"
    case .resolution(let value): "the side of a pixel is \(value) m"
    case .shape(let shape): "an array \(shape) is no batch of images (samples, bands, rows, columns)"
    case .sides(let rows, let columns, let patch):
      "the image is \(rows) × \(columns) pixels, which patches of \(patch) × \(patch) do not fill"
    case .unequalSides(let rows, let columns):
      "the image is \(rows) × \(columns) pixels; a network with rotary positions needs equal sides"
    case .tooFewBands(let bands, let kept):
      "masks leave \(kept) of \(bands) bands: at least 2 must stay and 1 must be hidden"
    case .tooFewPositions(let positions, let kept):
      "masks leave \(kept) of \(positions) positions: at least 1 must stay and 1 must be hidden"
    }
  }

  public var advice: String? {
    switch self {
    case .noWavelengths, .wavelengthCount, .wavelength:
      "give them with \(option: "wavelengths"), or name the instrument with \(option: "sensor")"
    case .resolution, .shape: nil
    case .sides, .unequalSides: "choose another \(option: "window")"
    case .tooFewBands: "use more bands, or hide another share of them"
    case .tooFewPositions: "use larger windows, or hide another share of the positions"
    }
  }
}
