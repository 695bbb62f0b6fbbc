import Foundation
import HSICore
import HSINumerics
import HSIRaster
import HSITransformer

/// Statistics of a scene, or of windows of it, as a file: exact sums that merge without rounding.
///
/// Safetensors with whole numbers and a description in JSON (docs/formats.md). The bytes depend on the pixels alone: any division of a
/// scene into windows, merged in any order, gives the file of the whole scene.
///
/// ```swift
/// var all = try StatisticsFile(path: "left.safetensors")
/// try all.merge(StatisticsFile(path: "right.safetensors"))
/// print(try all.pixels().statistics.mean)
/// ```
public struct StatisticsFile: Sendable {
  /// The bands of the pixels.
  struct Description: Codable, Hashable, Sendable {
    var format = "hsi statistics"
    var version = 1
    /// Digest of bands, wavelengths and quantity.
    var bandsDigest: String
    var bands: Int
    var wavelengths: [Double]?
    var unit: String
    var quantity: String
    /// `auto`, `any`, `all`.
    var nodataPolicy: String
    /// Whether a mask or cutline chose the pixels.
    var isMasked: Bool
    var pixels: Int
    var pairs: Int
    var units: [String: Int]
    var rasters: [WindowSet.Raster]

    private enum CodingKeys: String, CodingKey {
      case format, version, bands, wavelengths, unit, quantity, pixels, pairs, units, rasters
      case bandsDigest = "bands_digest"
      case nodataPolicy = "nodata_policy"
      case isMasked = "masked"
    }
  }

  /// Where it was read, for messages.
  let path: String
  private(set) var axis: SpectralAxis
  private(set) var quantity: Quantity
  private(set) var nodataPolicy: String
  private(set) var isMasked: Bool
  private(set) var windows: WindowSet
  private var pixelWords: ExactMoments.Words
  private var differenceWords: ExactMoments.Words

  /// Key of the description in the metadata.
  private static let key = "hsi_statistics"
  private static let parts = ["pixels", "differences"]

  /// Statistics that were just made.
  init(
    axis: SpectralAxis, quantity: Quantity, nodataPolicy: String, isMasked: Bool, windows: WindowSet,
    pixels: ExactMoments, differences: ExactMoments
  ) {
    path = "the statistics"
    (self.axis, self.quantity, self.nodataPolicy, self.isMasked) = (axis, quantity, nodataPolicy, isMasked)
    (self.windows, pixelWords, differenceWords) = (windows, pixels.words, differences.words)
  }

  /// Number of pixels.
  public var count: Int { pixelWords.count }
  /// Number of pairs of neighbours.
  public var pairs: Int { differenceWords.count }
  /// Number of bands.
  public var bands: Int { axis.count }
  /// Whether every scene in it was looked at wholly.
  public var isComplete: Bool { windows.isComplete }

  /// The moments of the pixels.
  ///
  /// - Throws: `RasterError.unreadable` where parts of the file do not fit each other.
  public func pixels() throws -> ExactMoments { try moments(pixelWords) }

  /// The moments of the differences of neighbours.
  ///
  /// - Throws: `RasterError.unreadable`.
  public func differences() throws -> ExactMoments { try moments(differenceWords) }

  private func moments(_ words: ExactMoments.Words) throws -> ExactMoments {
    guard let moments = ExactMoments(words) else { throw StatisticsFile.damaged(path, "its sums do not fit its bands") }
    return moments
  }

  private static func damaged(_ path: String, _ reason: String) -> RasterError {
    .unreadable(path: path, reason: reason)
  }

  // MARK: - Merging

  /// Adds the statistics of other windows or scenes: exact, so that order and grouping do not matter.
  ///
  /// - Throws: `RasterError.inconsistent` for statistics of other bands, units or choices of pixels, and for windows that overlap.
  public mutating func merge(_ other: StatisticsFile) throws {
    try join(other)
    let (own, others) = (try pixels(), try differences())
    own.merge(try other.pixels())
    others.merge(try other.differences())
    (pixelWords, differenceWords) = (own.words, others.words)
  }

  /// What `merge` does, but for the sums.
  private mutating func join(_ other: StatisticsFile) throws {
    func refuse(_ reason: String, _ advice: String) -> RasterError {
      .inconsistent(path: other.path, reason: reason, advice: advice)
    }
    guard other.bandsDigest == bandsDigest else {
      throw refuse(
        "it has \(other.bands) bands (\(other.quantity.rawValue)) that are not the \(bands) (\(quantity.rawValue)) of \(path)",
        "make statistics of the same bands in the same units")
    }
    guard other.nodataPolicy == nodataPolicy, other.isMasked == isMasked else {
      throw refuse(
        "its pixels were chosen in another way than those of \(path)",
        "use the same mask and \(option: "nodata policy")")
    }
    if let overlap = windows.merge(other.windows) {
      throw refuse(
        "the window \(overlap) has been counted already", "merge windows that do not overlap, each of them once")
    }
  }

  /// Merges many files; the order does not matter.
  ///
  /// - Throws: as `merge`, and the errors of reading.
  static func merged(_ paths: [String], _ context: RunContext) throws -> StatisticsFile {
    var result = try StatisticsFile(path: paths[0])
    // The sums stay what they are until the end, and are not made words of in between.
    let (pixels, differences) = (try result.pixels(), try result.differences())
    for (index, path) in paths.enumerated().dropFirst() {
      try context.checkCancellation()
      let other = try StatisticsFile(path: path)
      try result.join(other)
      pixels.merge(try other.pixels())
      differences.merge(try other.differences())
      context.progress.report(phase: "merging", fraction: Double(index + 1) / Double(paths.count))
    }
    (result.pixelWords, result.differenceWords) = (pixels.words, differences.words)
    return result
  }

  // MARK: - Use

  /// Digest of bands, wavelengths and quantity.
  var bandsDigest: String {
    var digest = SHA256()
    let wavelengths = axis.wavelengths.map { $0.map { "\($0)" }.joined(separator: ",") } ?? "none"
    digest.update(Array("\(axis.count) \(axis.unit.rawValue) \(wavelengths) \(quantity.rawValue)".utf8))
    return digest.hexadecimal()
  }

  /// The statistics on the bands of a scene.
  ///
  /// - Parameters:
  ///   - metadata: of the scene as it is used.
  ///   - scene: its name, for messages.
  /// - Throws: `RasterError.inconsistent` where the scene has bands that the statistics lack, or other units.
  func fitted(to metadata: CubeMetadata, of scene: String) throws -> (pixels: ExactMoments, differences: ExactMoments) {
    func refuse(_ reason: String) -> RasterError {
      .inconsistent(
        path: path, reason: reason,
        advice: "make statistics of this scene, with the same bands and options, by hsi statistics")
    }
    guard metadata.quantity == quantity else {
      throw refuse("it is of \(quantity.rawValue), and \(scene) holds \(metadata.quantity.rawValue)")
    }
    let places: [Int]
    switch (axis.wavelengths, metadata.axis.wavelengths) {
    case (let own?, let wanted?) where axis.unit == metadata.axis.unit:
      places = try wanted.map { wavelength in
        guard let place = own.firstIndex(where: { abs($0 - wavelength) <= 1e-6 * abs(wavelength) }) else {
          throw refuse("it has no band at \(PlainNumber.rounded(wavelength)), which \(scene) has")
        }
        return place
      }
    case (nil, nil):
      guard axis.count == metadata.axis.count else {
        throw refuse("it is of \(axis.count) bands, and \(scene) has \(metadata.axis.count)")
      }
      places = Array(0..<axis.count)
    default:
      throw refuse("its bands have \(axis.wavelengths == nil ? "no" : "other") wavelengths, not those of \(scene)")
    }
    guard Set(places).count == places.count else { throw refuse("\(scene) has a band twice") }
    if places == Array(0..<axis.count) { return (try pixels(), try differences()) }
    return (try moments(pixelWords.selecting(bands: places)), try moments(differenceWords.selecting(bands: places)))
  }
}

extension StatisticsFile {
  // MARK: - Bytes

  /// Writes the file.
  ///
  /// - Throws: `CoreError` of the output.
  func write(to path: String, overwrite: Bool, inputs: [String]) throws {
    var tensors: [(name: String, content: SafetensorsWriter.Content)] = []
    var units: [String: Int] = [:]
    for (name, words) in zip(StatisticsFile.parts, [pixelWords, differenceWords]) {
      let bands = words.minimum.count
      func add(_ part: String, _ value: (unit: Int, words: [[Int64]]), _ count: Int) {
        units["\(name).\(part)"] = value.unit
        tensors.append(
          ("\(name).\(part)", .integers(value.words.flatMap { $0 }, shape: [value.words.count, count])))
      }
      add("sums", words.sums, bands)
      add("products", words.products, bands * (bands + 1) / 2)
      tensors.append(("\(name).minimum", .floats(Tensor([bands], words.minimum))))
      tensors.append(("\(name).maximum", .floats(Tensor([bands], words.maximum))))
      tensors.append(("\(name).undefined", .integers(words.undefined.map { $0 ? 1 : 0 }, shape: [bands])))
    }
    let description = Description(
      bandsDigest: bandsDigest, bands: bands, wavelengths: axis.wavelengths, unit: axis.unit.rawValue,
      quantity: quantity.rawValue, nodataPolicy: nodataPolicy, isMasked: isMasked, pixels: count, pairs: pairs,
      units: units, rasters: windows.rasters)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let json = String(decoding: try encoder.encode(description), as: UTF8.self)
    try SafetensorsWriter.write(
      tensors, metadata: [StatisticsFile.key: json], to: path, overwrite: overwrite, inputs: inputs)
  }

  /// Reads a file.
  ///
  /// - Throws: the errors of weight files; `RasterError.unreadable` for what is no file of statistics, or contradicts itself.
  public init(path: String) throws {
    let file = try WeightFile.open(path)
    guard let json = file.metadata[StatisticsFile.key],
      let description = try? JSONDecoder().decode(Description.self, from: Data(json.utf8)),
      description.format == "hsi statistics"
    else { throw StatisticsFile.damaged(path, "it holds no statistics of hsi") }
    guard description.version == 1 else {
      throw StatisticsFile.damaged(path, "it has version \(description.version), and this program reads version 1")
    }
    let bands = description.bands
    guard (1...100_000).contains(bands), description.wavelengths.map({ $0.count == bands }) ?? true,
      description.rasters.allSatisfy({ StatisticsFile.isSound($0) })
    else { throw StatisticsFile.damaged(path, "its description contradicts itself") }
    func part(_ name: String, _ count: Int) throws -> ExactMoments.Words {
      func tensor(_ part: String, _ shape: (WeightTensor) -> Bool) throws -> WeightTensor {
        guard let tensor = file["\(name).\(part)"], shape(tensor) else {
          throw StatisticsFile.damaged(path, "\(name).\(part) is missing, or not of \(bands) bands")
        }
        return tensor
      }
      func words(_ part: String, _ width: Int) throws -> (unit: Int, words: [[Int64]]) {
        let tensor = try tensor(part) {
          $0.type == .int64 && $0.shape.count == 2 && $0.shape[1] == width && $0.shape[0] <= 24
        }
        let values = try tensor.ints().map { Int64($0) }
        return (
          description.units["\(name).\(part)"] ?? 0,
          (0..<tensor.shape[0]).map { Array(values[($0 * width)..<(($0 + 1) * width)]) }
        )
      }
      let words = ExactMoments.Words(
        count: count, minimum: try tensor("minimum") { $0.shape == [bands] }.floats().values,
        maximum: try tensor("maximum") { $0.shape == [bands] }.floats().values,
        undefined: try tensor("undefined") { $0.type == .int64 && $0.shape == [bands] }.ints().map { $0 != 0 },
        sums: try words("sums", bands), products: try words("products", bands * (bands + 1) / 2))
      guard count >= 0, ExactMoments(words) != nil else {
        throw StatisticsFile.damaged(path, "its sums do not fit its bands")
      }
      return words
    }
    self.path = path
    axis = SpectralAxis(count: bands)
    axis.wavelengths = description.wavelengths
    axis.unit = WavelengthUnit(rawValue: description.unit) ?? .nanometres
    quantity = Quantity(rawValue: description.quantity) ?? .unknown
    (nodataPolicy, isMasked) = (description.nodataPolicy, description.isMasked)
    windows = WindowSet()
    for raster in description.rasters {
      guard windows.merge(WindowSet(raster)) == nil else { throw StatisticsFile.damaged(path, "its windows overlap") }
    }
    pixelWords = try part("pixels", description.pixels)
    differenceWords = try part("differences", description.pairs)
    guard bandsDigest == description.bandsDigest else {
      throw StatisticsFile.damaged(path, "its bands are not those that its digest is of")
    }
  }

  private static func isSound(_ raster: WindowSet.Raster) -> Bool {
    let limit = 1 << 40
    return (1...limit).contains(raster.lines) && (1...limit).contains(raster.samples)
      && raster.windows.allSatisfy { window in
        window.count == 4 && window.allSatisfy { (0...limit).contains($0) } && window[2] > 0 && window[3] > 0
          && window[0] + window[2] <= raster.samples && window[1] + window[3] <= raster.lines
      }
  }
}
