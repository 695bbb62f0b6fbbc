import HSICore

/// Nominal band centres of instruments whose files often come without wavelengths, for `--sensor NAME`.
///
/// The numbers are those of one campaign or publication; a product's own wavelengths are better where it has them.
public struct SensorTable: Sendable {
  /// Name on the command line.
  public let name: String
  /// Other names; letter case, blanks, `-`, `_` and `/` do not count.
  public let aliases: [String]
  /// Which bands these are, in one line.
  public let summary: String
  /// Band centres in nm, in the order of the bands.
  public let wavelengths: [Double]
  /// Full widths at half maximum in nm, where published.
  public let fwhm: [Double]?
  /// Names of the bands where they are more than numbers: `B8A`.
  public let bandNames: [String]?
  /// 0-based bands that carry no usable signal.
  let bad: Set<Int>
  /// What customary editions of scenes leave out: 0-based bands.
  let editions: [Edition]

  /// A customary selection of the bands.
  struct Edition: Sendable {
    /// For the log: `Salinas, corrected`.
    let name: String
    /// 0-based bands that are kept.
    let bands: [Int]
  }

  /// The instruments. A new one is one entry here.
  public static let all: [SensorTable] = [
    SensorTable(
      "aviris", aliases: ["aviris-classic", "salinas"],
      "AVIRIS, 224 bands (Salinas Valley 1998 and later campaigns)",
      avirisClassicCentres, nil,
      editions: [("Salinas, corrected", 224, without: [108...112, 154...167, 224...224])]),
    SensorTable(
      "aviris-1992", aliases: ["indian-pines"], "AVIRIS, the 220 bands of Indian Pines 1992",
      aviris1992Centres,
      aviris1992Widths,
      editions: [("Indian Pines, corrected", 220, without: [104...108, 150...163, 220...220])]),
    SensorTable(
      "aviris-1995", aliases: ["cuprite"], "AVIRIS, the 224 bands of 1995 in the USGS spectral library",
      aviris1995Centres, aviris1995Widths),
    SensorTable("casi", aliases: ["muufl"], "CASI-1500, the 72 bands of MUUFL Gulfport", casiCentres, nil),
    SensorTable(
      "cave", aliases: [], "the CAVE camera, 31 bands",
      (0..<31).map { "\(400 + 10 * $0)" }.joined(separator: " "), nil),
    SensorTable(
      "enmap", aliases: [], "EnMAP, 224 bands; 130 to 135 hold no data", enmapCentres, enmapWidths,
      bad: [130...135]),
    SensorTable(
      "hyperion", aliases: ["eo-1", "botswana"],
      "EO-1 Hyperion, 242 bands; 1 to 7, 58 to 76 and 225 to 242 are not calibrated", hyperionCentres,
      hyperionWidths,
      bad: [1...7, 58...76, 225...242],
      editions: [("Botswana", 242, without: [1...9, 56...81, 98...101, 120...133, 165...186, 221...242])]),
    SensorTable(
      "rosis", aliases: ["rosis-03", "pavia", "paviau"],
      "ROSIS, the 103 bands of the Pavia scenes, spread evenly over 430 to 860 nm",
      (0..<103).map { "\(430 + 430 * Double($0) / 102)" }.joined(separator: " "), nil,
      editions: [("Pavia Centre", 103, without: [103...103])]),
    SensorTable("neon", aliases: ["neon-ais"], "NEON imaging spectrometer, 426 bands", neonCentres, nil),
    SensorTable(
      "sentinel2", aliases: ["sentinel-2a", "s2", "msi"], "Sentinel-2A MSI, 13 bands", sentinel2Centres,
      sentinel2Widths,
      names: "B1 B2 B3 B4 B5 B6 B7 B8 B8A B9 B10 B11 B12",
      editions: [("surface reflectance", 13, without: [11...11])]),
    SensorTable(
      "landsat8", aliases: ["landsat9", "oli"], "Landsat 8 OLI, bands 1 to 7 and 9; that of Landsat 9 is its copy",
      landsat8Centres, landsat8Widths, names: "B1 B2 B3 B4 B5 B6 B7 B9",
      editions: [("surface reflectance", 8, without: [8...8])]),
  ]

  /// The table of a name; nil for an instrument that has none.
  public static func named(_ name: String) -> SensorTable? {
    let wanted = normalised(name)
    return all.first { table in ([table.name] + table.aliases).contains { normalised($0) == wanted } }
  }

  /// Bands of the instrument that a cube of `count` bands holds, and the name of that edition; nil when no customary
  /// selection has so many.
  func selection(count: Int) -> (bands: [Int], edition: String?)? {
    if count == wavelengths.count { return (Array(0..<count), nil) }
    return editions.first { $0.bands.count == count }.map { ($0.bands, $0.name) }
  }

  /// Numbers of bands that a cube may have.
  var counts: [Int] { [wavelengths.count] + editions.map(\.bands.count) }

  /// All bands.
  public var axis: SpectralAxis {
    SpectralAxis(wavelengths: wavelengths, fwhm: fwhm, good: wavelengths.indices.map { !bad.contains($0) })
  }

  /// Puts the centres, widths and unusable bands on the axis of a cube.
  ///
  /// - Returns: false when the cube has another number of bands.
  func install(in metadata: inout CubeMetadata, path: String, context: RunContext) -> Bool {
    guard let (bands, edition) = selection(count: metadata.bands) else { return false }
    metadata.axis.wavelengths = bands.map { wavelengths[$0] }
    metadata.axis.fwhm = fwhm.map { widths in bands.map { widths[$0] } }
    metadata.sources["wavelengths"] = .user
    metadata.sources["fwhm"] = fwhm == nil ? nil : .user
    for (place, band) in bands.enumerated() where bad.contains(band) {
      metadata.axis.good[place] = false
      metadata.sources["goodBands"] = .user
    }
    let part = edition.map { " (\($0): \(bands.count) of \(wavelengths.count) bands)" } ?? ""
    context.logger.info("\(context.spelled("\(path): nominal wavelengths of \(name)\(part) from \(option: "sensor")"))")
    return true
  }

  private init(
    _ name: String, aliases: [String], _ summary: String, _ centres: String, _ widths: String?,
    names: String? = nil, bad: [ClosedRange<Int>] = [],
    editions: [(name: String, of: Int, without: [ClosedRange<Int>])] = []
  ) {
    func numbers(_ text: String) -> [Double] {
      text.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
    }
    self.name = name
    self.aliases = aliases
    self.summary = summary
    wavelengths = numbers(centres)
    fwhm = widths.map(numbers)
    bandNames = names.map { $0.split(separator: " ").map(String.init) }
    self.bad = Set(bad.flatMap { $0 }.map { $0 - 1 })
    self.editions = editions.map { edition in
      let left = Set(edition.without.flatMap { $0 })
      return Edition(name: edition.name, bands: (1...edition.of).filter { !left.contains($0) }.map { $0 - 1 })
    }
  }

  private static func normalised(_ name: String) -> String {
    name.lowercased().filter { !" -_/".contains($0) }
  }
}
