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
  var wavelengths: InputPath?

  @Option(
    help: ArgumentHelp(
      "Instrument; a known one (hsi formats lists them) gives the wavelengths of its bands.", valueName: "name"))
  var sensor: String?

  @Option(help: "Quantity: reflectance, radiance, dn …")
  var quantity: String?

  @Option(help: "Stored value that means no data, or none (pixels of zeros count as data then).")
  var nodata: String?

  @Option(
    help: "A pixel is no data when any or all good bands are; auto: all where nodata is 0, else any."
  )
  var nodataPolicy = "auto"

  @Flag(help: "Ignore scale and offset: work on the stored numbers.")
  var unscaled = false

  @Option(help: ArgumentHelp("Part of the image in pixels.", valueName: "x,y,width,height"))
  var window: String?

  @Option(help: ArgumentHelp("Part of the image in map coordinates.", valueName: "minx,miny,maxx,maxy"))
  var bbox: String?

  @Option(help: ArgumentHelp("Raster of the pixels to use.", valueName: "file[:band][=values]"))
  var mask: MaskPath?

  @Option(help: "Polygons (GeoJSON, GeoPackage, shapefile …) whose inside is used.")
  var cutline: InputPath?

  @Flag(help: "Read a file that is shorter than its header says; missing lines become no data.")
  var allowTruncated = false

  @Option(help: "Format to read the file as, in place of the first that fits; see hsi formats.")
  var inputFormat: String?

  @Option(help: ArgumentHelp("Open option of GDAL, NAME=VALUE, repeatable.", valueName: "name=value"))
  var oo: [String] = []

  /// The scene of these options.
  ///
  /// - Throws: `CoreError.invalidParameter` for an option with a value that it cannot have.
  func request(_ path: InputPath) throws -> SceneRequest {
    var request = SceneRequest(path.text)
    request.opening = try opening()
    request.area = try area()
    request.mask = try mask.map { try MaskSelection(parsing: $0.text) }
    request.cutline = cutline?.text
    request.nodataPolicy = try choice("--nodata-policy", nodataPolicy, "auto, any or all")
    return request
  }

  private func opening() throws -> OpenOptions {
    var open = OpenOptions()
    open.variable = variable
    open.axes = axes
    open.size = try imageSize()
    open.overlap = try choice("--overlap", overlap)
    open.wavelengths = wavelengths?.text
    open.sensor = sensor
    open.isScaled = !unscaled
    open.allowsTruncated = allowTruncated
    open.format = inputFormat
    open.gdalOptions = oo
    open.quantity = try quantity.map { try choice("--quantity", $0) }
    open.nodata = try nodata.map { try OpenOptions.Nodata(option: "--nodata", $0) }
    return open
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

  /// The rectangle that `--window` or `--bbox` names.
  private func area() throws -> SceneRequest.Area {
    if let window {
      let parts = window.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
      guard parts.count == 4, !parts.contains(nil), let x = parts[0], let y = parts[1], let width = parts[2],
        let height = parts[3], x >= 0, y >= 0, width > 0, height > 0
      else {
        throw CoreError.invalidParameter(
          name: "--window", value: window, requirement: "X,Y,WIDTH,HEIGHT in pixels")
      }
      return .pixels(PixelWindow(line: y, sample: x, lines: height, samples: width))
    }
    guard let bbox else { return .whole }
    let parts = bbox.split(separator: ",", omittingEmptySubsequences: false).compactMap { Double($0) }
    guard parts.count == 4, parts.allSatisfy(\.isFinite), parts[0] < parts[2], parts[1] < parts[3] else {
      throw CoreError.invalidParameter(name: "--bbox", value: bbox, requirement: "MINX,MINY,MAXX,MAXY")
    }
    return .map(minX: parts[0], minY: parts[1], maxX: parts[2], maxY: parts[3])
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

  /// The scene of these options.
  ///
  /// - Throws: `CoreError.invalidParameter` for an option with a value that it cannot have.
  func request(_ path: InputPath) throws -> SceneRequest {
    var request = try scene.request(path)
    request.bands = try BandChoice.selection(bands: bandList, wavelengths: wavelengthRanges)
    return request
  }
}

/// `-b` and `--wl`, of which one may be given.
enum BandChoice {
  static func selection(bands: String?, wavelengths: String?) throws -> BandSelection? {
    if bands != nil, wavelengths != nil {
      throw CoreError.invalidParameter(name: "-b", value: "given", requirement: "used without --wl")
    }
    if let bands { return try BandSelection.parse(bands: bands) }
    return try wavelengths.map { try BandSelection.parse(wavelengths: $0) }
  }
}

/// The case of an enumeration that the value of an option names.
///
/// - Throws: `CoreError.invalidParameter` that lists what there is.
func choice<Value: RawRepresentable & CaseIterable>(
  _ option: String, _ text: String, _ requirement: String? = nil
) throws -> Value where Value.RawValue == String {
  guard let value = Value(rawValue: text) else {
    throw CoreError.invalidParameter(
      name: option, value: text,
      requirement: requirement ?? "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "))
  }
  return value
}

extension OpenOptions.Nodata {
  /// A number or `none`.
  init(option: String, _ text: String) throws {
    guard let value = OpenOptions.Nodata(text) else {
      throw CoreError.invalidParameter(name: option, value: text, requirement: "a number or none")
    }
    self = value
  }
}
