/// A set of named spectra on one spectral axis: endmembers, a library, picks of an extractor.
///
/// `values` holds one spectrum per row (`count × bands`, row-major, the scale of the scene or of reflectance 0…1).
/// Deleted channels are NaN.
public struct SpectralLibrary: Sendable {
  /// Names, one per spectrum.
  public var names: [String]
  /// Wavelengths, widths and good bands.
  public var axis: SpectralAxis
  /// `count × bands`, row-major.
  public var values: [Double]
  /// Pixels (line, sample in the offered region) that the spectra were taken from, where they are pixels.
  public var pixels: [PixelPosition]?

  /// Named spectra, row-major.
  public init(names: [String], axis: SpectralAxis, values: [Double], pixels: [PixelPosition]? = nil) {
    precondition(
      values.count == names.count * axis.count, "\(values.count) values for \(names.count) × \(axis.count)")
    self.names = names
    self.axis = axis
    self.values = values
    self.pixels = pixels
  }

  /// Number of spectra.
  public var count: Int { names.count }
  /// Number of bands.
  public var bands: Int { axis.count }

  /// One spectrum.
  public subscript(index: Int) -> ArraySlice<Double> { values[(index * bands)..<((index + 1) * bands)] }

  /// The spectra with the given indices, in that order.
  public func selecting(_ indices: [Int]) -> SpectralLibrary {
    SpectralLibrary(
      names: indices.map { names[$0] }, axis: axis, values: indices.flatMap { Array(self[$0]) },
      pixels: pixels.map { all in indices.map { all[$0] } })
  }

  /// The given bands of every spectrum, in that order.
  public func selecting(bands selection: [Int]) -> SpectralLibrary {
    var result: [Double] = []
    result.reserveCapacity(count * selection.count)
    for i in 0..<count { for b in selection { result.append(values[i * bands + b]) } }
    return SpectralLibrary(names: names, axis: axis.selecting(selection), values: result, pixels: pixels)
  }
}

/// A pixel by line and sample, 0-based.
public struct PixelPosition: Hashable, Sendable, Codable {
  public var line: Int
  public var sample: Int

  /// A pixel.
  public init(line: Int, sample: Int) {
    self.line = line
    self.sample = sample
  }
}
