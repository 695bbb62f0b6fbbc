import Foundation
import HSIKit

/// The names of everything that one run writes beside the abundances.
struct ProductPaths {
  var abundances: String
  var endmembers: String?
  var guidance: String?
  var residual: String?
  var residualSpectra: String?
  var channelQuality: [String]
  var quicklook: String?
  var composite: String?
  var report: String?
  var html: String?
  var provenance: String?
  /// The STAC item.
  var item: String?

  /// Names from the options; with `--all` every product that has no name gets one from the stem of the abundances.
  ///
  /// - Parameters:
  ///   - isBlind: endmembers that were found are always written.
  init(abundances: String, options: ProductOptions, item: String? = nil, isBlind: Bool) {
    self.item = item
    self.abundances = abundances
    let url = URL(fileURLWithPath: abundances)
    let isVirtual = abundances.hasPrefix("/vsi")
    let extensionLength = url.pathExtension.isEmpty ? 0 : url.pathExtension.count + 1
    let stem = String(abundances.dropLast(extensionLength))
    let raster = url.pathExtension.isEmpty ? "" : "." + url.pathExtension
    let all = options.everything
    endmembers = options.endmembersOut ?? (isBlind && !isVirtual ? stem + "_endmembers" : nil)
    guidance = options.guidance ?? (all && isBlind ? stem + "_guidance" + raster : nil)
    residual = options.residual ?? (all ? stem + "_rmse" + raster : nil)
    residualSpectra = options.residualSpectra
    channelQuality = options.channelQuality.map { [$0] } ?? []
    if channelQuality.isEmpty, all, isBlind {
      channelQuality = [stem + "_channels.csv", stem + "_channels.json"]
    }
    quicklook = options.quicklook ?? (all ? stem + "_scene.png" : nil)
    composite = options.composite ?? (all ? stem + "_composite.png" : nil)
    report = options.report ?? (all ? stem + "_report.json" : nil)
    html = options.html ?? (all ? stem + "_report.html" : nil)
    provenance = options.noProv || isVirtual ? nil : abundances + ".prov.json"
  }

  /// Every file that will be written, for checks before the work begins.
  var files: [String] {
    var list = [abundances]
    if let endmembers { list += [endmembers + ".sli", endmembers + ".hdr", endmembers + ".csv"] }
    list += [guidance, residual, residualSpectra, quicklook, composite, report, html, provenance, item].compactMap { $0 }
    return list + channelQuality
  }

  /// Refuses outputs that exist, are inputs, or name the same file twice, before anything is computed.
  func check(overwrite: Bool, inputs: [String]) throws {
    try ProductPaths.check(files, replaceable: provenance, overwrite: overwrite, inputs: inputs)
  }

  /// The same for any list of files.
  ///
  /// - Parameter replaceable: the one that is replaced whether asked for or not.
  static func check(_ files: [String], replaceable: String?, overwrite: Bool, inputs: [String]) throws {
    var seen = Set<String>()
    for path in files where path != "-" && !path.hasPrefix("/vsi") {
      let real = URL(fileURLWithPath: path).standardizedFileURL.path
      guard seen.insert(real).inserted else {
        throw CoreError.invalidParameter(
          name: "an output", value: path, requirement: "different from every other output")
      }
      // Creating and discarding an output checks folder, permissions, inputs and existing files.
      try OutputFile(path, overwrite: overwrite || path == replaceable, inputs: inputs).discard()
    }
  }
}
