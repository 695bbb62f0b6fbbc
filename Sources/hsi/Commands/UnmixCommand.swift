import ArgumentParser
import Foundation
import HSIKit

/// `hsi unmix`: the main job.
struct UnmixCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unmix",
    abstract: "Unmix a scene: abundances, endmembers, guidance map, channel quality, pictures and a report.",
    discussion: """
      Blind (endmembers unknown), with a number of endmembers or its estimate:
        hsi unmix scene.hdr abundances.tif --count 4
        hsi unmix scene.hdr abundances.tif --count auto --library usgs.sli
      Known endmembers:
        hsi unmix scene.tif abundances.tif --endmembers spectra.sli --method fcls
      Sparse, on a library of many spectra:
        hsi unmix scene.tif abundances.tif --library usgs.sli --set lambda=0.01
      Endmembers from the scene, then least squares:
        hsi unmix scene.tif abundances.tif --count 4 --method fcls --extract vca

      --all writes every product beside ABUNDANCES under its name: endmembers, guidance map, residual, channel \
      quality, pictures, JSON and HTML reports. Methods and their parameters: hsi methods.
      """)

  @Argument(help: "The cube.")
  var scene: String

  @Argument(help: "Abundance maps to write, one band per endmember (GeoTIFF, or ENVI by extension or --of).")
  var abundances: String

  @Option(name: [.customShort("n"), .long], help: "Number of endmembers, or auto.")
  var count: String?

  @Option(help: "Known endmembers: .sli, CSV or text spectra.")
  var endmembers: String?

  @Option(
    help: "Spectral library: to unmix on (without --count), or to name blind endmembers by (with --count).")
  var library: String?

  @Option(
    name: .shortAndLong, help: "Method (default: rrlbs, fcls with --endmembers, sunsal with --library).")
  var method: String?

  @Option(help: "Extractor of endmembers when an abundance method is used with --count.")
  var extract = "vca"

  @Option(help: "How --count auto counts: hysime, hfc or nwhfc.")
  var countMethod = "hysime"

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Flag(
    help:
      "Divide every pixel by its length over the good bands first (scenes with shadow or water; blind only).")
  var normalise = false

  @OptionGroup(title: "Products") var products: ProductOptions
  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    let job = UnmixJob(
      request: try request(), scenePath: scene, outputPath: abundances, input: input, output: output,
      products: products, map: map, context: context)
    try job.run()
  }

  private func request() throws -> UnmixRequest {
    let values = try MethodOptions.values(set)
    if let endmembers {
      guard count == nil, library == nil else {
        throw CoreError.invalidParameter(
          name: "--endmembers", value: endmembers, requirement: "given without --count and --library")
      }
      return UnmixRequest(kind: .known(endmembers), method: method ?? "fcls", values: values)
    }
    if let count {
      let number: Int?
      if count == "auto" {
        number = nil
      } else {
        guard let value = Int(count), value >= 2 else {
          throw CoreError.invalidParameter(
            name: "--count", value: count, requirement: "a number from 2, or auto")
        }
        number = value
      }
      return UnmixRequest(
        kind: .blind(
          count: number, counter: countMethod, extractor: extract, library: library, unitLength: normalise),
        method: method ?? "rrlbs", values: values)
    }
    guard let library else {
      throw CoreError.invalidParameter(
        name: "what to unmix with", value: "not given", requirement: "one of --count, --endmembers, --library"
      )
    }
    return UnmixRequest(kind: .known(library), method: method ?? "sunsal", values: values, isLibrary: true)
  }
}

/// `--set NAME=VALUE` as numbers by name.
enum MethodOptions {
  static func values(_ entries: [String]) throws -> [String: Double] {
    var values: [String: Double] = [:]
    for entry in entries {
      let parts = entry.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, let value = Double(parts[1]), value.isFinite else {
        throw CoreError.invalidParameter(name: "--set", value: entry, requirement: "NAME=NUMBER")
      }
      values[String(parts[0])] = value
    }
    return values
  }
}

/// What a user asked `hsi unmix` to do.
struct UnmixRequest {
  enum Kind {
    /// Endmembers or library in a file.
    case known(String)
    /// Endmembers to be found.
    case blind(count: Int?, counter: String, extractor: String, library: String?, unitLength: Bool)
  }

  var kind: Kind
  var method: String
  var values: [String: Double]
  /// True when known spectra are a library to choose from: one that cannot be used is no loss.
  var isLibrary = false
}

/// Which products to write beside the abundances.
struct ProductOptions: ParsableArguments {
  @Flag(name: .customLong("all"), help: "Write every product beside the abundances, named after them.")
  var everything = false

  @Option(
    help: "Endmembers: writes BASE.sli, BASE.hdr and BASE.csv (default for found ones: STEM_endmembers).")
  var endmembersOut: String?

  @Option(help: "Guidance map of methods that learn one.")
  var guidance: String?

  @Option(help: "Root-mean-square residual per pixel.")
  var residual: String?

  @Option(help: "Residual spectra: the bands used, less what the endmembers explain.")
  var residualSpectra: String?

  @Option(help: "Channel quality of methods that learn it (.csv or .json).")
  var channelQuality: String?

  @Option(help: "Colour picture of the scene (.png).")
  var quicklook: String?

  @Option(help: "Colour composite of the abundances (.png).")
  var composite: String?

  @Option(help: "JSON report; - for standard output.")
  var report: String?

  @Option(help: "Self-contained HTML report.")
  var html: String?

  @Option(help: "Extra bands in the abundance file: rmse, sum, shade (1 − sum); comma-separated.")
  var add: String?

  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  @Flag(help: "Record the SHA-256 of all data that are read, not of headers only.")
  var hash = false
}
