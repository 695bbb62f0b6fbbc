import ArgumentParser
import HSIKit

/// What a path on a command line is to the work. The Swift type of an option says which it is; shells complete by it, and
/// `hsi batch` derives from it what a step reads and writes.
enum PathRole: CaseIterable {
  /// A file, folder, archive or address that is read.
  case input
  /// A raster of pixels to use, `FILE[:BAND][=VALUES]`.
  case mask
  /// A map and its split, `MAP[:SPLIT]`.
  case judgedMap
  /// A pixel, or a file of polygons.
  case places
  /// A raster of missing values, or a word.
  case missing
  /// The weights of a blur, or one of its families.
  case kernel
  /// A table or spectrum, `FILE[:COLUMN]`, or a word.
  case wordOrFile
  /// Weights or a fitted transform, whose contents decide about the result as much as options do.
  case weights
  /// A file that is written.
  case output

  /// Extensions that shells complete; empty for all files. No two roles have the same, so that a role can be told from the
  /// parser's description of itself.
  var extensions: [String] {
    switch self {
    case .input: []
    case .mask: ["tif", "tiff", "dat", "img", "png", "npy", "mat", "vrt"]
    case .judgedMap: ["tif", "tiff", "dat", "img"]
    case .missing: ["tif", "tiff", "dat", "img", "npy", "mat"]
    case .places: ["geojson", "gpkg", "shp", "fgb", "kml"]
    case .kernel: ["csv", "txt"]
    case .wordOrFile: ["csv", "txt", "sli"]
    case .weights: ["safetensors", "pth", "pt", "ckpt", "json"]
    case .output:
      [
        "tif", "tiff", "dat", "img", "bil", "bip", "bsq", "npy", "mat", "vrt", "sli", "csv", "json", "html", "png",
        "svg", "safetensors", "txt",
      ]
    }
  }

  /// The files that a value names.
  func paths(in value: String) -> [String] {
    switch self {
    case .input, .weights, .output: return [value]
    case .mask: return (try? MaskSelection(parsing: value)).map { [$0.path] } ?? []
    case .missing: return [MissingRequest(parsing: value).file].compactMap { $0 }
    case .places: return [PlacesPath(argument: value).file].compactMap { $0 }
    case .kernel: return [(try? KernelRequest(parsing: value))?.file].compactMap { $0 }
    case .wordOrFile: return WordOrFilePath(argument: value).file.map { [$0] } ?? []
    case .judgedMap:
      let map = JudgedMapPath(argument: value).map
      return [map.path] + [map.split].compactMap { $0 }
    }
  }
}

/// A value of an option or argument that names a file.
protocol PathArgument: ExpressibleByArgument, Sendable {
  static var role: PathRole { get }
  /// As it was given.
  var text: String { get }
}

extension PathArgument {
  static var defaultCompletionKind: CompletionKind { .file(extensions: role.extensions) }
  var defaultValueDescription: String { text }
}

/// A file that is read.
struct InputPath: PathArgument {
  static let role = PathRole.input
  let text: String
  init(argument: String) { text = argument }
}

/// A file that is written.
struct OutputPath: PathArgument {
  static let role = PathRole.output
  let text: String
  init(argument: String) { text = argument }
}

/// A file of weights, or of a model.
struct WeightsPath: PathArgument {
  static let role = PathRole.weights
  let text: String
  init(argument: String) { text = argument }
}

/// A raster of pixels to use.
struct MaskPath: PathArgument {
  static let role = PathRole.mask
  let text: String
  init(argument: String) { text = argument }
}

/// A raster of missing values, or the word for another kind of them.
struct MissingPath: PathArgument {
  static let role = PathRole.missing
  let text: String
  init(argument: String) { text = argument }
}

/// A file with the weights of a blur, or the word for one of its families.
struct KernelPath: PathArgument {
  static let role = PathRole.kernel
  let text: String
  init(argument: String) { text = argument }
}

/// A file (a name with a dot or a slash), perhaps with a column of it, or a word.
struct WordOrFilePath: PathArgument {
  static let role = PathRole.wordOrFile
  let text: String
  init(argument: String) { text = argument }

  /// The file that is named.
  var file: String? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    func isFile(_ name: String) -> Bool { name.contains("/") || name.contains(".") }
    if let last = parts.last, parts.count > 1, !isFile(String(last)) {
      let path = parts.dropLast().joined(separator: ":")
      if isFile(path) { return path }
    }
    return isFile(text) ? text : nil
  }
}

/// A map and the split whose test pixels are judged.
struct JudgedMapPath: PathArgument {
  static let role = PathRole.judgedMap
  let text: String
  init(argument: String) { text = argument }

  /// The parts before and after the last colon.
  var map: ClassificationEvaluationJob.Map {
    guard let colon = text.lastIndex(of: ":"), colon > text.startIndex else { return .init(text) }
    return .init(String(text[..<colon]), split: String(text[text.index(after: colon)...]))
  }
}

/// A pixel `x,y`, or a file of polygons.
struct PlacesPath: PathArgument {
  static let role = PathRole.places
  let text: String
  init(argument: String) { text = argument }

  /// Sample and line from 0; nil for a file.
  var pixel: PixelPosition? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let sample = parts[0], let line = parts[1], sample >= 0, line >= 0 else { return nil }
    return PixelPosition(line: line, sample: sample)
  }

  /// The file; nil for a pixel, and for what looks like one.
  var file: String? {
    let looksLikePixel = !text.isEmpty && text.allSatisfy { $0.isNumber || ",-+ .".contains($0) }
    return pixel == nil && !looksLikePixel ? text : nil
  }
}
