import Foundation
import HSIKit

/// The names of everything that one run of `hsi denoise` writes.
struct DenoisePaths {
  var restored: String
  var residual: String?
  /// Pictures before and after.
  var pictures: (before: String, after: String)?
  var report: String?
  var html: String?
  var provenance: String?
  /// The STAC item.
  var item: String?
  private let isENVI: Bool

  /// Names from the options; with `--all` every product that has no name gets one from the stem of the restored cube.
  init(restored: String, options: DenoiseProductOptions, item: String? = nil, format: OutputFormat?) {
    self.item = item
    self.restored = restored
    let url = URL(fileURLWithPath: restored)
    let isVirtual = restored.hasPrefix("/vsi")
    let extensionLength = url.pathExtension.isEmpty ? 0 : url.pathExtension.count + 1
    let stem = String(restored.dropLast(extensionLength))
    let raster = url.pathExtension.isEmpty ? "" : "." + url.pathExtension
    let all = options.everything
    residual = options.residual ?? (all ? stem + "_residual" + raster : nil)
    if let base = options.quicklook.map(DenoisePaths.base) ?? (all ? stem : nil) {
      pictures = (base + "_before.png", base + "_after.png")
    }
    report = options.report ?? (all ? stem + "_report.json" : nil)
    html = options.html ?? (all ? stem + "_report.html" : nil)
    provenance = options.noProv || isVirtual ? nil : restored + ".prov.json"
    isENVI = (format ?? OutputFormat(path: restored)) == .envi
  }

  private static func base(_ name: String) -> String {
    name.lowercased().hasSuffix(".png") ? String(name.dropLast(4)) : name
  }

  /// Every file that will be written, for checks before the work begins.
  var files: [String] {
    var list = [restored]
    if isENVI { list.append(DenoisePaths.header(of: restored)) }
    list += [residual, pictures?.before, pictures?.after, report, html, provenance, item].compactMap { $0 }
    return list
  }

  private static func header(of path: String) -> String {
    let length = URL(fileURLWithPath: path).pathExtension.count
    return (length > 0 ? String(path.dropLast(length + 1)) : path) + ".hdr"
  }

  /// Refuses outputs that exist, are inputs, or name the same file twice, before anything is computed.
  func check(overwrite: Bool, inputs: [String]) throws {
    try ProductPaths.check(files, replaceable: provenance, overwrite: overwrite, inputs: inputs)
  }
}
