import HSICore
import HSINumerics

/// A way to bring a scene to the grid of a finer image of the same area: one file, one type, one line in `Sharpeners`.
///
/// It is no `Restorer` yet, for it cannot restore a scene without the image; `Sharpening` is the two together.
public protocol SharpeningMethod: Sendable {
  /// What users and documents are told.
  static var description: MethodDescription { get }
  /// Bands that the finer image must have at least; 1 by default.
  static var leastBands: Int { get }
  /// Takes the checked parameters.
  ///
  /// - Throws: `CoreError.invalidParameter` for values that do not go together.
  init(_ parameters: MethodParameters) throws
  /// The scene on the finer grid: a row for every place.
  ///
  /// - Throws: `NumericsError`, `CoreError.cancelled`.
  func sharpen(_ images: SharpeningImages, _ context: RunContext) throws -> PixelMatrix
}

extension SharpeningMethod {
  public static var leastBands: Int { 1 }
}

/// The images that a sharpening works with, holes filled: a row for every place of their grids.
public struct SharpeningImages {
  /// Lines of the finer grid per line of the coarse one, and samples per sample.
  public let scale: Int
  /// Size of the coarse grid.
  public let lines, samples: Int
  /// The scene, n × L.
  public let coarse: PixelMatrix
  /// The finer image, N × m.
  public let fine: PixelMatrix
  /// Its means over the pixels of the scene, n × m.
  public let means: PixelMatrix

  init(scale: Int, lines: Int, samples: Int, coarse: PixelMatrix, fine: PixelMatrix) {
    (self.scale, self.lines, self.samples) = (scale, lines, samples)
    (self.coarse, self.fine) = (coarse, fine)
    means = SharpeningImages.shrunk(fine, scale: scale, lines: lines, samples: samples)
  }

  /// A coarse image on the finer grid by cubic convolution.
  func enlarged(_ image: PixelMatrix) -> PixelMatrix {
    CubicResampling(
      lines: lines, samples: samples, newLines: lines * scale, newSamples: samples * scale, .area
    ).apply(to: image)
  }

  /// Means of a fine image over coarse pixels.
  func shrunk(_ image: PixelMatrix) -> PixelMatrix {
    SharpeningImages.shrunk(image, scale: scale, lines: lines, samples: samples)
  }

  private static func shrunk(_ image: PixelMatrix, scale: Int, lines: Int, samples: Int) -> PixelMatrix {
    let all = [Bool](repeating: true, count: image.rows)
    return AreaZoom.shrink(image, isValid: all, lines: lines * scale, samples: samples * scale, factor: scale).pixels
  }
}

/// A method with the finer image that it takes its details from.
///
/// Pixels of the scene are taken as means over areas of the finer grid. Missing pixels of the scene stay missing; where the finer image
/// has none, or lacks a value, the result is the scene enlarged by cubic convolution (`fineMissing` in the facts).
public struct Sharpening: Restorer, @unchecked Sendable {
  public let description: MethodDescription
  public let scale: Int
  private let method: any SharpeningMethod
  /// Read only, which is why the type may be sent.
  private let fine: Cube

  /// - Parameters:
  ///   - fine: the finer image; its grid begins at the same corner as that of the scene.
  ///   - scene: size of the scenes that will be given.
  /// - Throws: `RestorationError.fineGrid` unless the finer grid has a whole number of lines and samples, the same, above 1, per line
  ///   and sample of the scene; `CoreError.invalidParameter` for an image of too few bands.
  public init(_ method: any SharpeningMethod, fine: Cube, scene: CubeShape) throws {
    let ratio = fine.shape.lines / max(scene.lines, 1)
    guard ratio > 1, fine.shape.lines == ratio * scene.lines, fine.shape.samples == ratio * scene.samples else {
      throw RestorationError.fineGrid(
        detail: "it has \(fine.shape.lines) × \(fine.shape.samples) pixels, the scene \(scene.lines) × \(scene.samples)"
      )
    }
    let kind = type(of: method)
    guard fine.shape.bands >= kind.leastBands else {
      throw CoreError.invalidParameter(
        name: "\(option: "fine")", value: "\(fine.shape.bands) bands",
        requirement: "of \(kind.leastBands) bands or more for \(kind.description.id)")
    }
    (self.method, self.fine, scale, description) = (method, fine, ratio, kind.description)
  }

  public func workingBytes(_ shape: CubeShape) -> Int {
    let places = shape.pixels * scale * scale
    return places * (4 * shape.bands + 6 * fine.shape.bands + 64) * 4 + shape.pixels * shape.bands * 16
  }

  public func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    precondition(shape(of: scene.shape).pixels == fine.shape.pixels, "a scene of the size that was announced")
    let (finite, known) = (scene.finitePixels(), fine.finitePixels())
    var result: (image: PixelMatrix, plain: PixelMatrix)?
    if finite.count > 1 {
      context.progress.report(phase: "sharpening", fraction: 0)
      let images = SharpeningImages(
        scale: scale, lines: scene.shape.lines, samples: scene.shape.samples, coarse: finite.filledImage(),
        fine: known.filledImage())
      let plain = images.enlarged(images.coarse)
      result = (known.count > 0 ? try method.sharpen(images, context) : plain, plain)
      context.progress.report(phase: "sharpening", fraction: 1)
    }
    try context.checkCancellation()
    let has = known.rowOfPlace()
    if let result, known.count < fine.shape.pixels {
      for place in has.indices where has[place] < 0 {
        for band in 0..<scene.shape.bands { result.image[place, band] = result.plain[place, band] }
      }
    }
    return RestoredScene(
      scene: FinerPixels.cube(scene, finite, result?.image, scale: scale),
      facts: ["scale": Double(scale), "fineMissing": Double(fine.shape.pixels - known.count)])
  }
}

/// A sharpening in a register.
public struct SharpeningEntry: Sendable {
  /// What users and documents are told.
  public let description: MethodDescription
  /// Makes it from values for some of its parameters.
  public let make: @Sendable ([String: Double]) throws -> any SharpeningMethod

  /// A sharpening of one kind.
  public init<M: SharpeningMethod>(_ type: M.Type) {
    description = M.description
    make = { try M(MethodParameters($0, for: M.description)) }
  }
}

/// The register of sharpenings by a finer image: a new one is a file and a line here.
public enum Sharpeners {
  /// All of them.
  public static let all = MethodRegistry(
    "sharpening method",
    [
      SharpeningEntry(GramSchmidtAdaptive.self), SharpeningEntry(SmoothingFilterModulation.self),
      SharpeningEntry(CoupledFactorisation.self),
    ]
  ) { $0.description }
}
