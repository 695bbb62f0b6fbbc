import CGDAL
import Foundation
import HSICore

/// Polygons (and points) of a vector file on the grid of an image: which pixels have their centre inside each of them, and
/// what an attribute says of each.
///
/// Any file that GDAL opens as vectors will do: GeoJSON, GeoPackage, shapefile, FlatGeobuf, KML … Geometries of another
/// reference system are transformed; a file without one is taken as being in that of the image. A point stands for the
/// pixel that it lies in. Memory: 8 bytes per pixel inside, and one byte per pixel of the box around one polygon at a time.
///
/// ```swift
/// let plots = try VectorFeatures("plots.geojson", attribute: "crop", on: reader, context)
/// for plot in plots.features { print(plot.text ?? "no crop", plot.places.count) }
/// ```
public struct VectorFeatures: Sendable {
  /// One polygon, group of polygons, or point.
  public struct Feature: Sendable {
    /// Number of the feature in the file.
    public var number: Int
    /// What the attribute says; nil where it says nothing, and without an attribute.
    public var text: String?
    /// Row-major places, `line · samples + sample`, of the pixels inside, ascending; none where no centre of a pixel is.
    public var places: [Int]
  }

  /// The file as it was given.
  public let path: String
  /// The file and those that belong to it.
  public let files: [String]
  /// In the order of the file.
  public let features: [Feature]
  /// Whether the attribute holds whole numbers, by its type.
  public let isNumeric: Bool

  /// Extensions of files that hold polygons.
  private static let extensions: Set<String> = [
    "geojson", "json", "gpkg", "shp", "fgb", "kml", "kmz", "gml", "geojsonl", "topojson", "gpx", "mif", "tab",
  ]

  /// Whether a name is that of a vector file.
  public static func isVector(_ path: String) -> Bool {
    let kind = PathName(path).fileExtension.lowercased()
    guard extensions.contains(kind) else { return false }
    // A GeoPackage may hold rasters instead.
    return kind != "gpkg" || VSI.status(path) == nil || (try? attributes(of: path)) != nil
  }

  /// Reads the features of all layers that have the attribute.
  ///
  /// - Parameters:
  ///   - attribute: the field to read, whatever its letter case; nil reads geometries only.
  ///   - image: the grid; needs an affine georeference.
  /// - Throws: `RasterError.notFound`; `.unreadable` for files without polygons and for geometries that cannot be brought
  ///   to the image; `.inconsistent` where the image has no affine georeference, the file no such attribute, or no pixel
  ///   lies inside; `CoreError.memory`, `.cancelled`.
  public init(_ path: String, attribute: String?, on image: any CubeReader, _ context: RunContext) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    guard let grid = PolygonGrid(image) else {
      throw RasterError.inconsistent(
        path: image.path, reason: "it has no affine georeference, so the polygons of \(path) cannot be brought to it",
        advice: "pass a raster on the pixels of the scene, or georeference the scene first (\(option: "ortho"))")
    }
    self.path = path
    files = [path] + VectorFeatures.companions(of: path)
    (features, isNumeric) = try VectorFile.reading(path) { layers, messages in
      let fields = try VectorFeatures.fields(attribute, of: layers, path: path)
      var list: [Feature] = []
      var (isNumeric, lines) = (attribute != nil, 0)
      for (layer, field) in fields {
        let reader = try LayerReader(layer, field: field, grid: grid, path: path, context)
        isNumeric = isNumeric && reader.isNumeric
        list += try reader.features(&lines, messages, context)
      }
      if lines > 0 {
        context.warn(
          "W-VECTOR-LINES", "\(path): \(lines) features are lines, which enclose no pixels, and are left out")
      }
      return (list, isNumeric)
    }
    guard !features.isEmpty else { throw RasterError.unreadable(path: path, reason: "it holds no polygons") }
    let empty = features.filter(\.places.isEmpty).count
    guard empty < features.count else {
      throw RasterError.inconsistent(
        path: path, reason: "no pixel of \(image.path) has its centre inside",
        advice: "check the polygons and their reference system")
    }
    if empty > 0 {
      context.warn(
        "W-VECTOR-EMPTY",
        "\(path): \(empty) of \(features.count) features hold no centre of a pixel of \(image.path) and are left out")
    }
  }

  /// The layers to read, with the index of the field in each.
  private static func fields(
    _ attribute: String?, of layers: [OGRLayerH?], path: String
  ) throws -> [(layer: OGRLayerH?, field: Int32?)] {
    guard let attribute else { return layers.map { ($0, nil) } }
    var (found, known): ([(OGRLayerH?, Int32?)], [String]) = ([], [])
    for layer in layers {
      let names = names(of: layer)
      known += names.filter { !known.contains($0) }
      let exact = names.firstIndex(of: attribute)
      if let index = exact ?? names.firstIndex(where: { $0.lowercased() == attribute.lowercased() }) {
        found.append((layer, Int32(index)))
      }
    }
    guard !found.isEmpty else {
      throw RasterError.inconsistent(
        path: path,
        reason: "it has no attribute \(attribute)\(Suggestion.text(for: attribute, in: known))",
        advice: known.isEmpty
          ? "its features have no attributes" : "choose \(option: "attribute") of " + known.joined(separator: ", "))
    }
    return found
  }

  /// Names of the attributes of a file, for whoever has to choose one.
  ///
  /// - Throws: `RasterError.notFound`, `.unreadable`.
  public static func attributes(of path: String) throws -> [String] {
    try VectorFile.reading(path) { layers, _ in
      layers.reduce(into: []) { list, layer in list += names(of: layer).filter { !list.contains($0) } }
    }
  }

  private static func names(of layer: OGRLayerH?) -> [String] {
    let definition = OGR_L_GetLayerDefn(layer)
    return (0..<OGR_FD_GetFieldCount(definition)).map { index in
      OGR_Fld_GetNameRef(OGR_FD_GetFieldDefn(definition, index)).map { String(cString: $0) } ?? ""
    }
  }

  /// What lies beside a shapefile and belongs to it.
  private static func companions(of path: String) -> [String] {
    let name = PathName(path)
    guard name.fileExtension.lowercased() == "shp" else { return [] }
    return ["shx", "dbf", "prj", "cpg"].map { name.stem + "." + $0 }.filter { VSI.isFile($0) }
  }
}

/// The pixels of an image as places on a map.
private struct PolygonGrid {
  let transform: [Double]
  let crs: String?
  let lines: Int
  let samples: Int
  let path: String

  init?(_ image: any CubeReader) {
    guard let georeference = image.metadata.georeference, case .affine(let t) = georeference.mapping, t.count == 6,
      t[1] * t[5] - t[2] * t[4] != 0
    else { return nil }
    (transform, crs, path) = (t, georeference.crs.flatMap { $0.isEmpty ? nil : $0 }, image.path)
    (lines, samples) = (image.shape.lines, image.shape.samples)
  }

  /// The rectangle of pixels around a box on the map, as far as it lies in the image; nil where it does not.
  func window(_ box: OGREnvelope) -> PixelWindow? {
    let t = transform
    let determinant = t[1] * t[5] - t[2] * t[4]
    let corners = [(box.MinX, box.MinY), (box.MinX, box.MaxY), (box.MaxX, box.MinY), (box.MaxX, box.MaxY)].map {
      (
        (t[5] * ($0.0 - t[0]) - t[2] * ($0.1 - t[3])) / determinant,
        (t[1] * ($0.1 - t[3]) - t[4] * ($0.0 - t[0])) / determinant
      )
    }
    guard corners.allSatisfy({ $0.0.isFinite && $0.1.isFinite }) else { return nil }
    func range(_ values: [Double], _ count: Int) -> Range<Int>? {
      guard let least = values.min(), let most = values.max() else { return nil }
      let (low, high) = (max(0, least.rounded(.down)), min(Double(count), most.rounded(.down) + 1))
      return low < high ? Int(clamping: low)..<Int(clamping: high) : nil
    }
    guard let columns = range(corners.map(\.0), samples), let rows = range(corners.map(\.1), lines) else { return nil }
    return PixelWindow(line: rows.lowerBound, sample: columns.lowerBound, lines: rows.count, samples: columns.count)
  }
}

/// The features of one layer on a grid.
private final class LayerReader {
  let isNumeric: Bool
  private let layer: OGRLayerH?
  private let field: Int32?
  private let grid: PolygonGrid
  private let path: String
  private let target: OGRSpatialReferenceH?
  private let transformation: OGRCoordinateTransformationH?

  init(_ layer: OGRLayerH?, field: Int32?, grid: PolygonGrid, path: String, _ context: RunContext) throws {
    (self.layer, self.field, self.grid, self.path) = (layer, field, grid, path)
    let type = field.map { OGR_Fld_GetType(OGR_FD_GetFieldDefn(OGR_L_GetLayerDefn(layer), $0)) }
    isNumeric = type == OFTInteger || type == OFTInteger64
    let own = OGR_L_GetSpatialRef(layer)
    guard let own, let crs = grid.crs else {
      (target, transformation) = (nil, nil)
      if own != nil {
        context.warn(
          "W-VECTOR-CRS",
          "\(grid.path) has no reference system: the coordinates of \(path) are taken as being in its own")
      }
      return
    }
    let reference = OSRNewSpatialReference(nil)
    guard OSRSetFromUserInput(reference, crs) == OGRERR_NONE else {
      OSRDestroySpatialReference(reference)
      throw RasterError.inconsistent(
        path: grid.path, reason: "its reference system cannot be understood",
        advice: "pass a raster on the pixels of the scene")
    }
    OSRSetAxisMappingStrategy(reference, OAMS_TRADITIONAL_GIS_ORDER)
    target = reference
    transformation = OCTNewCoordinateTransformation(own, reference)
    guard transformation != nil else {
      throw RasterError.unreadable(
        path: path, reason: "its reference system cannot be brought to that of \(grid.path)")
    }
  }

  deinit {
    if let transformation { OCTDestroyCoordinateTransformation(transformation) }
    if let target { OSRDestroySpatialReference(target) }
  }

  /// - Parameter lines: counts features that are lines.
  func features(
    _ lines: inout Int, _ messages: GDAL.Messages, _ context: RunContext
  ) throws -> [VectorFeatures.Feature] {
    var result: [VectorFeatures.Feature] = []
    OGR_L_ResetReading(layer)
    while let feature = OGR_L_GetNextFeature(layer) {
      defer { OGR_F_Destroy(feature) }
      try context.checkCancellation()
      guard let given = OGR_F_GetGeometryRef(feature), OGR_G_IsEmpty(given) == 0 else { continue }
      guard OGR_G_GetDimension(given) != 1 else {
        lines += 1
        continue
      }
      // A copy; arcs become chords.
      guard let geometry = OGR_G_GetLinearGeometry(given, 0, nil) else { continue }
      defer { OGR_G_DestroyGeometry(geometry) }
      if let transformation, OGR_G_Transform(geometry, transformation) != OGRERR_NONE {
        throw RasterError.unreadable(
          path: path, reason: messages.reason ?? "a feature cannot be brought to the reference system of \(grid.path)")
      }
      result.append(
        VectorFeatures.Feature(
          number: result.count + 1, text: text(feature), places: try places(geometry, messages, context)))
    }
    return result
  }

  private func text(_ feature: OGRFeatureH) -> String? {
    guard let field, OGR_F_IsFieldSetAndNotNull(feature, field) != 0, let value = OGR_F_GetFieldAsString(feature, field)
    else { return nil }
    let text = String(cString: value).replacing("\n", with: " ").trimmingCharacters(in: .whitespaces)
    return text.isEmpty ? nil : text
  }

  /// The pixels inside, from a raster of the box around the geometry.
  private func places(
    _ geometry: OGRGeometryH, _ messages: GDAL.Messages, _ context: RunContext
  ) throws -> [Int] {
    var box = OGREnvelope()
    OGR_G_GetEnvelope(geometry, &box)
    guard let window = grid.window(box) else { return [] }
    // The box as a raster twice, and the places if all of it is inside.
    let needed = window.pixels * 10
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "the polygon around \(window) of \(path)", needed: needed, budget: context.memory.bytes)
    }
    func failure() -> RasterError { .unreadable(path: path, reason: messages.reason ?? "it cannot be made a raster") }
    var values = [UInt8](repeating: 0, count: window.pixels)
    let (width, height) = (Int32(window.samples), Int32(window.lines))
    let memory = GDALGetDriverByName("MEM")
    guard let raster = GDALCreate(memory, "", width, height, 1, GDT_Byte, nil) else { throw failure() }
    defer { GDALClose(raster) }
    var transform = Georeference(crs: nil, mapping: .affine(grid.transform)).shifted(to: window).affineTerms
    GDALSetGeoTransform(raster, &transform)
    var (band, burn) = (Int32(1), 1.0)
    var handle: OGRGeometryH? = geometry
    let status = GDALRasterizeGeometries(raster, 1, &band, 1, &handle, nil, nil, &burn, nil, nil, nil)
    guard status == CE_None, !messages.hasError else { throw failure() }
    let reading = values.withUnsafeMutableBytes {
      GDALRasterIO(
        GDALGetRasterBand(raster, 1), GF_Read, 0, 0, width, height, $0.baseAddress, width, height, GDT_Byte, 0, 0)
    }
    guard reading == CE_None else { throw failure() }
    var result: [Int] = []
    for line in 0..<window.lines {
      let start = (window.line + line) * grid.samples + window.sample
      for sample in 0..<window.samples where values[line * window.samples + sample] != 0 {
        result.append(start + sample)
      }
    }
    return result
  }
}

extension Georeference {
  /// The six numbers of an affine mapping.
  fileprivate var affineTerms: [Double] { if case .affine(let t) = mapping { t } else { [0, 1, 0, 0, 0, 1] } }
}
