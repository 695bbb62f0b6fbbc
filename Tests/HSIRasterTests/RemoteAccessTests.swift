import CGDAL
import CHDF5
import Foundation
import HSICore
import Testing

@testable import HSIRaster

/// Files that lead elsewhere are not followed unasked. (What is allowed is for the whole process: `SafetyCommandTests` ask for it.)
@Suite struct RemoteAccessTests {
  private func vrt(_ source: String, relative: Bool = false, element: String = "SourceFilename") -> String {
    """
    <VRTDataset rasterXSize="2" rasterYSize="2"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>
    <\(element) relativeToVRT="\(relative ? 1 : 0)">\(source)</\(element)><SourceBand>1</SourceBand>
    </SimpleSource></VRTRasterBand></VRTDataset>
    """
  }

  /// A GeoTIFF of 2 × 2 pixels.
  private func tiff(_ path: String) throws {
    let writer = try RasterFormats.create(
      path, shape: CubeShape(lines: 2, samples: 2, bands: 1), type: .uint8, metadata: CubeMetadata(bands: 1),
      context: RunContext())
    let block = StoredBlock()
    block.prepare(type: .uint8, interleave: .bsq, lines: 2, samples: 2, bands: 1)
    for i in 0..<4 { block.bytes[i] = UInt8(i + 1) }
    try writer.write(block, lines: 0..<2)
    _ = try writer.finish()
  }

  private func outcome(_ path: String, variable: String? = nil) -> String {
    var options = OpenOptions()
    options.variable = variable
    if path.hasSuffix(".h5") { options.axes = "hwb" }
    do {
      let reader = try RasterFormats.open(path, options: options, context: RunContext())
      return "\(try reader.stored())"
    } catch { return (error as? any HSIError)?.identifier ?? "\(error)" }
  }

  @Test func descriptionsStayInTheirFolder() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(atPath: scratch.path("a/b"), withIntermediateDirectories: true)
    for name in ["out.tif", "a/in.tif", "a/b/deep.tif"] { try tiff(scratch.path(name)) }
    func found(_ source: String, relative: Bool = false, element: String = "SourceFilename", name: String = "a/v.vrt")
      throws -> String
    {
      try scratch.write(vrt(source, relative: relative, element: element), to: name)
      return outcome(scratch.path(name))
    }
    let values = "[1.0, 2.0, 3.0, 4.0]"
    #expect(try found("in.tif", relative: true) == values)
    #expect(try found("b/deep.tif", relative: true) == values)
    #expect(try found("b/../in.tif", relative: true) == values)
    #expect(try found(scratch.path("a/in.tif")) == values)
    #expect(try found("../out.tif", relative: true) == "E-FOREIGN")
    #expect(try found("b/../../out.tif", relative: true) == "E-FOREIGN")
    #expect(try found(scratch.path("out.tif")) == "E-FOREIGN")
    #expect(try found("GTIFF_DIR:1:" + scratch.path("out.tif")) == "E-FOREIGN")
    #expect(try found("NETCDF:\"" + scratch.path("out.nc") + "\":x") == "E-FOREIGN")
    #expect(try found("vrt://" + scratch.path("out.tif") + "?bands=1") == "E-FOREIGN")
    #expect(try found("/vsizip/" + scratch.path("out.zip") + "/x.tif") == "E-FOREIGN")
    #expect(try found("/vsisubfile/0_9," + scratch.path("out.tif")) == "E-FOREIGN")
    #expect(try found("MEM:::DATAPOINTER=1,PIXELS=2,LINES=2") == "E-FOREIGN")
    #expect(try found("../out.tif", relative: true, element: "SourceDataset") == "E-FOREIGN")
    // Escaped, in a section of its own, and through another description.
    #expect(try found("&#46;./out.tif", relative: true) == "E-FOREIGN")
    #expect(try found("<![CDATA[../out.tif]]>", relative: true) == "E-FOREIGN")
    #expect(try found("v.vrt", relative: true, name: "a/w.vrt") == "E-FOREIGN")
    #expect(try found("v.vrt", relative: true, name: "a/v.vrt") == "E-FOREIGN", "a circle")
    let inner = vrt(scratch.path("out.tif")).replacing("<", with: "&lt;")
    #expect(try found(inner) == "E-FOREIGN")
    // A link to a description counts from where it leads, as in GDAL.
    #expect(try found("in.tif", relative: true) == values)
    try FileManager.default.createSymbolicLink(
      atPath: scratch.path("link.vrt"), withDestinationPath: scratch.path("a/v.vrt"))
    #expect(outcome(scratch.path("link.vrt")) == values)
  }

  @Test(arguments: [
    "/vsicurl/http://127.0.0.1:9/a.tif", "/vsicurl_streaming/http://127.0.0.1:9/a.tif", "/vsis3/b/a.tif",
    "/vsigs/b/a.tif",
    "/vsiaz/b/a.tif", "/vsiadls/b/a.tif", "/vsioss/b/a.tif", "/vsiswift/b/a.tif",
    "/vsiwebhdfs/http://127.0.0.1:9/a.tif",
    "/vsizip//vsicurl/http://127.0.0.1:9/a.zip/a.tif", "http://127.0.0.1:9/a.tif", "HTTPS://127.0.0.1:9/a.tif",
    "WMS:http://127.0.0.1:9", "WMTS:http://127.0.0.1:9", "WCS:http://127.0.0.1:9", "PG:host=127.0.0.1", "EEDAI:x",
    "PLMosaic:x",
    "/vsicurl?url=http%3A%2F%2F127.0.0.1", "<GDAL_WMS/>",
  ])
  func descriptionsDoNotReachTheNetwork(source: String) throws {
    let scratch = try Scratch()
    for element in ["SourceFilename", "SourceDataset"] {
      let text = source.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      #expect(outcome(try scratch.write(vrt(text, element: element), to: "v.vrt")) == "E-FOREIGN")
    }
    let vector =
      "<OGRVRTDataSource><OGRVRTLayer name=\"x\"><SrcDataSource>\(source.replacing("<", with: "&lt;"))</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    let path = try scratch.write(vector, to: "v.ovf")
    #expect(throws: RasterError.self) { try VectorFile.reading(path) { _, _ in } }
  }

  /// A container may call anything a dataset of its own.
  @Test func datasetsOfAContainerAreItsOwn() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(atPath: scratch.path("a"), withIntermediateDirectories: true)
    for name in ["out.tif", "a/in.tif"] { try tiff(scratch.path(name)) }
    func found(_ name: String) throws -> String {
      try scratch.write(
        "<VRTDataset rasterXSize=\"2\" rasterYSize=\"2\"><VRTRasterBand dataType=\"Byte\" band=\"1\"/><Metadata domain=\"SUBDATASETS\"><MDI key=\"SUBDATASET_1_NAME\">\(name)</MDI>"
          + "<MDI key=\"SUBDATASET_1_DESC\">x</MDI></Metadata></VRTDataset>", to: "a/c.vrt")
      return outcome(scratch.path("a/c.vrt"), variable: "1")
    }
    #expect(try found(scratch.path("a/in.tif")) == "[1.0, 2.0, 3.0, 4.0]")
    #expect(try found(scratch.path("out.tif")) == "E-FOREIGN")
    #expect(try found("/vsicurl/http://127.0.0.1:9/a.tif") == "E-FOREIGN")
    #expect(try found("WMS:http://127.0.0.1:9") == "E-FOREIGN")
  }

  @Test(arguments: ["<GDAL_WMS>\n</GDAL_WMS>", "<WMS_Capabilities/>", "<WCS_GDAL/>", "<GDAL_WMTS/>"])
  func webServicesAreNotAsked(text: String) throws {
    let scratch = try Scratch()
    #expect(outcome(try scratch.write(text, to: "s.xml")) == "E-FOREIGN")
  }

  @Test func driversOfServicesAreGone() {
    GDAL.register()
    for name in ["WMS", "WMTS", "WCS", "HTTP", "PLMOSAIC", "STACTA", "WFS"] {
      #expect(GDALGetDriverByName(name) == nil, "\(name)")
    }
    for name in ["GTiff", "VRT", "ENVI", "MEM", "GeoJSON"] { #expect(GDALGetDriverByName(name) != nil, "\(name)") }
  }

  /// External storage, a virtual array and an external link of HDF5.
  @Test func hdf5StaysInItsFolder() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(atPath: scratch.path("a"), withIntermediateDirectories: true)
    let raw = try scratch.write([UInt8](repeating: 7, count: 24), to: "raw.bin")
    let other = HDF5Scratch(scratch.path("other.h5"))
    other.array("cube", [2, 3, 4], (0..<24).map(Double.init), type: hsi_h5_uint8())
    other.close()
    func file(_ name: String, _ make: (hid_t) -> Void) -> String {
      H5open()
      let path = scratch.path("a/" + name)
      let file = H5Fcreate(path, 2, 0, 0)
      make(file)
      H5Fclose(file)
      return path
    }
    func dataset(_ file: hid_t, _ properties: hid_t) {
      let space = H5Screate_simple(3, [2, 3, 4], nil)
      H5Dclose(H5Dcreate2(file, "cube", hsi_h5_uint8(), space, 0, properties, 0))
      H5Sclose(space)
      H5Pclose(properties)
    }
    for (number, name) in [raw, "../raw.bin", "x/../../raw.bin"].enumerated() {
      let path = file("external\(number).h5") { file in
        let properties = H5Pcreate(hsi_h5_dataset_create())
        H5Pset_external(properties, name, 0, 24)
        dataset(file, properties)
      }
      #expect(outcome(path) == "E-FOREIGN", "\(name)")
    }
    for (number, name) in [scratch.path("other.h5"), "../other.h5"].enumerated() {
      let path = file("virtual\(number).h5") { file in
        let properties = H5Pcreate(hsi_h5_dataset_create())
        let space = H5Screate_simple(3, [2, 3, 4], nil)
        H5Pset_virtual(properties, space, name, "cube", space)
        H5Sclose(space)
        dataset(file, properties)
      }
      #expect(outcome(path) == "E-FOREIGN", "\(name)")
    }
    // The library that must not follow such links cannot make them either: a file with a link `cube` to `../other.h5`.
    let bytes = try #require(
      Data(
        base64Encoded: """
          iUhERg0KGgoDCAgAAAAAAAAAAAD//////////7MAAAAAAAAAMAAAAAAAAACVVVaLT0hEUgIAeAISAAAAAP//////////////////\
          //8KAgABAAAGHQAAAQhABGN1YmUTAAAuLi9vdGhlci5oNQAvY3ViZQAANwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
          AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI75BZI=
          """))
    let linked = try scratch.write(Array(bytes), to: "a/linked.h5")
    #expect(outcome(linked).hasPrefix("E-"))
    #expect(outcome(scratch.path("other.h5")).hasPrefix("[0.0, 1.0"))
  }

  @Test func namesInTablesComeBack() throws {
    let names = ["=1+1", "+a", "-b", "@c", "plain", "'=d", "'e'", "=f,g", "h \"i\""]
    let library = SpectralLibrary(
      names: names, axis: SpectralAxis(wavelengths: [400, 500, 600]),
      values: (0..<(3 * names.count)).map { Double($0) - 5 })
    let text = CSVSpectra.text(library)
    for cell in text.split(separator: "\n")[0].split(separator: ",") {
      #expect(cell.first { $0 != "\"" }.map { !"=+-@".contains($0) } ?? true, "\(cell)")
    }
    #expect(text.contains("-5,"), "numbers stay numbers")
    let read = try CSVSpectra.parse(Array(text.utf8), path: "t.csv", context: RunContext())
    #expect(read.names == names && read.values == library.values)
  }
}
