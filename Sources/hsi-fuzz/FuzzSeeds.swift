import Foundation
import HSIKit

/// Valid files to damage: fixtures of the tests, and texts that stand here.
enum FuzzSeeds {
  private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Tests")

  /// Fixtures below the folder of tests.
  static func fixtures(_ folder: String, _ names: [String]) throws -> [FuzzTarget.Seed] {
    try names.map { name in
      let url = tests.appendingPathComponent(folder).appendingPathComponent(name)
      return .init(name: url.lastPathComponent, bytes: [UInt8](try Data(contentsOf: url)))
    }
  }

  /// Texts as files of an extension.
  static func texts(_ kind: String, _ texts: [String]) -> [FuzzTarget.Seed] {
    texts.map { .init(name: "s." + kind, bytes: Array($0.utf8)) }
  }

  /// The fixed part of a header of 4 bands.
  static let layout = """
    ENVI
    samples = 3
    lines = 2
    bands = 4
    header offset = 0
    data type = 2
    interleave = bil
    byte order = 0

    """

  static let headers = [
    layout + """
      wavelength units = Micrometers
      wavelength = {0.4, 0.5, 0.6, 0.7}
      fwhm = {0.01, 0.01, 0.01, 0.01}
      bbl = {1, 1, 0, 1}
      data ignore value = -9999
      default bands = {3, 2, 1}
      map info = {UTM, 1, 1, 500000, 4000000, 30, 30, 33, North, WGS-84, units=Meters}
      band names = {
       a (400 nm), b, c,
       d}

      """,
    layout + """
      ; a comment
      wavelength = {400., 500., 600., 700.}
      data gain values = {1, 2, 3, 4}
      data offset values = {0, 0, 0, 0}
      major frame offsets = {0, 0}
      reflectance scale factor = 1.0E4
      classes = 3
      class names = {Unclassified, grass, tree}
      class lookup = {0, 0, 0, 0, 255, 0, 0, 80, 0}
      geo points = {1, 1, 40.0, 10.0, 3, 1, 40.0, 11.0, 1, 2, 39.0, 10.0, 3, 2, 39.0, 11.0}
      coordinate system string = {GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]}
      acquisition time = 2020-01-01T00:00:00Z

      """,
  ]

  static let bandNames = [
    "a (400 nm), b 500 nm, B012 (0.6 um), Band 4 (700.5 Nanometers)", "Band_503, Band_603, Band_703, Band_803",
    "band 1 (1.5E3 1/cm), (), ( nm), 1e999 nm",
  ]

  static let tables = [
    "wavelength,grass,tree,soil\n400,0.1,0.2,0.3\n500,0.2,0.3,0.4\n600,0.3,0.4,0.5\n700,0.4,0.5,0.6\n",
    "name;400;500;600;700\ngrass;0,1;0,2;0,3;0,4\ntree;0,2;0,3;0,4;0,5\n",
    "# a comment\nband\tcentre_nm\tfwhm\tgood\tx\n1\t400\t5\t1\t.5\n2\t500\t5\t0\t.6\n3\t600\t5\t1\tNaN\n",
    "\"a, b\",\"c \"\"d\"\"\"\n1.5D0,2\n3,4\n5,6\n",
  ]

  static let metadata = [
    """
    <?xml version="1.0" encoding="UTF-8"?>
    <level_X><base><level>L2A</level><startTime>2020-01-01T00:00:00Z</startTime></base>
    <bandCharacterisation>
    <bandID number="1"><wavelengthCenterOfBand>423.0</wavelengthCenterOfBand><FWHMOfBand>6.9</FWHMOfBand><GainOfBand>1e-4</GainOfBand></bandID>
    <bandID number="2"><wavelengthCenterOfBand>500.0</wavelengthCenterOfBand><FWHMOfBand>7.9</FWHMOfBand><GainOfBand>1e-4</GainOfBand></bandID>
    <bandID number="3"><wavelengthCenterOfBand>600.0</wavelengthCenterOfBand><FWHMOfBand>8.9</FWHMOfBand><GainOfBand>1e-4</GainOfBand></bandID>
    <bandID number="4"><wavelengthCenterOfBand>700.0</wavelengthCenterOfBand><FWHMOfBand>9.9</FWHMOfBand><GainOfBand>1e-4</GainOfBand></bandID>
    </bandCharacterisation></level_X>
    """,
    """
    <?xml version="1.0"?><?a b?>
    <!DOCTYPE x SYSTEM "y">
    <x><mission>DESIS</mission><!-- c --><![CDATA[ d ]]><bandCharacterisation><band><bandNumber>&#49;</bandNumber>\
    <wavelengthWidthOfBand>3</wavelengthWidthOfBand><wavelengthCenterOfBand>400</wavelengthCenterOfBand></band></bandCharacterisation></x>
    """,
  ]

  static let items = [
    """
    {"type": "Feature", "stac_version": "1.1.0", "id": "s", "properties": {"datetime": null}, "assets": {"data": {"href": "./s.dat", \
    "bands": [{"eo:center_wavelength": 0.4, "eo:full_width_half_max": 0.01}, {"eo:center_wavelength": 0.5}, \
    {"eo:center_wavelength": 0.6}, {"eo:center_wavelength": 0.7}]}}}
    """,
    """
    {"stac_version": "1.0.0", "assets": {"a": {"href": "s.dat", "eo:bands": [{"center_wavelength": 0.4}, {"center_wavelength": 0.5}, \
    {"center_wavelength": 6e2}, {"center_wavelength": 0.7}]}}, "properties": {}}
    """,
  ]

  /// ECOSTRESS, Spectral Evolution, Spectra Vista.
  static let fieldSpectra: [FuzzTarget.Seed] = [
    (
      "txt",
      "Name: Grass\nSample No.: 7\nX Units: Wavelength (micrometers)\nY Units: Reflectance (percentage)\n\n0.4 10.5\n0.5 20\n0.6 30\n"
    ),
    (
      "sed",
      """
      Comment: none
      Version: 2.3
      Columns [4]
      Data:
      Wvl\tRad. (Target)\tRad. (Ref.)\tReflect. %
      400\t1.5\t3\t50
      500\t1,5\t3\t50,1
      600\t1E0\t3\t33.3

      """
    ),
    ("sig", "/*** Spectra Vista SIG Data ***/\nname= a\ndata=\n400.0  1.00  2.00  50.00\n500.0  1.00  2.00  50.00\n"),
  ].map { FuzzTarget.Seed(name: "s." + $0.0, bytes: Array($0.1.utf8)) }

  static let usgs = [
    " splib07a Record=123: Alunite GDS84 ASDFRb AREF\n 0.25\n -1.23e34\n 0.75\n 1.0E-1\n",
    "s07_AV95 Record=3: Grass\n0.1\n0.2\n0.3\n0.4\n",
  ]

  static let libraryHeaders = [
    """
    ENVI
    samples = 4
    lines = 3
    bands = 1
    header offset = 0
    file type = ENVI Spectral Library
    data type = 4
    interleave = bsq
    byte order = 0
    wavelength units = Nanometers
    reflectance scale factor = 100.0
    spectra names = {grass, "tree, old", soil}
    wavelength = {400, 500, 600, 700}
    fwhm = {5, 5, 5, 5}
    bbl = {1, 1, 0, 1}

    """
  ]

  /// A reflectance of 6 channels with its white reference, as ASD's instruments write it.
  static var asd: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 484)
    func put<T>(_ value: T, at place: Int) {
      withUnsafeBytes(of: value) { for (i, byte) in $0.enumerated() { bytes[place + i] = byte } }
    }
    bytes.replaceSubrange(0..<3, with: Array("as7".utf8))
    (bytes[179], bytes[186], bytes[199]) = (7, 1, 0)
    put(Float(350), at: 191)
    put(Float(1), at: 195)
    put(UInt16(6), at: 204)
    func append(_ values: [Float]) { for value in values { withUnsafeBytes(of: value) { bytes += $0 } } }
    append([1, 2, 3, 4, 5, 6])
    bytes += [1, 0] + [UInt8](repeating: 0, count: 16) + [3, 0] + Array("ref".utf8)
    append([2, 4, 6, 8, 10, 12])
    return bytes
  }

  /// 3 × 2 pixels of 4 bands of 16 bits, uncompressed, with GDAL's metadata of bands and a place on the map.
  static var geoTIFF: [UInt8] {
    let metadata =
      Array(
        """
        <GDALMetadata><Item name="DESCRIPTION" sample="0" role="description">a (400 nm)</Item>\
        <Item name="wavelength" sample="0">400</Item><Item name="wavelength_units" sample="0">nm</Item>\
        <Item name="SCALE" sample="1" role="scale">0.5</Item><Item name="OFFSET" sample="1" role="offset">1</Item>\
        <Item name="CENTRAL_WAVELENGTH_UM" sample="2" domain="IMAGERY">0.6</Item></GDALMetadata>
        """.utf8) + [0]
    let nodata = Array("-9999".utf8) + [0]
    var numbers: [UInt8] = []
    func append(_ values: [Double]) { for value in values { withUnsafeBytes(of: value) { numbers += $0 } } }
    let entries = 16
    let extra = 8 + 2 + 12 * entries + 4
    // Behind the directory: four times 16 bits twice, the grid, texts, samples.
    var tail: [UInt8] = []
    func place(_ bytes: [UInt8]) -> Int {
      if tail.count % 2 == 1 { tail.append(0) }
      tail += bytes
      return extra + tail.count - bytes.count
    }
    let bits = place([16, 0, 16, 0, 16, 0, 16, 0])
    let format = place([2, 0, 2, 0, 2, 0, 2, 0])
    append([30, 30, 0])
    let scale = place(numbers)
    numbers = []
    append([0, 0, 0, 500_000, 4_000_000, 0])
    let tie = place(numbers)
    let keys = place(
      [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633].flatMap { (n: Int) -> [UInt8] in
        [UInt8(n & 255), UInt8(n >> 8)]
      })
    let text = place(metadata)
    let hole = place(nodata)
    let samples = place((0..<48).map { UInt8($0) })
    let directory: [(tag: Int, kind: Int, count: Int, value: Int)] = [
      (256, 3, 1, 3), (257, 3, 1, 2), (258, 3, 4, bits), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, samples),
      (277, 3, 1, 4), (278, 3, 1, 2), (279, 4, 1, 48), (284, 3, 1, 1), (339, 3, 4, format), (33550, 12, 3, scale),
      (33922, 12, 6, tie), (34735, 3, 16, keys), (42112, 2, metadata.count, text), (42113, 2, nodata.count, hole),
    ]
    func little(_ value: Int, _ width: Int) -> [UInt8] { (0..<width).map { UInt8(value >> (8 * $0) & 255) } }
    var bytes: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0] + little(directory.count, 2)
    for entry in directory {
      bytes += little(entry.tag, 2) + little(entry.kind, 2) + little(entry.count, 4) + little(entry.value, 4)
    }
    return bytes + little(0, 4) + tail
  }

  static let virtualRasters = [
    """
    <VRTDataset rasterXSize="3" rasterYSize="2"><SRS>EPSG:32633</SRS><GeoTransform>500000, 30, 0, 4000000, 0, -30</GeoTransform>
    <VRTRasterBand dataType="Int16" band="1" subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="1">s.dat</SourceFilename>
    <ImageOffset>0</ImageOffset><PixelOffset>2</PixelOffset><LineOffset>6</LineOffset><ByteOrder>LSB</ByteOrder></VRTRasterBand>
    <VRTRasterBand dataType="Int16" band="2"><Description>b (500 nm)</Description><SimpleSource>
    <SourceFilename relativeToVRT="1">s.tif</SourceFilename><SourceBand>2</SourceBand><SrcRect xOff="0" yOff="0" xSize="3" ySize="2"/>
    <DstRect xOff="0" yOff="0" xSize="3" ySize="2"/></SimpleSource></VRTRasterBand></VRTDataset>
    """
  ]

  static let settings = [
    """
    threads = 8
    memory = "16G"  # most
    model_path = ["~/models", '/shared/models']
    verbose = true
    rate = 1.5e-3
    hex = 0xFF

    [gdal]
    GDAL_CACHEMAX = 512
    "quoted key".b = "a \\u00e4 \\"b\\" \\n"
    lists = [[1, 2], [3, [4, [5]]], []]
    """
  ]

  static let jobs = [
    """
    version: 1
    defaults: { threads: auto, memory: 8G, overwrite: false, seed: 7 }
    inputs:
      - "scenes/*/rfl.hdr"            # globs
      - list: granules.txt
    output: "out/{stem}"
    steps:
      - { id: dn,  run: denoise,  with: { method: fasthyde, set: {rank: 12, eps: 1e-3}, all: true }, out: "{output}_dn.tif" }
      - { id: ab,  run: unmix,    with: { endmembers: lib.sli, method: fcls }, in: dn, out: "{output}_ab.tif" }
    retries: 1
    on_error: stop
    """,
    """
    {"version": 1, "inputs": ["a.hdr", {"list": "b.txt"}], "output": "o/{stem}",
     "steps": [{"id": "a", "run": "denoise", "out": "{output}.tif"}]}
    """,
  ]

  static let classNames = [
    "grass\ntree\nsoil\n", "# value, name, colour\n1,grass,#22aa44\n2;tree;0;80;0\n3\tsoil\n",
    "value,name\n0,background\n65535,last\n",
  ]

  static let polygons = [
    """
    {"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}, "features": [
    {"type": "Feature", "properties": {"class": "grass", "id": 1}, "geometry": {"type": "Polygon", "coordinates": \
    [[[500000, 4000000], [500090, 4000000], [500090, 3999970], [500000, 3999970], [500000, 4000000]]]}},
    {"type": "Feature", "properties": {"class": "tree", "id": 2}, "geometry": {"type": "MultiPolygon", "coordinates": \
    [[[[500000, 3999970], [500090, 3999970], [500090, 3999940], [500000, 3999940], [500000, 3999970]]]]}}]}
    """
  ]

  /// Bands of instruments, and responses.
  static let bandTables = [
    "centre,fwhm\n450,20\n550.5,25\n\"860\",1e1\n", "# camera\nname;wavelength_um;width_um\n1;0.45;0.02\n2;0.56;0.03\n",
    "wavelength,blue,green\n440,0.1,0\n450,1,0.2\n460,0.1,1\n470,0,0.3\n", "440 0.1 0\n450 1 0.2\n460 0 1\n",
    layout + "wavelength units = Nanometers\nwavelength = {450, 550, 650, 800}\nfwhm = {10, 10, 10, 10}\n",
  ]

  /// Lists of indices.
  static let formulas = [
    "ndvi,pri,clay=b1650/b2215", "(b800-b670)/(b800+b670)",
    "min(b800, max(b550,b670))^2^-0.5,-sqrt(abs(R531))*1.5e-3+log(exp(b900))",
  ]

  /// Fitted transforms as files.
  static func transformModels() throws -> [FuzzTarget.Seed] {
    let transform = LinearTransform(
      mean: [0.1, 0.2, 0.3], forward: Matrix(rows: 2, columns: 3, values: [1, 0, 0.5, 0, 1, -0.25]),
      inverse: Matrix(rows: 3, columns: 2, values: [1, 0, 0, 1, 0.5, -0.25]), variances: [2, 1])
    return try [SpectralAxis(wavelengths: [450, 550, 650], fwhm: [10, 10, 10]), SpectralAxis(count: 3)].map { axis in
      let model = TransformModel(method: "mnf", transform: transform, axis: axis, quantity: .reflectance)
      return .init(name: "s.json", bytes: [UInt8](try model.json()))
    }
  }
}
