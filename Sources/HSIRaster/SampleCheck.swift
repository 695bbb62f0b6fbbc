import HSICore

/// Whether the samples that a file tells of are in it, for jobs that refer to a file without reading it.
public enum SampleCheck {
  /// Refuses a file that ends before its samples do: the places of all blocks of a GeoTIFF are compared with the size of
  /// the file, and the last line of all bands of any file must be readable.
  ///
  /// - Throws: `RasterError.truncated`, or what reading throws.
  public static func requireComplete(_ reader: any CubeReader) throws {
    if let reader = reader as? GDALReader { try reader.requireAllBlocks() }
    let shape = reader.shape
    guard shape.lines > 0, shape.bands > 0 else { return }
    try reader.read(
      PixelWindow(line: shape.lines - 1, sample: 0, lines: 1, samples: shape.samples),
      bands: Array(0..<shape.bands), into: StoredBlock())
  }
}
