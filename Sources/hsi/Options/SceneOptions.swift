import ArgumentParser
import HSIKit

/// How a cube is opened, and which of its pixels are used.
struct SceneOptions: ParsableArguments {
  @Option(name: .customLong("var"), help: "Array inside the file (MATLAB variable, HDF5 or NetCDF path).")
  var variable: String?

  @Option(help: "Meaning of the axes of an array, outermost first: h line, w sample, b band, e.g. bhw.")
  var axes: String?

  @Option(
    help: ArgumentHelp("Image that a matrix bands × pixels holds (MATLAB).", valueName: "lines,samples"))
  var size: String?

  @Option(help: "Bands that two detectors share (PRISMA): cut in the middle, vnir, swir or keep all.")
  var overlap = "cut"

  @Option(help: "Wavelengths for a file that has none: a file, or FIRST:LAST:COUNT in nm.")
  var wavelengths: String?

  @Option(
    help: ArgumentHelp(
      "Instrument; a known one (hsi formats lists them) gives the wavelengths of its bands.", valueName: "name"))
  var sensor: String?

  @Option(help: "Quantity: reflectance, radiance, dn …")
  var quantity: String?

  @Option(help: "Stored value that means no data, or none.")
  var nodata: String?

  @Option(
    help: "A pixel is no data when any or all good bands are; auto: all for integers with nodata 0, else any."
  )
  var nodataPolicy = "auto"

  @Flag(help: "Ignore scale and offset: work on the stored numbers.")
  var unscaled = false

  @Option(help: ArgumentHelp("Part of the image in pixels.", valueName: "x,y,width,height"))
  var window: String?

  @Option(help: ArgumentHelp("Part of the image in map coordinates.", valueName: "minx,miny,maxx,maxy"))
  var bbox: String?

  @Option(help: ArgumentHelp("Raster of the pixels to use.", valueName: "file[:band][=values]"))
  var mask: String?

  @Option(help: "Polygons (GeoJSON, GeoPackage, shapefile …) whose inside is used.")
  var cutline: String?

  @Flag(help: "Read a file that is shorter than its header says; missing lines become no data.")
  var allowTruncated = false

  @Option(help: "Format to read the file as, in place of the first that fits; see hsi formats.")
  var inputFormat: String?

  @Option(help: ArgumentHelp("Open option of GDAL, NAME=VALUE, repeatable.", valueName: "name=value"))
  var oo: [String] = []

  /// Opens the cube with these options.
  func open(_ path: String, _ context: RunContext) throws -> any CubeReader {
    var open = OpenOptions()
    open.variable = variable
    open.axes = axes
    open.size = try imageSize()
    guard let detectors = DetectorOverlap(rawValue: overlap) else {
      throw CoreError.invalidParameter(
        name: "--overlap", value: overlap,
        requirement: "one of " + DetectorOverlap.allCases.map(\.rawValue).joined(separator: ", "))
    }
    open.overlap = detectors
    open.wavelengths = wavelengths
    open.sensor = sensor
    open.isScaled = !unscaled
    open.allowsTruncated = allowTruncated
    open.format = inputFormat
    open.gdalOptions = oo
    if let quantity {
      guard let value = Quantity(rawValue: quantity) else {
        throw CoreError.invalidParameter(
          name: "--quantity", value: quantity,
          requirement: "one of " + Quantity.allCases.map(\.rawValue).joined(separator: ", "))
      }
      open.quantity = value
    }
    if let nodata {
      guard let value = OpenOptions.Nodata(nodata) else {
        throw CoreError.invalidParameter(name: "--nodata", value: nodata, requirement: "a number or none")
      }
      open.nodata = value
    }
    return try RasterFormats.open(path, options: open, context: context)
  }

  /// The files that say which pixels are used: read like the scene, so no output may replace them.
  func selectionFiles() throws -> [String] {
    try [mask.map { try MaskSelection(parsing: $0).path }, cutline].compactMap { $0 }
  }

  /// Refuses a choice of pixels where every pixel of the rectangle is written.
  func requireAllPixels() throws {
    for (name, value) in [("--mask", mask), ("--cutline", cutline)] {
      guard let value else { continue }
      throw CoreError.invalidParameter(
        name: name, value: value, requirement: "left out: stored samples are kept as they are; use --window or --bbox")
    }
  }

  /// `--size` as lines and samples.
  private func imageSize() throws -> (lines: Int, samples: Int)? {
    guard let size else { return nil }
    let parts = size.split(separator: ",", omittingEmptySubsequences: false).compactMap { Int($0) }
    guard parts.count == 2, parts.allSatisfy({ (1...1 << 30).contains($0) }) else {
      throw CoreError.invalidParameter(name: "--size", value: size, requirement: "LINES,SAMPLES")
    }
    return (parts[0], parts[1])
  }

  /// The rectangle of the image that `--window` or `--bbox` names, or all of it.
  func window(in reader: any CubeReader) throws -> PixelWindow {
    if let window {
      let parts = window.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
      guard parts.count == 4, !parts.contains(nil), let x = parts[0], let y = parts[1], let width = parts[2],
        let height = parts[3], x >= 0, y >= 0, width > 0, height > 0
      else {
        throw CoreError.invalidParameter(
          name: "--window", value: window, requirement: "X,Y,WIDTH,HEIGHT in pixels")
      }
      guard width <= reader.shape.samples, x <= reader.shape.samples - width, height <= reader.shape.lines,
        y <= reader.shape.lines - height
      else {
        throw CoreError.invalidParameter(
          name: "--window", value: window,
          requirement: "inside the image of \(reader.shape.samples) samples × \(reader.shape.lines) lines")
      }
      return PixelWindow(line: y, sample: x, lines: height, samples: width)
    }
    guard let bbox else { return reader.shape.window }
    return try window(bbox: bbox, in: reader)
  }

  /// The smallest window whose pixels cover a box in map coordinates, clipped to the image.
  private func window(bbox: String, in reader: any CubeReader) throws -> PixelWindow {
    let parts = bbox.split(separator: ",", omittingEmptySubsequences: false).compactMap { Double($0) }
    guard parts.count == 4, parts.allSatisfy(\.isFinite), parts[0] < parts[2], parts[1] < parts[3] else {
      throw CoreError.invalidParameter(name: "--bbox", value: bbox, requirement: "MINX,MINY,MAXX,MAXY")
    }
    guard case .affine(let t)? = reader.metadata.georeference?.mapping else {
      throw RasterError.inconsistent(
        path: reader.path, reason: "--bbox needs an affine georeference", advice: "use --window in pixels")
    }
    let determinant = t[1] * t[5] - t[2] * t[4]
    guard determinant != 0 else {
      throw RasterError.inconsistent(
        path: reader.path, reason: "its georeference cannot be inverted", advice: "use --window in pixels")
    }
    let corners = [(parts[0], parts[1]), (parts[0], parts[3]), (parts[2], parts[1]), (parts[2], parts[3])].map
    {
      (
        (t[5] * ($0.0 - t[0]) - t[2] * ($0.1 - t[3])) / determinant,
        (t[1] * ($0.1 - t[3]) - t[4] * ($0.0 - t[0])) / determinant
      )
    }
    func clamp(_ value: Double, _ limit: Int) -> Int { Int(max(0, min(Double(limit), value))) }
    let (width, height) = (reader.shape.samples, reader.shape.lines)
    let left = clamp((corners.map(\.0).min()! + 1e-6).rounded(.down), width)
    let right = clamp((corners.map(\.0).max()! - 1e-6).rounded(.up), width)
    let top = clamp((corners.map(\.1).min()! + 1e-6).rounded(.down), height)
    let bottom = clamp((corners.map(\.1).max()! - 1e-6).rounded(.up), height)
    guard right > left, bottom > top else {
      throw CoreError.invalidParameter(name: "--bbox", value: bbox, requirement: "a box that meets the image")
    }
    return PixelWindow(line: top, sample: left, lines: bottom - top, samples: right - left)
  }
}

/// How a cube is opened, and which of its pixels and bands are used.
struct InputOptions: ParsableArguments {
  @OptionGroup var scene: SceneOptions

  @Option(name: [.customShort("b"), .customLong("bands")], help: "Bands to use, 1-based, e.g. 1-5,9.")
  var bandList: String?

  @Option(name: .customLong("wl"), help: "Wavelengths to use in nm, e.g. 400-900,1000-1300.")
  var wavelengthRanges: String?

  @Flag(help: "Do not leave out channels that the others cannot predict (counting and plain extraction).")
  var keepBadChannels = false

  init() {}

  init(scene: SceneOptions) {
    self.scene = scene
    keepBadChannels = false
    bandList = nil
    wavelengthRanges = nil
  }

  /// Opens the cube.
  func open(_ path: String, _ context: RunContext) throws -> any CubeReader { try scene.open(path, context) }

  /// The bands that `-b` or `--wl` name, or those of `fallback`, as 0-based indices.
  func bands(of reader: any CubeReader, default fallback: BandSelection) throws -> [Int] {
    if bandList != nil, wavelengthRanges != nil {
      throw CoreError.invalidParameter(name: "-b", value: "given", requirement: "used without --wl")
    }
    var selection = fallback
    if let bandList { selection = try BandSelection.parse(bands: bandList) }
    if let wavelengthRanges { selection = try BandSelection.parse(wavelengths: wavelengthRanges) }
    return try selection.resolve(reader.metadata.axis)
  }

  /// The selected pixels of an open cube in the given bands.
  ///
  /// - Parameter excludesZeroSpectra: whether pixels that are 0 in all bands are left out.
  func source(
    _ reader: any CubeReader, bands: BandSelection, excludesZeroSpectra: Bool = false, _ context: RunContext
  ) throws -> FileSource {
    var selection = SelectionOptions()
    selection.excludesZeroSpectra = excludesZeroSpectra
    selection.window = try scene.window(in: reader)
    selection.bands = bands
    if let mask = scene.mask { selection.mask = try MaskSelection(parsing: mask) }
    selection.cutline = scene.cutline
    guard let policy = SelectionOptions.NodataPolicy(rawValue: scene.nodataPolicy) else {
      throw CoreError.invalidParameter(
        name: "--nodata-policy", value: scene.nodataPolicy, requirement: "auto, any or all")
    }
    selection.nodataPolicy = policy
    return try FileSource(reader, selection, context: context)
  }
}
