import Foundation
import HSIKit
import Testing

/// `hsi spectra extract` and `plot`, and polygons as labels, on the sample scene with a map grid.
@Suite struct SpectraCommandTests {
  private static let (lines, samples, bands) = (SampleScene.lines, SampleScene.samples, SampleScene.bands)

  /// A folder with the scene on a grid of 10 m in UTM 33 (`s.dat`), in Web Mercator (`m.dat`) and nowhere (`n.dat`), band 7 bad.
  private struct Place {
    let folder: TemporaryFolder

    init() throws {
      folder = try SampleScene.workplace()
      let flags = (0..<SpectraCommandTests.bands).map { $0 == 6 ? "0" : "1" }.joined(separator: ", ")
      // What the simulated scene says about these is replaced.
      let own = try String(contentsOfFile: folder.path("in/s.hdr"), encoding: .utf8)
      var header = own.replacing(/(?m)^(map info|coordinate system string|bbl|projection info) = \{[^}]*\}\n/, with: "")
      header += "bbl = {\(flags)}\n"
      try write("n.hdr", header)
      try write(
        "s.hdr", header + "map info = {UTM, 1, 1, 500000, 5000000, 10, 10, 33, North, WGS-84, units=Meters}\n")
      try write(
        "m.hdr",
        header + "map info = {WGS_1984_Web_Mercator_Auxiliary_Sphere, 1, 1, 1000000, 6000000, 10, 10}\n"
          + "coordinate system string = {PROJCS[\"WGS_1984_Web_Mercator_Auxiliary_Sphere\",GEOGCS[\"GCS_WGS_1984\","
          + "DATUM[\"D_WGS_1984\",SPHEROID[\"WGS_1984\",6378137.0,298.257223563]],PRIMEM[\"Greenwich\",0.0],"
          + "UNIT[\"Degree\",0.0174532925199433]],PROJECTION[\"Mercator_Auxiliary_Sphere\"],"
          + "PARAMETER[\"False_Easting\",0.0],PARAMETER[\"False_Northing\",0.0],PARAMETER[\"Central_Meridian\",0.0],"
          + "PARAMETER[\"Standard_Parallel_1\",0.0],PARAMETER[\"Auxiliary_Sphere_Type\",0.0],UNIT[\"Meter\",1.0]]}\n")
      for name in ["s.dat", "m.dat", "n.dat"] {
        try FileManager.default.copyItem(atPath: folder.path("in/s.dat"), toPath: folder.path(name))
      }
    }

    func write(_ name: String, _ text: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path(name)))
    }

    @discardableResult func run(_ line: String, _ code: Int32 = 0) throws -> Tool.Result {
      let result = try Tool.run(line.split(separator: " ").map(String.init), in: folder.url)
      #expect(result.status == code, "\(line)\n\(result.errors)")
      if code != 0 { #expect(result.errorLines.count == 1, "\(line)\n\(result.errors)") }
      return result
    }

    func library(_ name: String) throws -> SpectralLibrary {
      try SpectralLibraryFile.read(folder.path(name), context: RunContext())
    }

    /// A GeoJSON of polygons by corners on the map, each with the properties given as JSON.
    func polygons(_ name: String, _ list: [(properties: String, corners: [(Double, Double)])], crs: String? = nil)
      throws
    {
      let features = list.map { item -> String in
        let ring = (item.corners + [item.corners[0]]).map { "[\($0.0), \($0.1)]" }.joined(separator: ", ")
        return "{\"type\": \"Feature\", \"properties\": {\(item.properties)}, \"geometry\": "
          + "{\"type\": \"Polygon\", \"coordinates\": [[\(ring)]]}}"
      }
      let system = crs.map { "\"crs\": {\"type\": \"name\", \"properties\": {\"name\": \"\($0)\"}}, " } ?? ""
      try write(
        name, "{\"type\": \"FeatureCollection\", \(system)\"features\": [\(features.joined(separator: ", "))]}")
    }
  }

  /// The scene as pixels × bands, from the band-sequential file.
  private static func pixels(_ place: Place) throws -> [[Double]] {
    let values = try SampleScene.floats(place.folder.url.appendingPathComponent("s.dat"))
    let count = lines * samples
    return (0..<count).map { n in (0..<bands).map { Double(values[$0 * count + n]) } }
  }

  /// Mean and deviation by the plain formulas.
  private static func reference(_ spectra: [[Double]]) -> (mean: [Double], deviation: [Double]) {
    let n = Double(spectra.count)
    let mean = (0..<bands).map { b in spectra.reduce(0) { $0 + $1[b] } / n }
    return (
      mean,
      (0..<bands).map { b in (spectra.reduce(0) { $0 + ($1[b] - mean[b]) * ($1[b] - mean[b]) } / (n - 1)).squareRoot() }
    )
  }

  /// Whether a place is inside a polygon, by the crossings of a ray.
  private static func isInside(_ x: Double, _ y: Double, _ corners: [(Double, Double)]) -> Bool {
    var inside = false
    for (a, b) in zip(corners, corners.dropFirst() + corners.prefix(1)) where (a.1 > y) != (b.1 > y) {
      if x < (b.0 - a.0) * (y - a.1) / (b.1 - a.1) + a.0 { inside.toggle() }
    }
    return inside
  }

  private static func agree(_ a: some Sequence<Double>, _ b: [Double], _ tolerance: Double = 1e-6) -> Bool {
    zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * max(1, abs($1)) }
  }

  /// What a scene calls for is chosen without classes, and only with a scene.
  @Test func amusesNeedsAScene() throws {
    let place = try Place()
    try place.run("simulate labels in/s_abundances.dat l.dat --purity 0.55")
    try place.run("spectra extract in/s.dat members.sli --labels l.dat --every")
    let all = try place.library("members.sli")
    let result = try place.run("spectra optimise members.sli few.sli --by amuses --scene in/s.dat --table t.csv")
    #expect(result.errors.contains("by amuses, the scene as") && !result.errors.contains("kappa"))
    let few = try place.library("few.sli")
    #expect(few.count >= 1 && few.count < all.count && Set(few.names).isSubset(of: all.names))
    let table = try String(contentsOfFile: place.folder.path("t.csv"), encoding: .utf8).split(separator: "\n")
    #expect(table.count == all.count + 1 && table[0].hasSuffix(",music_distance,chosen"))
    #expect(table.count { $0.hasSuffix(",1") } == few.count)
    let named = try place.run("spectra optimise members.sli c.sli --by amuses --scene in/s.dat --classes name")
    #expect(named.errors.contains("kappa"))
    try place.run("spectra optimise members.sli x.sli --by amuses", 2)
    try place.run("spectra optimise members.sli x.sli --by ear --classes name --scene in/s.dat", 2)
    try place.run("spectra optimise members.sli x.sli --by amuses --scene nowhere.dat", 3)
  }

  @Test func pixelsWithTheirMetadata() throws {
    let place = try Place()
    let result = try place.run("spectra extract s.dat p.sli --pixel 3,5 --pixel 19,23")
    #expect(result.output.contains("x3 y5") && result.output.contains("x19 y23"))
    let (library, pixels) = try (place.library("p.sli"), Self.pixels(place))
    let cube = try RasterFormats.open(place.folder.path("s.dat"), context: RunContext())
    #expect(library.names == ["x3 y5", "x19 y23"])
    #expect(
      Self.agree(library[0], pixels[5 * Self.samples + 3]) && Self.agree(library[1], pixels[23 * Self.samples + 19]))
    #expect(library.axis.wavelengths == cube.metadata.axis.wavelengths && library.axis.good == cube.metadata.axis.good)
    #expect(!library.axis.good[6] && library.axis.fwhm == cube.metadata.axis.fwhm)
    // In a window, pixels keep the numbers of the file; bands can be chosen; CSV has the same values.
    try place.run("spectra extract s.dat w.csv --pixel 3,5 --window 2,4,5,5 -b 1-10")
    #expect(Self.agree(try place.library("w.csv")[0], Array(pixels[5 * Self.samples + 3].prefix(10))))
    for (line, word) in [
      ("spectra extract s.dat x.sli --pixel 20,0", "--pixel is 20,0"),
      ("spectra extract s.dat x.sli --pixel 1", "SAMPLE,LINE"),
      ("spectra extract s.dat x.sli --pixel 3,5 --window 4,4,5,5", "--window"),
      ("spectra extract s.dat x.sli", "one of the three"),
      ("spectra extract s.dat x.sli --pixel 1,1 --every --deviation d.csv", "--deviation"),
      ("spectra extract s.dat x.sli --pixel 1,1 --polygons p.geojson", "one of the three"),
    ] { #expect(try place.run(line, 2).errors.contains(word)) }
    try place.run("spectra extract s.dat p.sli --pixel 3,5", 4)
    #expect(place.folder.names.contains { $0.hasPrefix("x.") } == false)
  }

  private static let plots: [(properties: String, corners: [(Double, Double)])] = [
    ("\"crop\": \"wheat\", \"code\": 4", [(500013, 4999980), (500071, 4999975), (500060, 4999905)]),
    (
      "\"crop\": \"barley\", \"code\": 2", [(500100, 4999950), (500180, 4999950), (500180, 4999880), (500100, 4999890)]
    ),
    ("\"crop\": \"wheat\", \"code\": 4", [(500020, 4999850), (500090, 4999850), (500090, 4999790), (500020, 4999790)]),
  ]

  private static func inside(_ corners: [(Double, Double)]) -> [Int] {
    (0..<(lines * samples)).filter {
      isInside(500000 + 10 * (Double($0 % samples) + 0.5), 5000000 - 10 * (Double($0 / samples) + 0.5), corners)
    }
  }

  @Test func polygonsAndClasses() throws {
    let place = try Place()
    try place.polygons("plots.geojson", Self.plots, crs: "urn:ogc:def:crs:EPSG::32633")
    let pixels = try Self.pixels(place)
    let members = Self.plots.map { Self.inside($0.corners) }
    let table = try place.run(
      "spectra extract s.dat p.sli --polygons plots.geojson --attribute crop --deviation d.csv"
    ).output
    let (means, deviations) = try (place.library("p.sli"), place.library("d.csv"))
    #expect(means.names == ["wheat 1", "barley", "wheat 2"] && deviations.names == means.names)
    for (k, list) in members.enumerated() {
      let wanted = Self.reference(list.map { pixels[$0] })
      #expect(Self.agree(means[k], wanted.mean) && Self.agree(deviations[k], wanted.deviation), "\(k)")
      #expect(table.contains(/\n(wheat|barley)[ 12]*  +\d+/) && table.contains("\(list.count)\n"))
    }
    // Classes of polygons: all wheat together; the same whatever threads and memory.
    try place.run("spectra extract s.dat c.sli --labels plots.geojson --attribute crop -j 1 --memory 1M")
    try place.run("spectra extract s.dat e.sli --labels plots.geojson --attribute CROP -j 5")
    let classes = try place.library("c.sli")
    #expect(classes.names == ["barley", "wheat"])
    #expect(Self.agree(classes[1], Self.reference((members[0] + members[2]).map { pixels[$0] }).mean))
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: place.folder.path("c.sli")))
        == Data(contentsOf: URL(fileURLWithPath: place.folder.path("e.sli"))))
    // Every pixel.
    try place.run("spectra extract s.dat a.sli --labels plots.geojson --attribute crop --every")
    let all = try place.library("a.sli")
    #expect(all.count == members.joined().count)
    let first = try #require(members[1].first)
    #expect(
      all.names[0] == "barley x\(first % Self.samples) y\(first / Self.samples)" && Self.agree(all[0], pixels[first]))
    // Numbers are the values of classes; without attribute polygons are numbered.
    try place.run("spectra extract s.dat codes.sli --labels plots.geojson --attribute code")
    #expect(try place.library("codes.sli").names == ["class 2", "class 4"])
    try place.run("spectra extract s.dat o.sli --polygons plots.geojson")
    #expect(try place.library("o.sli").names == ["polygon 1", "polygon 2", "polygon 3"])
  }

  /// Longitude and latitude are brought to the scene's system: Web Mercator has a formula of one line.
  @Test func otherReferenceSystem() throws {
    let place = try Place()
    let corners: [(Double, Double)] = [(1000033, 5999968), (1000154, 5999951), (1000122, 5999812), (1000041, 5999833)]
    let radius = 6378137.0
    let degrees = corners.map {
      ($0.0 / radius * 180 / .pi, (2 * atan(exp($0.1 / radius)) - .pi / 2) * 180 / .pi)
    }
    try place.polygons("lonlat.geojson", [("\"a\": \"x\"", degrees)])
    try place.run("spectra extract m.dat p.sli --polygons lonlat.geojson --attribute a")
    let wanted = (0..<(Self.lines * Self.samples)).filter {
      Self.isInside(
        1000000 + 10 * (Double($0 % Self.samples) + 0.5), 6000000 - 10 * (Double($0 / Self.samples) + 0.5), corners)
    }
    let pixels = try Self.pixels(place)
    #expect(wanted.count > 50)
    #expect(Self.agree(try place.library("p.sli")[0], Self.reference(wanted.map { pixels[$0] }).mean))
  }

  @Test func polygonsThatCannotBeUsed() throws {
    let place = try Place()
    try place.polygons("plots.geojson", Self.plots, crs: "urn:ogc:def:crs:EPSG::32633")
    let line = "spectra extract s.dat x.sli --labels"
    #expect(try place.run("\(line) plots.geojson", 3).errors.contains("--attribute of crop, code"))
    #expect(try place.run("\(line) plots.geojson --attribute crpo", 3).errors.contains("did you mean crop?"))
    #expect(try place.run("\(line) none.geojson --attribute crop", 3).errors.contains("none.geojson does not exist"))
    #expect(
      try place.run("spectra extract n.dat x.sli --labels plots.geojson --attribute crop", 3).errors.contains(
        "no affine georeference"))
    try place.polygons("far.geojson", [("\"crop\": \"x\"", [(10, 10), (11, 10), (11, 11)])])
    #expect(try place.run("\(line) far.geojson --attribute crop", 3).errors.contains("no pixel"))
    try place.write("bad.geojson", "{\"type\": \"FeatureCollection\", \"features\": [")
    #expect(try place.run("\(line) bad.geojson --attribute crop", 3).errors.contains("bad.geojson"))
    #expect(place.folder.names.contains { $0.hasPrefix("x.") } == false)
    // Pixels of two classes have none; what is too small, or has no class, is said.
    var list = Self.plots
    list.append(
      ("\"crop\": \"rye\", \"code\": 1", [(500130, 4999930), (500260, 4999930), (500260, 4999800), (500130, 4999800)]))
    list.append(("\"crop\": \"rye\", \"code\": 1", [(500001, 4999999), (500002, 4999999), (500002, 4999998)]))
    list.append(("\"crop\": null, \"code\": null", [(500000, 4999800), (500010, 4999800), (500010, 4999780)]))
    try place.polygons("over.geojson", list, crs: "urn:ogc:def:crs:EPSG::32633")
    let result = try place.run("spectra extract s.dat o.sli --labels over.geojson --attribute crop")
    let shared = Set(Self.inside(list[1].corners)).intersection(Self.inside(list[3].corners)).count
    #expect(shared > 0 && result.errors.contains("W-LABELS-OVERLAP: over.geojson: \(shared) pixels"))
    #expect(
      result.errors.contains("W-VECTOR-EMPTY: over.geojson: 1 of 6")
        && result.errors.contains("W-LABELS-NONE: over.geojson: 1 of 6"))
    #expect(result.output.contains(/rye +(\d+)/))
  }

  /// Training, evaluation and division by polygons give what the raster of the same classes gives.
  @Test func polygonsAsLabels() throws {
    let place = try Place()
    try place.run("simulate labels in/s_abundances.dat l.dat --purity 0.55")
    try place.polygons("plots.geojson", Self.plots, crs: "urn:ogc:def:crs:EPSG::32633")
    let train = "--model sam --train 50% --guard 0 --seed 2 --no-prov"
    try place.run("classify train s.dat plots.geojson --attribute crop \(train) --out p.safetensors")
    // The same classes as a raster, with names and colours from a file.
    var ids = [Float](repeating: 0, count: Self.lines * Self.samples)
    for (index, plot) in Self.plots.enumerated() { for n in Self.inside(plot.corners) { ids[n] = index == 1 ? 1 : 2 } }
    try place.write(
      "r.hdr", "ENVI\nsamples = \(Self.samples)\nlines = \(Self.lines)\nbands = 1\ndata type = 4\ninterleave = bsq\n")
    try ids.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: place.folder.path("r.dat"))) }
    try place.write("names.txt", "barley\nwheat\n")
    try place.run("classify train s.dat r.dat --class-names names.txt \(train) --out r.safetensors")
    let info = try place.run("model info p.safetensors").output
    #expect(info.contains("wheat") && info.contains("barley"))
    for name in ["p", "r"] { try place.run("classify predict s.dat \(name).tif --model \(name).safetensors --no-prov") }
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: place.folder.path("p.tif")))
        == Data(contentsOf: URL(fileURLWithPath: place.folder.path("r.tif"))))
    // Judged by name: one class alone keeps its value; classes that the map has not are said, none at all is refused.
    let whole = try place.run("classify evaluate p.tif plots.geojson --attribute crop --scene s.dat").output
    let raster = try place.run("classify evaluate r.tif r.dat --class-names names.txt --scene s.dat").output
    #expect(whole.contains("wheat") && whole == raster)
    try place.polygons(
      "one.geojson", [Self.plots[0], ("\"crop\": \"oats\"", Self.plots[1].corners)], crs: "urn:ogc:def:crs:EPSG::32633")
    let one = try place.run("classify evaluate p.tif one.geojson --attribute crop")
    #expect(one.errors.contains("W-LABELS-CLASS") && one.errors.contains("oats"))
    try place.polygons(
      "other.geojson", [("\"crop\": \"oats\"", Self.plots[1].corners)], crs: "urn:ogc:def:crs:EPSG::32633")
    #expect(
      try place.run("classify evaluate p.tif other.geojson --attribute crop", 3).errors.contains(
        "none of its classes (oats)"))
    // A split needs the pixels.
    #expect(try place.run("classify split plots.geojson --attribute crop --out x.tif", 3).errors.contains("--like"))
    let split = try place.run(
      "classify split plots.geojson --attribute crop --like s.dat --train 20% --guard 0 --out y.tif")
    #expect(split.output.contains("barley"))
    try place.run("classify train s.dat plots.geojson --attribute crop --split y.tif --model sam --out z.safetensors")
    // The map as a picture has the colours of its classes.
    try place.run("quicklook p.tif p.png")
    let picture = try RasterFormats.open(place.folder.path("p.png"), context: RunContext())
    let (cube, labels) = try (
      FileSource(picture, SelectionOptions(), context: RunContext()).load(RunContext()),
      LabelRequest(place.folder.path("p.tif")).read(RunContext())
    )
    let indices = labels.map.indices
    #expect(
      cube.positions.allSatisfy { place in
        let colour = labels.classes.entries[Int(indices[Int(place)])].colour
        return (0..<3).allSatisfy { cube.pixels[Int(place), $0] == Float(colour[$0]) }
      })
  }

  @Test func namesOfClasses() throws {
    let folder = try TemporaryFolder()
    func read(_ text: String) throws -> [ClassEntry] {
      try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path("n.txt")))
      return try ClassNames.read(folder.path("n.txt"))
    }
    #expect(try read("grass\n\n# no class\nsoil\n").map(\.name) == ["Unclassified", "grass", "soil"])
    #expect(try read("Background\ngrass\n").map(\.name) == ["Background", "grass"])
    let mixed = try read("value;name;colour\n3;bare soil;#102030\n1;grass;4;5;6\n")
    #expect(
      mixed.map(\.name) == ["", "grass", "", "bare soil"] && mixed[3].colour == [16, 32, 48]
        && mixed[1].colour == [4, 5, 6])
    for text in ["", "1,a\n1,b\n", "70000,a\n", "1,a,red\n"] {
      #expect(throws: ClassificationError.self) { try read(text) }
    }
  }

  @Test(arguments: ["svg", "png", "html"]) func pictureOfALibrary(kind: String) throws {
    let place = try Place()
    try place.run("spectra plot in/s_endmembers.sli o.\(kind)")
    let data = try Data(contentsOf: URL(fileURLWithPath: place.folder.path("o.\(kind)")))
    if kind == "png" {
      let picture = try RasterFormats.open(place.folder.path("o.png"), context: RunContext())
      #expect(picture.shape.samples == 2000 && picture.shape.bands == 3)
      let cube = try FileSource(picture, SelectionOptions(), context: RunContext()).load(RunContext())
      // The three colours of the curves and white are there.
      let seen = Set((0..<cube.count).map { n in (0..<3).map { Int(cube.pixels[n, $0]) } })
      for colour in CategoricalPalette.colours(3) {
        #expect(seen.contains([colour.red, colour.green, colour.blue].map(Int.init)))
      }
      #expect(seen.contains([255, 255, 255]))
    } else {
      let text = String(decoding: data, as: UTF8.self)
      for name in try place.library("in/s_endmembers.sli").names { #expect(text.contains(name)) }
      #expect(text.contains("Wavelength (nm)") && text.hasPrefix(kind == "svg" ? "<svg" : "<!DOCTYPE html>"))
    }
    #expect(try place.run("spectra plot in/s_endmembers.sli o.gif", 2).errors.contains(".svg, .png or .html"))
    #expect(try place.run("spectra plot in/s_endmembers.sli q.svg --select nothing", 2).errors.contains("--select"))
    try place.run("spectra plot in/s_endmembers.sli o.\(kind)", 4)
  }
}
