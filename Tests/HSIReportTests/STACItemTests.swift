import Foundation
import HSICore
import Testing

@testable import HSIReport

/// STAC items against the rules of the specification that they must obey, written as a schema.
@Suite struct STACItemTests {
  /// The part of the schemas of STAC 1.1.0 and of the extensions that applies to the items of hsi.
  private static let schema = """
    {
      "type": "object",
      "required": ["type", "stac_version", "id", "geometry", "properties", "links", "assets", "stac_extensions"],
      "additionalProperties": false,
      "properties": {
        "type": {"enum": ["Feature"], "type": "string"},
        "stac_version": {"type": "string", "pattern": "^1\\\\.1\\\\.0$"},
        "stac_extensions": {"type": "array", "items": {"type": "string",
          "pattern": "^https://stac-extensions\\\\.github\\\\.io/[a-z]+/v[0-9]+\\\\.[0-9]+\\\\.[0-9]+/schema\\\\.json$"}},
        "id": {"type": "string", "pattern": "."},
        "bbox": {"type": "array", "items": {"type": "number", "minimum": -180, "maximum": 180}},
        "geometry": {"type": ["object", "null"], "required": ["type", "coordinates"],
          "properties": {"type": {"type": "string", "enum": ["Polygon", "MultiPolygon"]}, "coordinates": {"type": "array"}}},
        "properties": {"type": "object", "required": ["datetime"], "properties": {
          "datetime": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,}(Z|[+-][0-9]{2}:[0-9]{2})$"},
          "created": {"type": "string", "pattern": "Z$"},
          "instruments": {"type": "array", "items": {"type": "string"}},
          "processing:software": {"type": "object", "additionalProperties": {"type": "string"}},
          "proj:code": {"type": ["string", "null"], "pattern": "^[A-Z]+:[0-9]+$"},
          "proj:wkt2": {"type": "string"},
          "proj:shape": {"type": "array", "items": {"type": "integer"}},
          "proj:transform": {"type": "array", "items": {"type": "number"}},
          "proj:bbox": {"type": "array", "items": {"type": "number"}}}},
        "links": {"type": "array", "items": {"type": "object", "required": ["rel", "href"],
          "properties": {"rel": {"type": "string"}, "href": {"type": "string", "pattern": "^[^ ]+$"}}}},
        "assets": {"type": "object", "additionalProperties": {"type": "object", "required": ["href"],
          "properties": {
            "href": {"type": "string", "pattern": "^[^ ]+$"}, "type": {"type": "string"}, "title": {"type": "string"},
            "roles": {"type": "array", "items": {"type": "string"}},
            "bands": {"type": "array", "items": {"type": "object", "required": ["name", "data_type"],
              "additionalProperties": false, "properties": {
                "name": {"type": "string", "pattern": "."},
                "data_type": {"type": "string", "enum": ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
                  "uint64", "float32", "float64"]},
                "nodata": {"type": ["number", "string"], "pattern": "^(nan|inf|-inf)$"},
                "raster:scale": {"type": "number"}, "raster:offset": {"type": "number"},
                "eo:center_wavelength": {"type": "number", "minimum": 0.01, "maximum": 100},
                "eo:full_width_half_max": {"type": "number", "minimum": 0, "maximum": 10}}}},
            "classification:classes": {"type": "array", "items": {"type": "object", "required": ["value", "name"],
              "additionalProperties": false, "properties": {
                "value": {"type": "integer"}, "name": {"type": "string", "pattern": "^[0-9A-Za-z_-]+$"},
                "title": {"type": "string"}, "color_hint": {"type": "string", "pattern": "^[0-9A-F]{6}$"}}}}}}}
      }
    }
    """

  private func errors(_ item: STACItem, at path: String = "/out/x.json") throws -> [String] {
    try SchemaValidator(STACItemTests.schema).errors(in: item.json(at: path))
  }

  private func object(_ item: STACItem, at path: String = "/out/x.json") throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: item.json(at: path)) as? [String: Any])
  }

  private func metadata() -> CubeMetadata {
    var metadata = CubeMetadata(bands: 3)
    metadata.axis = SpectralAxis(wavelengths: [482.13, 1653.7000000000003, 0], fwhm: [6.5, 12, 0])
    metadata.nodata = [-9999, .nan, nil]
    metadata.scale = [1e-4, 1, 1]
    metadata.offset = [0, 0.5, 0]
    metadata.acquired = "2021-05-06 10:00:00.250"
    metadata.sensor = "EnMAP"
    metadata.quantity = .reflectance
    metadata.georeference = Georeference(crs: "X", mapping: .affine([500_000, 30, 0, 4_000_000, 0, -30]))
    return metadata
  }

  private func item(_ metadata: CubeMetadata) -> STACItem {
    var item = STACItem(
      path: "/out/a scene.tif", mediaType: "image/tiff",
      shape: CubeShape(lines: 20, samples: 10, bands: metadata.bands),
      type: .int16, metadata: metadata, created: "2024-01-02T03:04:05Z")
    item.place = .init(rings: [[[9, 36], [9, 35], [10, 35], [10, 36], [9, 36]]], box: [9, 35, 10, 36])
    item.code = "EPSG:32633"
    item.wkt = "PROJCRS[]"
    item.software = ["hsi": "1"]
    item.derivedFrom = ["/data/in put.hdr", "https://example.org/x.tif?token=hunter2"]
    item.others = [
      .init(path: "/out/a.png", title: "quicklook"), .init(path: "/out/b.png", title: "quicklook"),
    ]
    return item
  }

  @Test func scene() throws {
    let item = item(metadata())
    #expect(try errors(item) == [])
    let object = try object(item)
    let properties = try #require(object["properties"] as? [String: Any])
    #expect(properties["datetime"] as? String == "2021-05-06T10:00:00.250Z")
    #expect(properties["proj:transform"] as? [Double] == [30, 0, 500_000, 0, -30, 4_000_000])
    #expect(properties["proj:bbox"] as? [Double] == [500_000, 3_999_400, 500_300, 4_000_000])
    #expect(properties["proj:shape"] as? [Int] == [20, 10])
    let assets = try #require(object["assets"] as? [String: [String: Any]])
    let bands = try #require(assets["data"]?["bands"] as? [[String: Any]])
    #expect(
      bands[0]["eo:center_wavelength"] as? Double == 0.48213
        && bands[1]["eo:center_wavelength"] as? Double == 1.6537)
    #expect(bands[0]["raster:scale"] as? Double == 1e-4 && bands[1]["raster:offset"] as? Double == 0.5)
    #expect(
      bands[0]["nodata"] as? Double == -9999 && bands[1]["nodata"] as? String == "nan"
        && bands[2]["nodata"] == nil)
    // A band without wavelength has none here either.
    #expect(bands[2]["eo:center_wavelength"] == nil)
    #expect(assets["data"]?["href"] as? String == "./a%20scene.tif")
    #expect(assets["quicklook-png"] != nil && assets["quicklook-png-2"] != nil)
    let links = try #require(object["links"] as? [[String: Any]]).compactMap { $0["href"] as? String }
    #expect(links[0] == "../data/in%20put.hdr" && !links[1].contains("hunter2"))
    let text = String(decoding: try item.json(at: "/out/x.json"), as: UTF8.self)
    #expect(
      text == String(decoding: try item.json(at: "/out/x.json"), as: UTF8.self) && text.hasSuffix("}\n"))
  }

  @Test func classesAndNothingKnown() throws {
    var classes = CubeMetadata(bands: 1)
    classes.classes = [
      ClassEntry(name: "Unclassified", colour: [0, 0, 0]),
      ClassEntry(name: "low vegetation (wet)", colour: [0, 255, 16]),
      ClassEntry(name: "", colour: []),
    ]
    classes.quantity = .class
    var item = item(classes)
    item.place = nil
    item.code = nil
    item.wkt = nil
    #expect(try errors(item) == [])
    let object = try object(item)
    #expect(object["geometry"] is NSNull && object["bbox"] == nil)
    let assets = try #require(object["assets"] as? [String: [String: Any]])
    let entries = try #require(assets["data"]?["classification:classes"] as? [[String: Any]])
    #expect(entries.map { $0["name"] as? String } == ["unclassified", "low-vegetation-wet", "class-2"])
    #expect(entries[1]["color_hint"] as? String == "00FF10")
    // Without a time of acquisition that of processing stands.
    #expect((object["properties"] as? [String: Any])?["datetime"] as? String == "2024-01-02T03:04:05Z")
    #expect(item.acquired == nil)
  }

  @Test(
    arguments: [
      ("2023-08-01T10:11:12+0000", "2023-08-01T10:11:12+00:00"),
      ("2021-05-06T10:00:00", "2021-05-06T10:00:00Z"),
      ("2021-05-06", "2021-05-06T00:00:00Z"), ("2021-05-06T10:00", "2021-05-06T10:00:00Z"),
      ("2021-05-06T10:00:00.123456Z", "2021-05-06T10:00:00.123456Z"), ("2021-13-06", nil),
      ("2021-05-06T25:00:00", nil),
      ("yesterday", nil), ("", nil), ("06/05/2021", nil),
    ] as [(String, String?)])
  func times(text: String, wanted: String?) { #expect(STACItem.time(text) == wanted) }

  @Test(arguments: [
    ("/a/b/x.tif", "/a/b/i.json", "./x.tif"), ("/a/x.tif", "/a/b/i.json", "../x.tif"),
    ("/a/b/c/x.tif", "/a/b/i.json", "./c/x.tif"),
    ("/q/x.tif", "/a/b/i.json", "../../q/x.tif"), ("/vsimem/x.tif", "/a/i.json", "/vsimem/x.tif"),
  ])
  func references(path: String, item: String, wanted: String) {
    #expect(STACItem.reference(path, from: item) == wanted)
  }
}
