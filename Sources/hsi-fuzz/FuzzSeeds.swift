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
    <!DOCTYPE x [<!ENTITY e "1">]>
    <x><mission>DESIS</mission><!-- c --><![CDATA[ d ]]><bandCharacterisation><band><bandNumber>&e;</bandNumber>\
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
    {"assets": {"a": {"href": "s.dat", "eo:bands": [{"center_wavelength": 0.4}, {"center_wavelength": 0.5}, \
    {"center_wavelength": 6e2}, {"center_wavelength": 0.7}]}}, "properties": {}}
    """,
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
}
