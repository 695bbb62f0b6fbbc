import Foundation

/// The main output of a job as the beginning of other names: `a/b.tif` is `a/b` and `.tif`.
struct OutputStem {
  /// The name without its extension.
  let stem: String
  /// `.tif`, or nothing.
  let suffix: String
  /// Whether it lies in one of GDAL's virtual file systems.
  let isVirtual: Bool

  init(_ path: String) {
    let pathExtension = URL(fileURLWithPath: path).pathExtension
    suffix = pathExtension.isEmpty ? "" : "." + pathExtension
    stem = String(path.dropLast(suffix.count))
    isVirtual = path.hasPrefix("/vsi")
  }

  /// `STEM_rmse.tif`: a raster beside the main output.
  func raster(_ name: String) -> String { "\(stem)_\(name)\(suffix)" }
  /// `STEM_report.json`: a file of another kind.
  func file(_ name: String) -> String { "\(stem)_\(name)" }
}
