import Foundation
import HSICore

/// Wavelengths from the STAC item beside a file that has none: `STEM.json`, `FILE.json`, `STEM_stac.json`, or an item in the same folder
/// with an asset of that name.
enum STACBands {
  private static let largest = 16 << 20

  /// The centres and widths of all bands of a file, from the asset that names it; nil where there is no such item, or
  /// where it does not give all of them.
  static func find(beside path: String, bands: Int) -> FoundWavelengths? {
    guard !GDAL.isRemote(path), bands > 0 else { return nil }
    let name = PathName(path)
    let usual = [name.stem + ".json", path + ".json", name.stem + "_stac.json"]
    // An item of any other name counts where it names the file.
    let others = VSI.names(in: name.listedFolder).filter { $0.lowercased().hasSuffix(".json") }.prefix(40).map {
      name.folder + $0
    }
    for candidate in usual + others.filter({ !usual.contains($0) }) where VSI.isFile(candidate) {
      guard let bytes = try? VSI.contents(candidate, limit: usual.contains(candidate) ? largest : 1 << 20),
        let item = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any],
        item["stac_version"] is String, let assets = item["assets"] as? [String: Any]
      else { continue }
      let asset = assets.sorted { $0.key < $1.key }.lazy.compactMap { $0.value as? [String: Any] }.first {
        PathName(($0["href"] as? String)?.removingPercentEncoding ?? "").name == name.name
      }
      guard let asset, let found = wavelengths(asset, item, bands: bands, place: candidate) else { continue }
      return found
    }
    return nil
  }

  /// Bands of STAC 1.1 (`bands` with `eo:center_wavelength`), else of older versions (`eo:bands` with
  /// `center_wavelength`), in µm.
  private static func wavelengths(
    _ asset: [String: Any], _ item: [String: Any], bands: Int, place: String
  ) -> FoundWavelengths? {
    let properties = item["properties"] as? [String: Any] ?? [:]
    for (key, prefix) in [("bands", "eo:"), ("eo:bands", "")] {
      guard let list = (asset[key] ?? properties[key]) as? [Any], list.count == bands else { continue }
      func values(_ name: String) -> [Double]? {
        let all = list.compactMap { (($0 as? [String: Any])?[prefix + name] as? NSNumber)?.doubleValue }
        return all.count == bands ? all : nil
      }
      if let centres = values("center_wavelength") {
        return FoundWavelengths(
          values: centres, fwhm: values("full_width_half_max"),
          // µm by the specification; nobody measures at 400 µm.
          unit: centres.max() ?? 0 > 100 ? "nm" : "um", place: place, source: .sidecar)
      }
    }
    return nil
  }
}
