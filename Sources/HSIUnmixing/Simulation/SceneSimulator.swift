import Foundation
import HSICore
import HSINumerics

/// What a simulated scene is to be like.
public struct SceneRecipe: Sendable {
  /// How endmembers lie in the plane.
  public enum Layout: String, Sendable, Codable, CaseIterable {
    /// Smooth patches with mixed seams, like land seen from far.
    case patches
    /// Opaque discs and bars of all sizes over each other (dead leaves), each with a light and a texture of its own: edges, flat
    /// areas and textures as in photographs. For training denoisers.
    case leaves
  }

  /// Rows and columns.
  public var lines: Int
  public var samples: Int
  /// Endmembers on the axis of the scene, values 0…1.
  public var endmembers: SpectralLibrary
  /// Signal-to-noise ratio in dB over the clean channels, `10 log₁₀(Σ‖x‖² / Σ‖n‖²)`; nil for no noise at all.
  public var snr: Double? = 35
  /// How endmembers lie in the plane.
  public var layout = Layout.patches
  /// Strength of the fractal texture of `leaves`: standard deviation of the logarithm of the light in the most textured leaf.
  public var texture = 0.3
  /// Typical size of patches in pixels; nil for a seventh of the shorter side, at least 3.
  public var patch: Double?
  /// How sharp the seams between patches are; 1 mixes everywhere, 8 hardly anywhere.
  public var sharpness = 3.0
  /// Largest abundance that occurs (up to rounding): 1 for scenes with pure pixels.
  public var purity = 1.0
  /// Depth of shadows: 0 none, 0.7 leaves 30 % of the light. A fifth of the area is shaded.
  public var shadow = 0.35
  /// Spread of illumination by relief, as standard deviation of a smooth factor.
  public var relief = 0.08
  /// Spectral variability: standard deviation of level, slope and curvature of each endmember in each pixel.
  public var variability = 0.02
  /// Number of badly corrupted channels, drawn outside the water-vapour bands.
  public var badBands = 0
  /// Corrupted channels by hand, in place of `badBands`.
  public var corruptions: [ChannelCorruption]?
  /// Lists corrupted channels as bad in the metadata too; otherwise only the ground truth names them.
  public var flagsBadBands = false
  /// Seed of everything.
  public var seed: UInt64 = 0

  /// A scene of given endmembers with the defaults.
  public init(lines: Int, samples: Int, endmembers: SpectralLibrary) {
    self.lines = lines
    self.samples = samples
    self.endmembers = endmembers
  }

  /// Without noise, shadow, relief and variability: the scene is M·A.
  public var noiseFree: SceneRecipe {
    var recipe = self
    (recipe.snr, recipe.shadow, recipe.relief, recipe.variability) = (nil, 0, 0, 0)
    (recipe.badBands, recipe.corruptions) = (0, nil)
    return recipe
  }
}

/// The ground truth of a simulated scene beside its abundances and endmembers.
public struct SimulationTruth: Sendable, Codable {
  /// Says what it is.
  public var description: String
  public var seed: UInt64
  public var lines: Int
  public var samples: Int
  public var bands: Int
  /// Names in the order of the abundance bands.
  public var endmembers: [String]
  /// As asked for, dB.
  public var snrDb: Double?
  public var layout: SceneRecipe.Layout
  public var purity: Double
  public var shadow: Double
  public var relief: Double
  public var variability: Double
  /// Bands are 1-based here, as in headers and reports.
  public var corruptedChannels: [Channel]
  /// Standard deviation of the noise of every band.
  public var noise: [Double]

  /// A corrupted channel.
  public struct Channel: Sendable, Codable {
    /// 1-based.
    public var band: Int
    /// Centre in nm.
    public var wavelengthNm: Double?
    /// What is wrong with it.
    public var kind: CorruptionKind
  }
}

/// A scene made from a recipe, strip by strip, so that its size is not bound by memory.
///
/// Pixel n, band l: `y = s_n Σ_k a_kn m_kl v_kln + σ_l ε`, with illumination `s` (relief and shadow), variability
/// `v` and noise whose spread follows a real instrument: higher at both ends and in the water-vapour bands; in each
/// band a quarter of the variance is the detector's and three quarters go with the signal (photon noise).
/// Every draw belongs to a pixel, so the bytes depend on the recipe only, not on threads or strips.
/// Cost: about 12 µs per pixel of 224 bands and thread.
public final class SceneSimulator: StripSource {
  /// What was asked for.
  public let recipe: SceneRecipe
  public let shape: CubeShape
  public let metadata: CubeMetadata
  /// Corrupted channels, sorted by band.
  public let corruptions: [ChannelCorruption]
  /// Standard deviation of the noise of every band, over all pixels.
  public let noise: [Double]
  public let blockLines = 1
  public var workingBytesPerLine: Int { 8 * shape.samples * (2 * recipe.endmembers.count + 4) }

  fileprivate let field: any AbundanceLayout
  fileprivate let cancellation: CancellationFlag
  private let shadowField: SmoothField
  private let reliefField: SmoothField
  /// Root mean square of the clean signal of every band.
  private let level: [Double]
  /// Mean of the clean signal of every band.
  private let mean: [Double]
  /// Index into `corruptions` of every band, −1 for clean ones.
  private let isCorrupted: [Int]
  /// Standard normals per sample of every striped channel, empty for the others.
  private let stripes: [[Double]]
  /// Position of every band on the axis, −1…1, for slope and curvature.
  private let place: [Double]

  /// Prepares a scene.
  ///
  /// - Throws: `CoreError.invalidParameter` for sizes, counts or fractions out of range or endmembers that are not
  ///   finite; `CoreError.cancelled`, here and while lines are made, once `cancellation` is set.
  public init(_ recipe: SceneRecipe, cancellation: CancellationFlag = CancellationFlag()) throws {
    try SceneSimulator.check(recipe)
    self.recipe = recipe
    self.cancellation = cancellation
    let library = recipe.endmembers
    let (count, bands) = (library.count, library.bands)
    shape = CubeShape(lines: recipe.lines, samples: recipe.samples, bands: bands)
    let patch = recipe.patch ?? max(3, Double(min(recipe.lines, recipe.samples)) / 7)
    field =
      switch recipe.layout {
      case .patches:
        try AbundanceField(
          endmembers: count, lines: recipe.lines, samples: recipe.samples, patch: patch,
          sharpness: recipe.sharpness,
          purity: recipe.purity, seed: recipe.seed, cancellation: cancellation)
      case .leaves:
        try LeavesField(
          endmembers: count, lines: recipe.lines, samples: recipe.samples, patch: patch,
          purity: recipe.purity,
          seed: recipe.seed, cancellation: cancellation)
      }
    shadowField = SmoothField(samples: recipe.samples, length: 0.7 * patch, seed: recipe.seed, stream: 1000)
    reliefField = SmoothField(samples: recipe.samples, length: 1.5 * patch, seed: recipe.seed, stream: 1001)
    let wavelengths = library.axis.wavelengths
    let isWater = (0..<bands).map { band in
      wavelengths.map { SpectralAxis.isInWaterVapour($0[band]) } ?? false
    }
    corruptions =
      recipe.corruptions?.sorted { $0.band < $1.band }
      ?? ChannelCorruption.draw(
        recipe.badBands, from: (0..<bands).filter { library.axis.good[$0] && !isWater[$0] }, seed: recipe.seed
      )
    var index = [Int](repeating: -1, count: bands)
    for (i, corruption) in corruptions.enumerated() { index[corruption.band] = i }
    isCorrupted = index
    stripes = corruptions.map { corruption in
      guard corruption.kind == .striped else { return [] }
      var random = CounterRandom(seed: recipe.seed, stream: 1 << 63 | UInt64(corruption.band))
      return (0..<recipe.samples).map { _ in random.normal() }
    }
    place = SceneSimulator.places(library.axis)
    metadata = SceneSimulator.metadata(recipe, corruptions: corruptions)

    // Noise: the instrument's curve, scaled to the ratio asked for over the clean channels.
    let power: [Double]
    (mean, power) = try SceneSimulator.moments(
      recipe, shape, field, shadowField, reliefField, place, cancellation)
    level = power.map { $0.squareRoot() }
    let curve = (0..<bands).map { SceneSimulator.noiseCurve(wavelengths?[$0], isWater: isWater[$0]) }
    if let snr = recipe.snr {
      let clean = (0..<bands).filter { index[$0] < 0 && !isWater[$0] }
      let used = clean.isEmpty ? Array(0..<bands) : clean
      let signal = used.reduce(0) { $0 + power[$1] }
      let spread = used.reduce(0) { $0 + curve[$1] * curve[$1] }
      let scale = (signal / spread / pow(10, snr / 10)).squareRoot()
      noise = curve.map { $0 * scale }
    } else {
      noise = [Double](repeating: 0, count: bands)
    }
  }

  public func read(lines: Range<Int>, into strip: Strip) throws {
    strip.window = PixelWindow(line: lines.lowerBound, sample: 0, lines: lines.count, samples: shape.samples)
    strip.pixels.reshape(rows: lines.count * shape.samples, columns: shape.bands)
    strip.positions = (0..<Int32(lines.count * shape.samples)).map { $0 }
    let start = strip.pixels.pointer
    let rowSize = shape.samples * shape.bands
    try cancellation.forEachLine(lines) { i in make(line: lines.lowerBound + i, into: start + i * rowSize) }
  }

  /// The exact abundances of the same pixels, one band per endmember.
  public var abundances: SimulatedAbundances { SimulatedAbundances(self) }

  /// The exact endmembers.
  public var endmembers: SpectralLibrary { recipe.endmembers }

  /// Everything else that is known about the scene.
  public var truth: SimulationTruth {
    SimulationTruth(
      description: "Ground truth of a scene simulated by hsi; no measurement",
      seed: recipe.seed, lines: shape.lines, samples: shape.samples, bands: shape.bands,
      endmembers: recipe.endmembers.names, snrDb: recipe.snr, layout: recipe.layout, purity: recipe.purity,
      shadow: recipe.shadow,
      relief: recipe.relief, variability: recipe.variability,
      corruptedChannels: corruptions.map {
        .init(band: $0.band + 1, wavelengthNm: metadata.axis.wavelengths?[$0.band], kind: $0.kind)
      }, noise: noise)
  }

  private func make(line: Int, into pixels: UnsafeMutablePointer<Float>) {
    let (samples, bands, count) = (shape.samples, shape.bands, recipe.endmembers.count)
    let abundances = PixelMatrix(rows: samples, columns: count)
    field.line(line, into: abundances.pointer)
    let light = SceneSimulator.illumination(recipe, field, shadowField, reliefField, line, samples)
    var clean = [Double](repeating: 0, count: bands)
    for sample in 0..<samples {
      let pixel = UInt64(line) * UInt64(samples) + UInt64(sample)
      SceneSimulator.signal(
        recipe, abundances.row(sample), light[sample], place, pixel: pixel, into: &clean)
      let row = pixels + sample * bands
      guard recipe.snr != nil || !corruptions.isEmpty else {
        for band in 0..<bands { row[band] = Float(clean[band]) }
        continue
      }
      var random = CounterRandom(seed: recipe.seed, stream: pixel << 2 | 1)
      var damage = CounterRandom(seed: recipe.seed, stream: pixel << 2 | 2)
      for band in 0..<bands {
        var value = clean[band]
        if noise[band] > 0 {
          let photons = mean[band] > 0 ? max(0, value) / mean[band] : 1
          value += noise[band] * (0.25 + 0.75 * photons).squareRoot() * random.normal()
        }
        if isCorrupted[band] >= 0 {
          let index = isCorrupted[band]
          let stripe = stripes[index].isEmpty ? 0 : stripes[index][sample]
          value = corruptions[index].apply(value, level: level[band], random: &damage, stripe: stripe)
        }
        row[band] = Float(value)
      }
    }
  }
}

extension SceneSimulator {
  /// Factor of light per sample of a line.
  private static func illumination(
    _ recipe: SceneRecipe, _ field: any AbundanceLayout, _ shadow: SmoothField, _ relief: SmoothField,
    _ line: Int,
    _ samples: Int
  ) -> [Double] {
    var light = field.light(line, texture: recipe.texture) ?? [Double](repeating: 1, count: samples)
    var values = [Double](repeating: 0, count: samples)
    if recipe.relief > 0 {
      relief.line(line, into: &values)
      for i in 0..<samples { light[i] *= max(0.1, 1 + recipe.relief * values[i]) }
    }
    if recipe.shadow > 0 {
      shadow.line(line, into: &values)
      // Above 0.85 standard deviations lies a fifth of the area; the edge is soft.
      for i in 0..<samples { light[i] *= 1 - recipe.shadow / (1 + exp(-8 * (values[i] - 0.85))) }
    }
    return light
  }

  /// `s Σ_k a_k m_k v_k` of one pixel.
  private static func signal(
    _ recipe: SceneRecipe, _ abundances: UnsafeMutableBufferPointer<Float>, _ light: Double,
    _ place: [Double],
    pixel: UInt64, into clean: inout [Double]
  ) {
    let bands = clean.count
    for band in 0..<bands { clean[band] = 0 }
    var random = CounterRandom(seed: recipe.seed, stream: pixel << 2)
    recipe.endmembers.values.withUnsafeBufferPointer { spectra in
      for k in 0..<abundances.count {
        let a = Double(abundances[k]) * light
        var (p, q, r) = (1.0, 0.0, 0.0)
        if recipe.variability > 0 {
          p += recipe.variability * random.normal()
          q = 0.6 * recipe.variability * random.normal()
          r = 0.4 * recipe.variability * random.normal()
        }
        guard a != 0 else { continue }
        let start = k * bands
        if recipe.variability > 0 {
          for band in 0..<bands {
            let t = place[band]
            clean[band] += a * spectra[start + band] * max(0.05, p + q * t + r * (2 * t * t - 1))
          }
        } else {
          for band in 0..<bands { clean[band] += a * spectra[start + band] }
        }
      }
    }
  }

  /// Mean and mean square of the clean signal per band, over a lattice of at most 64 × 64 pixels.
  private static func moments(
    _ recipe: SceneRecipe, _ shape: CubeShape, _ field: any AbundanceLayout, _ shadow: SmoothField,
    _ relief: SmoothField, _ place: [Double], _ cancellation: CancellationFlag
  ) throws -> (mean: [Double], square: [Double]) {
    let (stepY, stepX) = ((shape.lines + 63) / 64, (shape.samples + 63) / 64)
    var sum = [Double](repeating: 0, count: shape.bands)
    var squares = sum
    var clean = sum
    var count = 0.0
    let abundances = PixelMatrix(rows: shape.samples, columns: recipe.endmembers.count)
    for line in stride(from: stepY / 2, to: shape.lines, by: stepY) {
      if cancellation.isCancelled { throw CoreError.cancelled }
      field.line(line, into: abundances.pointer)
      let light = illumination(recipe, field, shadow, relief, line, shape.samples)
      for sample in stride(from: stepX / 2, to: shape.samples, by: stepX) {
        let pixel = UInt64(line) * UInt64(shape.samples) + UInt64(sample)
        signal(recipe, abundances.row(sample), light[sample], place, pixel: pixel, into: &clean)
        for band in 0..<shape.bands {
          sum[band] += clean[band]
          squares[band] += clean[band] * clean[band]
        }
        count += 1
      }
    }
    return (sum.map { $0 / max(1, count) }, squares.map { $0 / max(1, count) })
  }

  /// Noise of a band relative to a good one: rising towards both ends, 15-fold where the air is opaque.
  private static func noiseCurve(_ wavelength: Double?, isWater: Bool) -> Double {
    guard let wavelength else { return 1 }
    let blue = 2.5 * exp(-max(0, wavelength - 360) / 55)
    let infrared = 1.8 / (1 + exp(-(wavelength - 2380) / 35))
    return (1 + blue + infrared) * (isWater ? 15 : 1)
  }

  /// Bands on −1…1 by wavelength, or by number.
  private static func places(_ axis: SpectralAxis) -> [Double] {
    let values = axis.wavelengths ?? (0..<axis.count).map(Double.init)
    guard let low = values.min(), let high = values.max(), high > low else {
      return [Double](repeating: 0, count: axis.count)
    }
    return values.map { 2 * ($0 - low) / (high - low) - 1 }
  }

  private static func metadata(_ recipe: SceneRecipe, corruptions: [ChannelCorruption]) -> CubeMetadata {
    let axis = recipe.endmembers.axis
    var metadata = CubeMetadata(bands: axis.count)
    metadata.axis = axis
    if recipe.flagsBadBands { for corruption in corruptions { metadata.axis.good[corruption.band] = false } }
    metadata.quantity = .reflectance
    // Bands for a picture, as a product would name them: none that is corrupted.
    var clean = axis
    for corruption in corruptions { clean.good[corruption.band] = false }
    let colours = [650.0, 550, 470].compactMap { clean.nearestGoodBand(to: $0) }
    metadata.defaultRGB = colours.count == 3 ? colours : nil
    metadata.sensor = "simulated"
    metadata.summary = "Simulated by hsi, seed \(recipe.seed): no measurement"
    metadata.georeference = Georeference(
      crs: utmZone11North, mapping: .affine([580_000, 20, 0, 4_120_000, 0, -20]))
    for name in ["wavelengths", "fwhm", "goodBands", "quantity", "sensor", "georeference"] {
      metadata.sources[name] = .user
    }
    return metadata
  }

  private static func check(_ recipe: SceneRecipe) throws {
    func require(_ ok: Bool, _ name: String, _ value: Any, _ requirement: String) throws {
      if !ok { throw CoreError.invalidParameter(name: name, value: "\(value)", requirement: requirement) }
    }
    try require((1...1_000_000).contains(recipe.lines), "rows", recipe.lines, "from 1 to 1000000")
    try require((1...1_000_000).contains(recipe.samples), "cols", recipe.samples, "from 1 to 1000000")
    let library = recipe.endmembers
    try require((1...200).contains(library.count), "endmembers", library.count, "from 1 to 200")
    try require(library.bands >= 1, "bands", library.bands, "at least 1")
    try require(
      library.values.allSatisfy(\.isFinite), "endmembers", "with missing or infinite values",
      "finite in every band: select bands that all spectra have")
    if let snr = recipe.snr { try require((-20...200).contains(snr), "snr", snr, "from -20 to 200 dB") }
    if let patch = recipe.patch {
      try require(patch >= 1 && patch.isFinite, "patch", patch, "at least 1 pixel")
    }
    try require((0.1...100).contains(recipe.sharpness), "sharpness", recipe.sharpness, "from 0.1 to 100")
    try require((0...2).contains(recipe.texture), "texture", recipe.texture, "from 0 to 2")
    try require((0...1).contains(recipe.purity), "purity", recipe.purity, "from 0 to 1")
    try require((0...1).contains(recipe.shadow), "shadow", recipe.shadow, "from 0 to 1")
    try require((0...1).contains(recipe.relief), "relief", recipe.relief, "from 0 to 1")
    try require((0...1).contains(recipe.variability), "variability", recipe.variability, "from 0 to 1")
    let bands = Set(recipe.corruptions?.map(\.band) ?? [])
    try require(
      bands.count == recipe.corruptions?.count ?? 0 && bands.allSatisfy { (0..<library.bands).contains($0) },
      "corrupted bands", bands.sorted().map { $0 + 1 }, "distinct and within 1 to \(library.bands)")
    let candidates = (0..<library.bands).filter { band in
      library.axis.good[band]
        && !(library.axis.wavelengths.map { SpectralAxis.isInWaterVapour($0[band]) } ?? false)
    }.count
    try require(
      (0...candidates).contains(recipe.badBands), "bad bands", recipe.badBands,
      "from 0 to \(candidates), the bands outside the water vapour")
  }

  private static let utmZone11North = """
    PROJCS["WGS 84 / UTM zone 11N",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,\
    AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],\
    UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]],\
    PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",-117],\
    PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],PARAMETER["false_northing",0],\
    UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],AUTHORITY["EPSG","32611"]]
    """
}

/// The exact abundances of a simulated scene, strip by strip: one band per endmember, each pixel sums to one.
public final class SimulatedAbundances: StripSource {
  public let shape: CubeShape
  public let metadata: CubeMetadata
  public let blockLines = 1
  public var workingBytesPerLine: Int { 8 * shape.samples * (shape.bands + 1) }
  private let field: any AbundanceLayout
  private let cancellation: CancellationFlag

  fileprivate init(_ scene: SceneSimulator) {
    field = scene.field
    cancellation = scene.cancellation
    let names = scene.recipe.endmembers.names
    shape = CubeShape(lines: scene.shape.lines, samples: scene.shape.samples, bands: names.count)
    metadata = scene.metadata.replacingBands(names: names.map { "abundance: \($0)" }, quantity: .abundance)
  }

  public func read(lines: Range<Int>, into strip: Strip) throws {
    strip.window = PixelWindow(line: lines.lowerBound, sample: 0, lines: lines.count, samples: shape.samples)
    strip.pixels.reshape(rows: lines.count * shape.samples, columns: shape.bands)
    strip.positions = (0..<Int32(lines.count * shape.samples)).map { $0 }
    let start = strip.pixels.pointer
    let rowSize = shape.samples * shape.bands
    try cancellation.forEachLine(lines) { i in field.line(lines.lowerBound + i, into: start + i * rowSize) }
  }
}

extension CancellationFlag {
  /// Makes lines in parallel, none once the flag is set.
  ///
  /// - Throws: `CoreError.cancelled` when not all were made.
  fileprivate func forEachLine(_ lines: Range<Int>, _ body: (Int) -> Void) throws {
    Parallel.forEach(lines.count) { i in
      if !isCancelled { body(i) }
    }
    if isCancelled { throw CoreError.cancelled }
  }
}
