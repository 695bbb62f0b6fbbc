import HSITransformer

/// The grid of patches and bands that a pass is about: what positions and wavelengths are computed from.
struct LESSGrid: Sendable {
  /// Patches down and across.
  var rows, columns: Int
  /// Wavelengths of all bands, radar behind optical, in nm.
  var wavelengths: [Float]
  /// Side of a pixel in metres.
  var resolution: Float
  /// Side of a patch in pixels.
  var patch: Int

  var positions: Int { rows * columns }
  var bands: Int { wavelengths.count }

  init(rows: Int, columns: Int, wavelengths: [Float], resolution: Double, patch: Int) {
    (self.rows, self.columns, self.wavelengths, self.patch) = (rows, columns, wavelengths, patch)
    self.resolution = Float(resolution)
  }

  /// That of an input.
  init(_ input: LESSInput, _ configuration: LESSConfiguration) {
    self.init(
      rows: input.image.shape[2] / configuration.patch, columns: input.image.shape[3] / configuration.patch,
      wavelengths: input.wavelengths + (input.radar == nil ? [] : input.radarWavelengths),
      resolution: input.resolution ?? configuration.resolution, patch: configuration.patch)
  }
}
