import HSICore
import HSINumerics
import HSITransformer

/// Clean patches `[bands][size][size]` cut from scenes for the training of a denoiser.
///
/// A scene is brought to [0, 1] by the smallest and largest value of its valid pixels, once for all bands, and cut at
/// full size, 1/2 and 1/4 (means of 2 × 2 and 4 × 4 pixels). A patch never touches an invalid pixel, at any scale. Of
/// more bands than a patch has, windows are taken: contiguous ones and, where asked for, every k-th band. A scene with
/// fewer bands is refused: interpolated channels would have no noise of their own to learn from.
///
/// Patch `i` in epoch `e` is a pure function of scenes, recipe, seed, `i` and `e`. Memory: `workingBytes`.
public final class TrainingPatches: @unchecked Sendable {
  /// How patches are cut.
  public struct Recipe: Hashable, Sendable {
    /// A reduction of the image and the distance between patches in reduced pixels.
    public struct Scale: Hashable, Sendable {
      /// 1, 2, 4 …: the image is taken at 1/factor of its size.
      public var factor: Int
      /// Distance between neighbouring patches, in pixels of the reduced image.
      public var stride: Int

      /// A reduction and a distance, each at least 1.
      public init(factor: Int, stride: Int) {
        self.factor = factor
        self.stride = stride
      }
    }

    /// Bands of a patch.
    public var bands = 31
    /// Edge of a patch in pixels.
    public var size = 64
    /// Scales, in order.
    public var scales = [
      Scale(factor: 1, stride: 64), Scale(factor: 2, stride: 32), Scale(factor: 4, stride: 32),
    ]
    /// Take every k-th band, for each k of the list; 1 is contiguous.
    public var bandSteps = [1]
    /// Distance between the first bands of neighbouring band windows; the last window ends at the last band.
    public var bandStride = 31
    /// Whether patches get a light of their own in every epoch; see `PatchLight`.
    public var variesLight = false
    /// Whether bands keep their order; else every other patch has it reversed.
    public var keepsBandOrder = false

    /// Patches of 31 × 64 × 64, strides 64, 32 and 32, contiguous bands: the recipe of HSDT.
    public init() {}
  }

  /// Where a patch lies.
  public struct Place: Hashable, Sendable {
    /// Index of the scene.
    public let scene: Int
    /// Index into `Recipe.scales`.
    public let scale: Int
    /// First line and sample in the reduced image.
    public let line, sample: Int
    /// First band, and distance between the bands taken.
    public let firstBand, bandStep: Int
  }

  /// How the patches were cut.
  public let recipe: Recipe
  /// Seed of augmentation and order.
  public let seed: UInt64
  /// The places of all patches: scene by scene, scale by scale, line by line, then by bands.
  public let places: [Place]
  /// A digest of the scenes' normalised values: a state of a training run is continued with the same scenes only.
  public let fingerprint: UInt64
  private let images: [[Image]]
  private let axes: [SpectralAxis]

  /// A scene at one scale.
  private struct Image {
    let pixels: PixelMatrix
    let isValid: [Bool]
    let lines, samples: Int
  }

  /// Cuts scenes. Keeps reduced copies of them, not the scenes.
  ///
  /// - Parameter scenes: cubes whose bands are all to be used (leave bad ones out when reading).
  /// - Throws: `CoreError.invalidParameter` for a recipe with sizes, strides or steps below 1;
  ///   `RestorationError.tooFewBands`; `.tooFewPixels`, `.noVariation` for a scene that has no range of values.
  public convenience init(_ scenes: [Cube], recipe: Recipe = Recipe(), seed: UInt64 = 0) throws {
    try self.init(count: scenes.count, recipe: recipe, seed: seed) { scenes[$0] }
  }

  /// Cuts scenes that are fetched one after another, so that only one is in memory beside the patches.
  ///
  /// - Parameters:
  ///   - count: number of scenes.
  ///   - scene: gives scene `i`.
  public init(count: Int, recipe: Recipe = Recipe(), seed: UInt64 = 0, scene: (Int) throws -> Cube) throws {
    let numbers = [recipe.bands, recipe.size, recipe.bandStride] + recipe.bandSteps
    guard (numbers + recipe.scales.flatMap { [$0.factor, $0.stride] }).allSatisfy({ $0 >= 1 }) else {
      throw CoreError.invalidParameter(name: "patch recipe", value: "\(recipe)", requirement: "above 0")
    }
    self.recipe = recipe
    self.seed = seed
    var places: [Place] = []
    var images: [[Image]] = []
    var axes: [SpectralAxis] = []
    var digest = Fingerprint()
    for index in 0..<count {
      let scene = try scene(index)
      let windows = try TrainingPatches.bandWindows(of: scene.shape.bands, recipe)
      let full = try TrainingPatches.normalised(scene)
      digest.add(full.pixels)
      digest.add(full.isValid)
      var scales: [Image] = []
      for (scaleIndex, scale) in recipe.scales.enumerated() {
        let image = scale.factor == 1 ? full : TrainingPatches.reduced(full, by: scale.factor)
        scales.append(image)
        for (line, sample) in TrainingPatches.validPlaces(image, size: recipe.size, stride: scale.stride) {
          places += windows.map {
            Place(
              scene: index, scale: scaleIndex, line: line, sample: sample, firstBand: $0.first,
              bandStep: $0.step)
          }
        }
      }
      images.append(scales)
      axes.append(scene.metadata.axis)
    }
    self.places = places
    self.images = images
    self.axes = axes
    fingerprint = digest.value
  }

  /// Bytes that the patches of a scene need while they exist.
  public static func workingBytes(_ shape: CubeShape, recipe: Recipe) -> Int {
    recipe.scales.reduce(0) { sum, scale in
      let (lines, samples) = (shape.lines / scale.factor, shape.samples / scale.factor)
      let places =
        lines < recipe.size || samples < recipe.size
        ? 0 : ((lines - recipe.size) / scale.stride + 1) * ((samples - recipe.size) / scale.stride + 1)
      let windows = recipe.bandSteps.count * (shape.bands / recipe.bandStride + 1)
      // Places and the order of an epoch.
      let tables = places * windows * (MemoryLayout<Place>.stride + 2 * MemoryLayout<Int>.stride)
      return sum + lines * samples * (4 * shape.bands + 1) + tables
    }
  }

  /// Number of patches of an epoch.
  public var count: Int { places.count }
  /// Values of a patch: `bands · size · size`.
  public var valuesPerPatch: Int { recipe.bands * recipe.size * recipe.size }

  /// The order of the patches in an epoch: a permutation of `0..<count`, a function of seed and epoch.
  public func order(epoch: Int) -> [Int] {
    var random = NoiseStream.order.random(seed, band: epoch)
    return random.distinct(count, below: count)
  }

  /// The seed of the noise of a patch in an epoch.
  public func noiseSeed(_ index: Int, epoch: Int) -> UInt64 {
    var random = NoiseStream.sample.random(seed, band: epoch, line: index)
    return random.next()
  }

  /// Writes patch `index` as `[bands][size][size]`, augmented for an epoch, or as it is where `epoch` is nil. Safe to
  /// call from several threads.
  public func copy(_ index: Int, epoch: Int?, to target: UnsafeMutablePointer<Float>) {
    let place = places[index]
    let image = images[place.scene][place.scale]
    var symmetry = epoch.map { PatchSymmetry(seed: seed, epoch: $0, patch: index) } ?? .identity
    if recipe.keepsBandOrder {
      symmetry = PatchSymmetry(
        quarterTurns: symmetry.quarterTurns, isFlipped: symmetry.isFlipped, reversesBands: false)
    }
    let (size, bands, width) = (recipe.size, recipe.bands, image.pixels.columns)
    for row in 0..<size {
      for column in 0..<size {
        let from = symmetry.source(row: row, column: column, size: size)
        let pixel = (place.line + from.row) * image.samples + place.sample + from.column
        let values = image.pixels.pointer + pixel * width + place.firstBand
        let out = target + row * size + column
        for b in 0..<bands {
          let band = symmetry.reversesBands ? bands - 1 - b : b
          out[b * size * size] = values[band * place.bandStep]
        }
      }
    }
    if recipe.variesLight, let epoch {
      PatchLight(seed: seed, epoch: epoch, patch: index, bands: bands).apply(to: target, pixels: size * size)
    }
  }

  /// Patch `index` as a scene of its own, augmented for an epoch, or as it is where `epoch` is nil.
  func cube(_ index: Int, epoch: Int?) -> Cube {
    let (places, bands) = (recipe.size * recipe.size, recipe.bands)
    let planes = [Float](unsafeUninitializedCapacity: valuesPerPatch) { buffer, count in
      if let target = buffer.baseAddress { copy(index, epoch: epoch, to: target) }
      count = valuesPerPatch
    }
    let pixels = PixelMatrix(rows: places, columns: bands)
    for band in 0..<bands {
      for place in 0..<places { pixels.pointer[place * bands + band] = planes[band * places + place] }
    }
    return Cube(
      shape: CubeShape(lines: recipe.size, samples: recipe.size, bands: bands), metadata: metadata(index),
      pixels: pixels, positions: (0..<Int32(places)).map { $0 })
  }

  /// What is known about the bands of a patch that keeps their order: wavelengths where the scene has them.
  func metadata(_ index: Int) -> CubeMetadata {
    let place = places[index]
    var metadata = CubeMetadata(bands: recipe.bands)
    let axis = axes[place.scene]
    if let wavelengths = axis.wavelengths, wavelengths.count == axis.count {
      metadata.axis = SpectralAxis(
        wavelengths: (0..<recipe.bands).map { wavelengths[place.firstBand + $0 * place.bandStep] })
    }
    return metadata
  }

  // MARK: - Cutting

  /// The band windows of a scene: for every step the windows at distance `bandStride`, the last ending at the last band.
  static func bandWindows(of bands: Int, _ recipe: Recipe) throws -> [(first: Int, step: Int)] {
    guard bands >= recipe.bands else {
      throw RestorationError.tooFewBands(scene: bands, needed: recipe.bands)
    }
    var windows: [(first: Int, step: Int)] = []
    for step in recipe.bandSteps {
      let last = bands - ((recipe.bands - 1) * step + 1)
      guard last >= 0 else { continue }
      windows += stride(from: 0, to: last, by: recipe.bandStride).map { ($0, step) }
      windows.append((last, step))
    }
    return windows
  }

  /// The scene on its full grid, its valid values brought to [0, 1].
  private static func normalised(_ scene: Cube) throws -> Image {
    var extent = DataRange.Accumulator()
    extent.add(scene.pixels)
    let range = try extent.range()
    let (low, factor) = (Float(range.low), 1 / Float(range.width))
    let bands = scene.shape.bands
    let pixels = PixelMatrix(rows: scene.shape.pixels, columns: bands)
    var isValid = [Bool](repeating: false, count: scene.shape.pixels)
    for (row, place) in scene.positions.enumerated() {
      let (from, to) = (scene.pixels.pointer + row * bands, pixels.pointer + Int(place) * bands)
      var isFinite = true
      for b in 0..<bands {
        to[b] = min(max((from[b] - low) * factor, 0), 1)
        if !from[b].isFinite { isFinite = false }
      }
      isValid[Int(place)] = isFinite
    }
    return Image(pixels: pixels, isValid: isValid, lines: scene.shape.lines, samples: scene.shape.samples)
  }

  private static func reduced(_ image: Image, by factor: Int) -> Image {
    let small = AreaZoom.shrink(
      image.pixels, isValid: image.isValid, lines: image.lines, samples: image.samples, factor: factor)
    return Image(pixels: small.pixels, isValid: small.isValid, lines: small.lines, samples: small.samples)
  }

  /// The first pixels of all patches without an invalid pixel, by the integral image of the invalid ones.
  private static func validPlaces(_ image: Image, size: Int, stride step: Int) -> [(Int, Int)] {
    guard image.lines >= size, image.samples >= size else { return [] }
    let width = image.samples + 1
    var invalid = [Int32](repeating: 0, count: (image.lines + 1) * width)
    for line in 0..<image.lines {
      var row: Int32 = 0
      for sample in 0..<image.samples {
        row += image.isValid[line * image.samples + sample] ? 0 : 1
        invalid[(line + 1) * width + sample + 1] = invalid[line * width + sample + 1] + row
      }
    }
    var places: [(Int, Int)] = []
    for line in stride(from: 0, through: image.lines - size, by: step) {
      for sample in stride(from: 0, through: image.samples - size, by: step) {
        let (top, bottom) = (line * width + sample, (line + size) * width + sample)
        if invalid[bottom + size] - invalid[bottom] - invalid[top + size] + invalid[top] == 0 {
          places.append((line, sample))
        }
      }
    }
    return places
  }
}
