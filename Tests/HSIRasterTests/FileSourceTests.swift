import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSIRaster

/// A reader of made-up samples, all of its own layout.
private func open(_ sample: Sample, _ scratch: Scratch, _ options: OpenOptions = OpenOptions()) throws
  -> any CubeReader
{
  try RasterFormats.open(try sample.write(scratch), options: options, context: RunContext())
}

@Suite struct FileSourceTests {
  /// Pixels in physical units by the plainest possible loop.
  private func reference(
    _ reader: any CubeReader, window: PixelWindow, bands: [Int], keep: (Int, Int, [Double]) -> Bool
  ) throws -> (values: [Float], positions: [Int32]) {
    let m = reader.metadata
    var values: [Float] = []
    var positions: [Int32] = []
    let stored = try reader.stored(window, bands: bands)
    for n in 0..<window.pixels {
      let raw = Array(stored[(n * bands.count)..<((n + 1) * bands.count)])
      guard keep(window.line + n / window.samples, window.sample + n % window.samples, raw) else { continue }
      values += zip(raw, bands).map { Float($0 * m.scale[$1] + m.offset[$1]) }
      positions.append(Int32(n))
    }
    return (values, positions)
  }

  @Test(arguments: Interleave.allCases)
  func stripsEqualThePlainLoop(interleave: Interleave) throws {
    let scratch = try Scratch()
    var random = CounterRandom(seed: 3)
    for type in [SampleType.uint8, .int16, .uint16, .float32, .float64, .int64] {
      var sample = Sample(
        shape: CubeShape(lines: 23, samples: 17, bands: 11), type: type, interleave: interleave)
      sample.isBigEndian = random.index(below: 2) == 1
      sample.extra = """
        data gain values = {0.5}
        data offset values = {-3}
        data ignore value = 96
        bbl = {1,1,1,0,1,1,1,1,1,1,1}
        """
      let reader = try open(sample, scratch)
      for _ in 0..<6 {
        var options = SelectionOptions()
        let line = random.index(below: 20)
        let first = random.index(below: 14)
        let window = PixelWindow(
          line: line, sample: first, lines: 1 + random.index(below: 23 - line),
          samples: 1 + random.index(below: 17 - first))
        options.window = window
        let context = RunContext()
        let source = try FileSource(reader, options, context: context)
        let bands = [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]
        #expect(source.bands == bands && source.shape.bands == 10)
        let expected = try reference(reader, window: window, bands: bands) { _, _, raw in !raw.contains(96) }
        let cube = try source.load(context)
        #expect(cube.pixels.values == expected.values && cube.positions == expected.positions)
        // One line at a time gives the same.
        let strip = Strip()
        var values: [Float] = []
        for l in 0..<window.lines {
          try source.read(lines: l..<(l + 1), into: strip)
          values += strip.pixels.values
        }
        #expect(values == expected.values)
      }
    }
  }

  @Test func everyThreadCountGivesTheSameBytes() throws {
    let scratch = try Scratch()
    let sample = Sample(shape: CubeShape(lines: 40, samples: 30, bands: 50), type: .uint16, interleave: .bsq)
    let reader = try open(sample, scratch)
    let before = Parallel.threads
    defer { Parallel.setThreads(before) }
    var seen: [[Float]] = []
    for threads in [1, 2, 5] {
      Parallel.setThreads(threads)
      seen.append(try FileSource(reader, context: RunContext()).load(RunContext()).pixels.values)
    }
    #expect(seen[0] == seen[1] && seen[0] == seen[2])
  }

  @Test func policyOfNodata() throws {
    let scratch = try Scratch()
    var sample = Sample(type: .int16, interleave: .bip)
    sample.extra = "data ignore value = 0"
    let reader = try open(sample, scratch)
    func count(_ policy: SelectionOptions.NodataPolicy, _ nodata: OpenOptions.Nodata? = nil) throws -> Int {
      var options = SelectionOptions()
      options.nodataPolicy = policy
      var opening = OpenOptions()
      opening.nodata = nodata
      let context = RunContext()
      let reader = try RasterFormats.open(scratch.path("cube.img"), options: opening, context: context)
      return try FileSource(reader, options, context: context).load(context).count
    }
    // The value 0 occurs in some bands of some pixels but nowhere in all bands.
    let all = sample.shape.pixels
    let any = try reference(reader, window: reader.shape.window, bands: Array(0..<6)) { _, _, raw in
      !raw.contains(0)
    }
    #expect(any.positions.count < all)
    #expect(try count(.automatic) == all && count(.all) == all && count(.any) == any.positions.count)
    #expect(try count(.any, OpenOptions.Nodata.none) == all)
    #expect(try count(.automatic, .value(10)) < all)
  }

  @Test func notFiniteIsNeverValid() throws {
    let scratch = try Scratch()
    let values: [Float] = [1, 2, .nan, 4, 5, .infinity, 0, 0, -999, 7]
    try scratch.write(
      "ENVI\nsamples = 5\nlines = 1\nbands = 2\ndata type = 4\ninterleave = bip\nbyte order = 0\ndata ignore value = -999",
      to: "x.hdr")
    try scratch.write(values.withUnsafeBytes { Array($0) }, to: "x")
    let context = RunContext()
    let reader = try RasterFormats.open(scratch.path("x"), context: context)
    var options = SelectionOptions()
    var source = try FileSource(reader, options, context: context)
    #expect(try source.load(context).positions == [0, 3])
    #expect(source.zeroSpectra == 1)
    _ = try source.load(context)
    #expect(source.zeroSpectra == 1, "each line counts once")
    options.excludesZeroSpectra = true
    source = try FileSource(reader, options, context: context)
    #expect(try source.load(context).positions == [0])
    #expect(source.zeroSpectra == 1)
    // A bad band decides about nothing.
    try scratch.write(
      "ENVI\nsamples = 5\nlines = 1\nbands = 2\ndata type = 4\ninterleave = bip\nbyte order = 0\nbbl = {1, 0}\n",
      to: "x.hdr")
    options = SelectionOptions()
    options.bands = .all
    let second = try RasterFormats.open(scratch.path("x"), context: context)
    #expect(try FileSource(second, options, context: context).load(context).positions == [0, 2, 3, 4])
  }

  @Test func maskKeepsItsPixels() throws {
    let scratch = try Scratch()
    let sample = Sample(type: .uint8)
    let reader = try open(sample, scratch)
    let mask = Sample(shape: CubeShape(lines: 7, samples: 5, bands: 2), type: .uint8)
    let maskPath = try mask.write(scratch, "mask")
    let context = RunContext()
    func positions(_ text: String, _ window: PixelWindow? = nil) throws -> [Int32] {
      var options = SelectionOptions()
      options.mask = try MaskSelection(parsing: text)
      options.window = window
      return try FileSource(reader, options, context: context).load(context).positions
    }
    let all = (0..<35).map { (l: $0 / 5, s: $0 % 5) }
    #expect(
      try positions(maskPath)
        == all.indices.filter { mask.value(all[$0].l, all[$0].s, 0) != 0 }.map { Int32($0) })
    #expect(
      try positions(maskPath + ":2=3,10")
        == all.indices.filter { [3, 10].contains(mask.value(all[$0].l, all[$0].s, 1)) }.map { Int32($0) })
    let window = PixelWindow(line: 0, sample: 0, lines: 2, samples: 2)
    #expect(try positions(maskPath, window) == [1, 2, 3])
    _ = try Sample(shape: CubeShape(lines: 2, samples: 2, bands: 1), type: .uint8).write(scratch, "small")
    #expect(try positions(scratch.path("small.img"), window) == [1, 2, 3])
    #expect(errorIdentifier { _ = try positions(scratch.path("small.img")) } == "E-INCONSISTENT")
    #expect(errorIdentifier { _ = try positions(maskPath + ":3") } == "E-PARAMETER")
  }

  /// Samples of 30 m in UTM 33 N; polygons in the same system and in degrees keep the pixels whose centre they hold.
  @Test func cutlineKeepsPixelsInsidePolygons() throws {
    let scratch = try Scratch()
    var sample = Sample(type: .uint8)
    sample.extra = "map info = {UTM, 1, 1, 500000, 4100000, 30, 30, 33, North, WGS-84}"
    let reader = try open(sample, scratch)
    let context = RunContext()
    func positions(_ path: String, _ window: PixelWindow? = nil, mask: String? = nil) throws -> [Int32] {
      var options = SelectionOptions()
      options.cutline = path
      options.window = window
      options.mask = try mask.map(MaskSelection.init(parsing:))
      return try FileSource(reader, options, context: context).load(context).positions
    }
    func polygon(_ corners: [(Double, Double)], _ name: String, crs: String?) throws -> String {
      let ring = (corners + [corners[0]]).map { "[\($0.0), \($0.1)]" }.joined(separator: ", ")
      let system = crs.map { #""crs": {"type": "name", "properties": {"name": "\#($0)"}},"# } ?? ""
      try scratch.write(
        """
        {"type": "FeatureCollection", \(system) "features": [{"type": "Feature", "properties": {},
         "geometry": {"type": "Polygon", "coordinates": [[\(ring)]]}}]}
        """, to: name)
      return scratch.path(name)
    }
    // Columns 1 to 3 of lines 2 to 4, the left and upper borders short of the centres of the pixels before.
    let (left, right, top, bottom) = (500_016.0, 500_119.0, 4_099_954.0, 4_099_851.0)
    let box = [(left, top), (right, top), (right, bottom), (left, bottom)]
    let inside: [Int32] = [11, 12, 13, 16, 17, 18, 21, 22, 23]
    let projected = try polygon(box, "utm.geojson", crs: "urn:ogc:def:crs:EPSG::32633")
    #expect(try positions(projected) == inside)
    #expect(try positions(projected, PixelWindow(line: 3, sample: 2, lines: 2, samples: 3)) == [0, 1, 3, 4])
    // The same by the series of the transverse Mercator projection.
    let degrees = [
      (15.0001799, 37.0458078), (15.0013382, 37.0458078), (15.0013382, 37.0448793), (15.0001799, 37.0448793),
    ]
    #expect(try positions(polygon(degrees, "degrees.geojson", crs: nil)) == inside)
    let mask = Sample(shape: CubeShape(lines: 7, samples: 5, bands: 1), type: .uint8)
    let maskPath = try mask.write(scratch, "mask")
    #expect(
      try positions(projected, mask: maskPath) == inside.filter { mask.value(Int($0) / 5, Int($0) % 5, 0) != 0 })
    #expect(errorIdentifier { _ = try positions(scratch.path("none.geojson")) } == "E-NOT-FOUND")
    try scratch.write("no polygons", to: "text.geojson")
    #expect(errorIdentifier { _ = try positions(scratch.path("text.geojson")) } == "E-UNREADABLE")
    let far = try polygon(box.map { ($0.0 + 1e5, $0.1) }, "far.geojson", crs: "urn:ogc:def:crs:EPSG::32633")
    #expect(errorIdentifier { _ = try positions(far) } == "E-INCONSISTENT")
  }

  @Test func offeredMetadataIsThatOfTheSelection() throws {
    let scratch = try Scratch()
    var sample = Sample(type: .int16)
    sample.extra = """
      wavelength units = Nanometers
      wavelength = {400, 500, 600, 700, 800, 900}
      reflectance scale factor = 100
      bbl = {0, 1, 1, 1, 1, 1}
      map info = {UTM, 1, 1, 500000, 4100000, 30, 30, 33, North, WGS-84}
      """
    let reader = try open(sample, scratch)
    var options = SelectionOptions()
    options.window = PixelWindow(line: 2, sample: 3, lines: 4, samples: 2)
    options.bands = .wavelengths([350...650, 850...950])
    let source = try FileSource(reader, options, context: RunContext())
    #expect(source.metadata.axis.wavelengths == [500, 600, 900])
    #expect(source.metadata.georeference?.mapping == .affine([500090, 30, 0, 4_099_940, 0, -30]))
    #expect(source.metadata.scale == [1, 1, 1] && source.metadata.nodata == [nil, nil, nil])
    #expect(try source.load(RunContext()).pixels[0, 0] == Float(sample.value(2, 3, 1) * 0.01))
    options.window = PixelWindow(line: 4, sample: 0, lines: 4, samples: 2)
    #expect(errorIdentifier { _ = try FileSource(reader, options, context: RunContext()) } == "E-PARAMETER")
    options.window = nil
    options.bands = .list([0, 0])
    #expect(try FileSource(reader, options, context: RunContext()).metadata.axis.good == [true, true])
  }

  @Test func bandLists() throws {
    #expect(try BandSelection.parse(bands: "1-3, 9,5-4") == .list([0, 1, 2, 8, 4, 3]))
    #expect(
      try BandSelection.parse(wavelengths: "400-900,1000.5-1300") == .wavelengths([400...900, 1000.5...1300]))
    for wrong in ["", "0", "1-", "-3", "a", "1,,2", "1-2-3"] {
      #expect(errorIdentifier { _ = try BandSelection.parse(bands: wrong) } == "E-PARAMETER", "\(wrong)")
    }
    for wrong in ["", "400", "900-400", "a-b", "1-2-3"] {
      #expect(
        errorIdentifier { _ = try BandSelection.parse(wavelengths: wrong) } == "E-PARAMETER", "\(wrong)")
    }
    let plain = SpectralAxis(count: 4)
    #expect(errorIdentifier { _ = try BandSelection.list([4]).resolve(plain) } == "E-PARAMETER")
    #expect(errorIdentifier { _ = try BandSelection.wavelengths([1...2]).resolve(plain) } == "E-PARAMETER")
    let axis = SpectralAxis(wavelengths: [400, 500, 600], good: [true, false, true])
    #expect(try BandSelection.good.resolve(axis) == [0, 2] && BandSelection.all.resolve(axis) == [0, 1, 2])
    #expect(errorIdentifier { _ = try BandSelection.wavelengths([450...550]).resolve(axis) } == "E-PARAMETER")
    let bad = SpectralAxis(wavelengths: [1, 2], good: [false, false])
    #expect(errorIdentifier { _ = try BandSelection.good.resolve(bad) } == "E-PARAMETER")
    let mask = try MaskSelection(parsing: "a.tif:3=1,2.5")
    #expect(mask == MaskSelection(path: "a.tif", band: 2, values: [1, 2.5]))
    #expect(try MaskSelection(parsing: "a:b.tif") == MaskSelection(path: "a:b.tif"))
    #expect(errorIdentifier { _ = try MaskSelection(parsing: "a=x") } == "E-PARAMETER")
  }

  @Test func stripsObeyTheBudget() throws {
    // A sparse file of 1.2 GB that costs nothing on disk.
    let scratch = try Scratch()
    let shape = CubeShape(lines: 3000, samples: 1000, bands: 200)
    try scratch.write(Sample(shape: shape, type: .uint16, interleave: .bil).header, to: "big.hdr")
    #expect(FileManager.default.createFile(atPath: scratch.path("big.img"), contents: nil))
    #expect(truncate(scratch.path("big.img"), off_t(shape.pixels * shape.bands * 2)) == 0)
    let reader = try RasterFormats.open(scratch.path("big.hdr"), context: RunContext())
    let source = try FileSource(reader, context: RunContext())
    for budget in [64 << 20, 512 << 20, 4 << 30] {
      let lines = source.stripLines(MemoryBudget(bytes: budget))
      #expect(lines * (shape.samples * shape.bands * 4 + source.workingBytesPerLine) <= budget / 4)
      #expect(lines >= 1)
    }
    let strip = Strip()
    try source.read(lines: 2990..<3000, into: strip)
    #expect(strip.count == 10_000 && source.zeroSpectra == 10_000)
  }

  @Test(.enabled(if: SharedData.path("enmap-potsdam/enmap_potsdam_north.tif") != nil, "no shared data"))
  func enmapThroughGDAL() throws {
    let path = try #require(SharedData.path("enmap-potsdam/enmap_potsdam_north.tif"))
    let context = RunContext()
    let reader = try RasterFormats.open(path, context: context)
    let source = try FileSource(reader, context: context)
    let bands = source.bands
    let expected = try reference(reader, window: reader.shape.window, bands: bands) { _, _, raw in
      !raw.contains(-32768)
    }
    let cube = try source.load(context)
    #expect(cube.pixels.values == expected.values && cube.positions == expected.positions)
    let strip = Strip()
    var values: [Float] = []
    for line in stride(from: 0, to: 64, by: 5) {
      try source.read(lines: line..<min(64, line + 5), into: strip)
      values += strip.pixels.values
    }
    #expect(values == expected.values)
  }
}
