import HSICore

/// The geometry lookup table of a swath: for every cell of a map grid the pixel that lies there.
public struct GeometryLookup: Sendable {
  /// A raster and its 0-based band.
  public struct Layer: Sendable {
    var path: String
    var band: Int
  }

  /// Sample of the pixel, from 1; 0 for none; negative where it was filled in from a neighbour.
  var sample: Layer
  /// Line of the pixel, likewise.
  var line: Layer
  /// Position of the grid; nil for that of the layer's file.
  var georeference: Georeference?
}

/// Which pixel of a swath belongs into every cell of a map grid; the nearest one, so that spectra and classes stay what
/// they are.
public final class OrthoGrid: Sendable {
  /// Lines of the grid.
  public let lines: Int
  /// Samples of the grid.
  public let samples: Int
  /// Position of the grid.
  public let georeference: Georeference
  /// The part of the swath that the results cover.
  public let window: PixelWindow
  /// For every cell the pixel of the window (`line · samples + sample`), or −1.
  let cells: [Int32]

  private init(lines: Int, samples: Int, georeference: Georeference, window: PixelWindow, cells: [Int32]) {
    self.lines = lines
    self.samples = samples
    self.georeference = georeference
    self.window = window
    self.cells = cells
  }

  /// Number of cells with a pixel.
  public var filled: Int { cells.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) } }

  /// The grid that `--ortho` names for a scene.
  ///
  /// - Parameters:
  ///   - method: `glt` for the lookup table in the product, `geoloc` for a grid of longitude and latitude made from the
  ///     arrays in the product, or a file with a lookup table (sample and line in its first two bands, from 1).
  ///   - window: the part of the scene that is processed.
  /// - Throws: `RasterError.inconsistent` where the scene has nothing of the kind; `CoreError.memory`.
  public static func named(
    _ method: String, of reader: any CubeReader, window: PixelWindow, context: RunContext
  ) throws -> OrthoGrid {
    switch method.lowercased() {
    case "glt":
      guard let lookup = reader.lookup else {
        throw RasterError.inconsistent(
          path: reader.path, reason: "it has no geometry lookup table",
          advice: "name a file with one, or use \(option: "ortho") geoloc where hsi info shows longitude and latitude")
      }
      return try OrthoGrid.table(lookup, swath: reader.shape, window: window, context)
    case "geoloc":
      guard let georeference = reader.metadata.georeference, case .geolocation = georeference.mapping else {
        throw RasterError.inconsistent(
          path: reader.path, reason: "it has no arrays of longitude and latitude",
          advice: "leave out \(option: "ortho")"
        )
      }
      return try OrthoGrid.geolocated(georeference, swath: reader.shape, window: window, context)
    default:
      let lookup = GeometryLookup(
        sample: .init(path: method, band: 0), line: .init(path: method, band: 1), georeference: nil)
      return try OrthoGrid.table(lookup, swath: reader.shape, window: window, context)
    }
  }

  /// Metadata and size of results of the swath on the grid; cells without a pixel have a no-data value in any case.
  public func placing(
    _ metadata: CubeMetadata, _ shape: CubeShape, type: SampleType
  ) -> (metadata: CubeMetadata, shape: CubeShape) {
    var result = metadata
    result.georeference = georeference
    if result.nodata.contains(where: { $0 == nil }) {
      let value = result.nodata.compactMap { $0 }.first ?? (type.isFloatingPoint ? .nan : 0)
      result.nodata = [Double?](repeating: value, count: metadata.bands)
    }
    return (result, CubeShape(lines: lines, samples: samples, bands: shape.bands))
  }

  // MARK: - Lookup tables

  private static func table(
    _ lookup: GeometryLookup, swath: CubeShape, window: PixelWindow, _ context: RunContext
  ) throws -> OrthoGrid {
    let first = try RasterFormats.open(lookup.sample.path, context: context)
    let second =
      lookup.line.path == lookup.sample.path
      ? first : try RasterFormats.open(lookup.line.path, context: context)
    let (path, shape) = (first.path, first.shape)
    guard shape.lines == second.shape.lines, shape.samples == second.shape.samples,
      lookup.sample.band < shape.bands, lookup.line.band < second.shape.bands
    else {
      throw RasterError.inconsistent(
        path: path, reason: "it is no lookup table: two equal layers of samples and lines are needed",
        advice: "check the file of \(option: "ortho")")
    }
    guard let georeference = lookup.georeference ?? first.metadata.georeference else {
      throw RasterError.inconsistent(
        path: path, reason: "the lookup table has no position on a map", advice: "use \(option: "ortho") geoloc")
    }
    try requireRoom(shape.lines, shape.samples, path: path, context)
    var cells: [Int32] = []
    cells.reserveCapacity(shape.pixels)
    let (columns, rows) = (StoredBlock(), StoredBlock())
    let height = max(1, min(shape.lines, (4 << 20) / max(1, shape.samples)))
    for top in stride(from: 0, to: shape.lines, by: height) {
      try context.checkCancellation()
      let part = PixelWindow(
        line: top, sample: 0, lines: min(height, shape.lines - top), samples: shape.samples)
      try first.read(part, bands: [lookup.sample.band], into: columns)
      try second.read(part, bands: [lookup.line.band], into: rows)
      for line in 0..<part.lines {
        for sample in 0..<part.samples {
          let x = abs(columns.number(line: line, sample: sample))
          let y = abs(rows.number(line: line, sample: sample))
          guard x >= 1, y >= 1, x < 1e9, y < 1e9, !isNone(first, x), !isNone(second, y) else {
            cells.append(-1)
            continue
          }
          let (column, row) = (Int(clamping: x) - 1, Int(clamping: y) - 1)
          guard column < swath.samples, row < swath.lines else {
            throw RasterError.inconsistent(
              path: path,
              reason: "the lookup table points to sample \(column + 1), line \(row + 1) of a scene of "
                + "\(swath.samples) samples × \(swath.lines) lines",
              advice: "use the table of this very scene")
          }
          let (s, l) = (column - window.sample, row - window.line)
          let isInside = s >= 0 && l >= 0 && s < window.samples && l < window.lines
          cells.append(isInside ? Int32(l * window.samples + s) : -1)
        }
      }
    }
    return OrthoGrid(
      lines: shape.lines, samples: shape.samples, georeference: georeference, window: window, cells: cells)
  }

  /// True for the no-data value of a layer, whose sign plays no part.
  private static func isNone(_ reader: any CubeReader, _ magnitude: Double) -> Bool {
    reader.metadata.nodata.first.flatMap { $0 }.map { abs($0) == magnitude } ?? false
  }

  // MARK: - Longitude and latitude

  /// A grid of degrees whose cells are as large as a pixel in the middle of the swath.
  private static func geolocated(
    _ georeference: Georeference, swath: CubeShape, window: PixelWindow, _ context: RunContext
  ) throws -> OrthoGrid {
    let arrays = try GeolocationArrays(georeference, context: context)
    guard arrays.lines == swath.lines, arrays.samples == swath.samples else {
      throw RasterError.inconsistent(
        path: "the scene",
        reason: "longitude and latitude have \(arrays.lines) × \(arrays.samples) pixels, the cube \(swath)",
        advice: "leave out \(option: "ortho")")
    }
    let points = GeolocationPoints(arrays, window)
    guard let extent = points.extent, let step = points.spacing, step > 0 else {
      throw RasterError.inconsistent(
        path: "the scene", reason: "longitude and latitude span no area", advice: "leave out \(option: "ortho")")
    }
    // Cells are squares on the ground.
    let stepX = step / max(0.05, cosine(degrees: (extent.south + extent.north) / 2))
    let size = (
      lines: ((extent.north - extent.south) / step).rounded(.up) + 1,
      samples: ((extent.east - extent.west) / stepX).rounded(.up) + 1
    )
    guard size.lines * size.samples <= 64 * Double(window.pixels) + 4096 else {
      throw RasterError.inconsistent(
        path: "the scene",
        reason:
          "longitude and latitude jump: a grid would have \(Int(clamping: size.lines)) × \(Int(clamping: size.samples)) cells",
        advice: "leave out \(option: "ortho")")
    }
    let (lines, samples) = (Int(clamping: size.lines), Int(clamping: size.samples))
    try requireRoom(lines, samples, path: "the scene", context)
    let (left, top) = (extent.west - stepX / 2, extent.north + step / 2)
    let nearest = points.nearest(
      lines: lines, samples: samples, left: left, top: top, stepX: stepX, stepY: step)
    return OrthoGrid(
      lines: lines, samples: samples,
      georeference: Georeference(crs: georeference.crs, mapping: .affine([left, stepX, 0, top, 0, -step])),
      window: window, cells: nearest)
  }

  private static func requireRoom(_ lines: Int, _ samples: Int, path: String, _ context: RunContext) throws {
    let (cells, overflow) = lines.multipliedReportingOverflow(by: samples)
    guard !overflow, cells <= context.memory.bytes / 16 else {
      throw CoreError.memory(
        purpose: "the map grid of \(path)", needed: overflow ? .max : cells * 16, budget: context.memory.bytes
      )
    }
  }
}
