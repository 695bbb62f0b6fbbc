import CGDAL
import HSICore

/// Where a raster lies on Earth, in longitude and latitude (WGS 84), and the code of its reference system.
public struct MapFootprint: Sendable {
  /// Outlines of longitude and latitude, counter-clockwise and closed; two where the raster crosses the date line.
  public let rings: [[[Double]]]
  /// West, south, east, north; west is larger than east across the date line.
  public let box: [Double]
  /// `EPSG:32633`, nil where the reference system has no code.
  public let code: String?
  /// The reference system as WKT 2.
  public let wkt: String?

  /// The outline of a raster.
  ///
  /// Edges are followed in steps for the box; the ring has the corners only. Tie points and geolocation arrays give
  /// their bounding box.
  /// - Returns: nil without reference system, or where it cannot be transformed.
  public init?(_ georeference: Georeference, lines: Int, samples: Int, context: RunContext) {
    guard let crs = georeference.crs else { return nil }
    let corners: [(Double, Double)]
    let edge: [(Double, Double)]
    switch georeference.mapping {
    case .affine(let t):
      guard t.count == 6 else { return nil }
      func map(_ x: Double, _ y: Double) -> (Double, Double) {
        (t[0] + t[1] * x + t[2] * y, t[3] + t[4] * x + t[5] * y)
      }
      let (width, height) = (Double(samples), Double(lines))
      corners = [map(0, 0), map(0, height), map(width, height), map(width, 0)]
      let steps = (0...20).map { Double($0) / 20 }
      edge = steps.flatMap {
        [map($0 * width, 0), map($0 * width, height), map(0, $0 * height), map(width, $0 * height)]
      }
    case .groundControlPoints(let points):
      corners = MapFootprint.box(points.map { ($0.x, $0.y) })
      edge = corners
    case .geolocation:
      guard let arrays = try? GeolocationArrays(georeference, context: context) else { return nil }
      corners = MapFootprint.box(arrays.valid)
      edge = corners
    }
    guard !corners.isEmpty, let (ring, box, code, wkt) = MapFootprint.geographic(crs, corners, edge) else {
      return nil
    }
    self.code = code
    self.wkt = wkt
    var points = ring
    var area = 0.0
    for i in points.indices {
      let (a, b) = (points[i], points[(i + 1) % points.count])
      area += a[0] * b[1] - b[0] * a[1]
    }
    if area < 0 { points.reverse() }
    if box[2] - box[0] > 180 {
      // The short way round crosses the date line: two boxes, one on each side.
      let west = points.map { $0[0] }.filter { $0 > 0 }.min() ?? 180
      let east = points.map { $0[0] }.filter { $0 <= 0 }.max() ?? -180
      self.box = [west, box[1], east, box[3]]
      rings = [(west, 180), (-180, east)].map { left, right in
        [[left, box[1]], [right, box[1]], [right, box[3]], [left, box[3]], [left, box[1]]]
      }
    } else {
      self.box = box
      rings = [points + [points[0]]]
    }
  }

  private static func box(_ points: [(Double, Double)]) -> [(Double, Double)] {
    let (x, y) = (points.map(\.0), points.map(\.1))
    guard let west = x.min(), let east = x.max(), let south = y.min(), let north = y.max() else { return [] }
    return [(west, north), (west, south), (east, south), (east, north)]
  }

  /// Corners and box in degrees, and the code of the system.
  private static func geographic(
    _ crs: String, _ corners: [(Double, Double)], _ edge: [(Double, Double)]
  ) -> ([[Double]], [Double], String?, String?)? {
    GDAL.collecting { _ in
      let (source, target) = (OSRNewSpatialReference(nil), OSRNewSpatialReference(nil))
      defer {
        OSRDestroySpatialReference(source)
        OSRDestroySpatialReference(target)
      }
      guard OSRSetFromUserInput(source, crs) == OGRERR_NONE, OSRImportFromEPSG(target, 4326) == OGRERR_NONE
      else {
        return nil
      }
      for reference in [source, target] { OSRSetAxisMappingStrategy(reference, OAMS_TRADITIONAL_GIS_ORDER) }
      guard let transformation = OCTNewCoordinateTransformation(source, target) else { return nil }
      defer { OCTDestroyCoordinateTransformation(transformation) }
      var (x, y) = ((corners + edge).map(\.0), (corners + edge).map(\.1))
      guard OCTTransform(transformation, Int32(x.count), &x, &y, nil) != 0,
        (x + y).allSatisfy({ $0.isFinite }), x.allSatisfy({ abs($0) <= 180.000001 }),
        y.allSatisfy({ abs($0) <= 90.000001 })
      else { return nil }
      // A tenth of a micrometre on the ground is enough.
      func rounded(_ value: Double) -> Double { (value * 1e9).rounded() / 1e9 }
      let ring = corners.indices.map { [rounded(x[$0]), rounded(y[$0])] }
      let box = [x.min() ?? 0, y.min() ?? 0, x.max() ?? 0, y.max() ?? 0].map(rounded)
      OSRAutoIdentifyEPSG(source)
      let authority = OSRGetAuthorityName(source, nil).map { String(cString: $0) }
      let number = OSRGetAuthorityCode(source, nil).map { String(cString: $0) }
      return (ring, box, authority.flatMap { a in number.map { "\(a):\($0)" } }, wellKnownText(source))
    }
  }
}

/// Longitude and latitude of every pixel of a swath.
struct GeolocationArrays {
  let lines: Int
  let samples: Int
  /// Degrees, NaN where there is none.
  let longitude: [Double]
  let latitude: [Double]

  /// Arrays of `lines · samples` degrees.
  init(lines: Int, samples: Int, longitude: [Double], latitude: [Double]) {
    (self.lines, self.samples, self.longitude, self.latitude) = (lines, samples, longitude, latitude)
  }

  /// Reads the arrays that a georeference names.
  ///
  /// - Throws: the errors of opening; `RasterError.inconsistent` when they differ in size.
  init(_ georeference: Georeference, context: RunContext) throws {
    guard case .geolocation(let x, let y) = georeference.mapping else {
      throw RasterError.inconsistent(
        path: "the scene", reason: "it has no arrays of longitude and latitude",
        advice: "leave out \(option: "ortho") geoloc")
    }
    let (first, second) = (try GeolocationArrays.read(x, context), try GeolocationArrays.read(y, context))
    guard first.lines == second.lines, first.samples == second.samples else {
      throw RasterError.inconsistent(
        path: x, reason: "longitude and latitude differ in size", advice: "leave out \(option: "ortho") geoloc")
    }
    (lines, samples, longitude) = first
    latitude = second.values
  }

  /// The positions that are on Earth.
  var valid: [(Double, Double)] {
    longitude.indices.compactMap { isValid($0) ? (longitude[$0], latitude[$0]) : nil }
  }

  func isValid(_ index: Int) -> Bool {
    let (x, y) = (longitude[index], latitude[index])
    return x.isFinite && y.isFinite && abs(x) <= 360 && abs(y) <= 90
  }

  private static func read(
    _ path: String, _ context: RunContext
  ) throws -> (lines: Int, samples: Int, values: [Double]) {
    let reader = try RasterFormats.open(path, context: context)
    let shape = reader.shape
    let needed = shape.pixels * 16
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(purpose: "reading \(path)", needed: needed, budget: context.memory.bytes)
    }
    let block = StoredBlock()
    try reader.read(shape.window, bands: [0], into: block)
    let nodata = reader.metadata.nodata.first ?? nil
    var values: [Double] = []
    values.reserveCapacity(shape.pixels)
    for line in 0..<shape.lines {
      for sample in 0..<shape.samples {
        let value = block.number(line: line, sample: sample)
        values.append(value == nodata ? .nan : value)
      }
    }
    return (shape.lines, shape.samples, values)
  }
}

extension StoredBlock {
  /// One sample of the first band as a number.
  func number(line: Int, sample: Int) -> Double {
    let offset = line * lineStride + sample * pixelStride
    func load<T: FixedWidthInteger>(_: T.Type) -> T {
      let value = bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
      return isByteSwapped ? value.byteSwapped : value
    }
    return switch type {
    case .uint8: Double(load(UInt8.self))
    case .int8: Double(load(Int8.self))
    case .uint16: Double(load(UInt16.self))
    case .int16: Double(load(Int16.self))
    case .uint32: Double(load(UInt32.self))
    case .int32: Double(load(Int32.self))
    case .uint64: Double(load(UInt64.self))
    case .int64: Double(load(Int64.self))
    case .float32: Double(Float(bitPattern: load(UInt32.self)))
    case .float64: Double(bitPattern: load(UInt64.self))
    }
  }
}
