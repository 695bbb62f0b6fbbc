import HSICore
import HSINumerics

extension MethodTask {
  /// The spectrum of a library that a pixel is most like.
  public static let match = MethodTask(rawValue: "match")
}

extension ProductName {
  /// Best spectrum of a library, 1 for the first and 0 for none, N × 1.
  public static let bestMatch: ProductName = "best match"
  /// How well the best spectrum fits, N × 1.
  public static let fit: ProductName = "fit"
  /// Depth of the features of the best spectrum in the pixel, N × 1.
  public static let bandDepth: ProductName = "band depth"
  /// Second best spectrum, N × 1.
  public static let secondMatch: ProductName = "second match"
}

/// Compares pixels with all spectra of a library.
public protocol SpectralMatcher: Sendable {
  /// Name, paper, cost, parameters: `limit` is the fit at which a spectrum is taken.
  static var description: MethodDescription { get }
  /// Which fits speak for a spectrum: `.lower` for angles.
  static var sense: ScoreSense { get }
  /// Whether `fit` gives depths of features.
  static var givesDepth: Bool { get }
  /// Spectra that cannot be compared, by index, with what they lack: they are never taken.
  var unusable: [Int: String] { get }

  /// Learns a library.
  ///
  /// - Parameters:
  ///   - library: on the bands of the scene, with wavelengths where the method needs them.
  ///   - parameters: as the description declares them.
  /// - Throws: `DetectionError.badTarget`; `CoreError.invalidParameter`.
  init(_ library: SpectralLibrary, _ parameters: MethodParameters) throws

  /// Fits of all spectra, pixels × spectra; depths too, where there are some.
  func fit(_ pixels: PixelMatrix, fits: PixelMatrix, depths: PixelMatrix?)
}

extension SpectralMatcher {
  public static var sense: ScoreSense { .lower }
  public static var givesDepth: Bool { false }
  public var unusable: [Int: String] { [:] }
}

/// The register of matchers: a new one is a file and a line here.
public enum SpectralMatchers {
  /// All of them, the default first.
  public static let all = MethodRegistry<any SpectralMatcher.Type>(
    "matcher", [FeatureMatcher.self, AngleMatcher.self, DivergenceMatcher.self, CorrelationMatcher.self]
  ) { $0.description }
}

/// Spectra of pixels that are compared with a library some at a time: the best, the second best, and how well they fit.
///
/// ```swift
/// let matching = LibraryMatching(try AngleMatcher(library, parameters), limit: 0.1)
/// let found = matching.match(pixels)
/// print(found.best[0])     // 0 where no spectrum is near enough, else its number from 1
/// ```
public struct LibraryMatching: Sendable {
  /// What is known of some pixels.
  public struct Result {
    /// Number of the best spectrum from 1, 0 where none fits.
    public var best: [Int]
    /// Its fit, whether it was taken or not; NaN where nothing could be compared.
    public var fit: [Float]
    /// Depth of its features; NaN for methods without.
    public var depth: [Float]
    /// The second best, from 1; 0 where none fits.
    public var second: [Int]
  }

  /// Pixels whose fits are held at a time.
  private static let chunk = 512
  private let matcher: any SpectralMatcher
  private let limit: Float
  private let count: Int

  /// A comparison.
  ///
  /// - Parameters:
  ///   - count: spectra of the library.
  ///   - limit: fits beyond it are taken.
  public init(_ matcher: any SpectralMatcher, count: Int, limit: Double) {
    (self.matcher, self.count, self.limit) = (matcher, count, Float(limit))
  }

  /// Compares pixels.
  public func match(_ pixels: PixelMatrix) -> Result {
    let rows = pixels.rows
    var result = Result(
      best: [Int](repeating: 0, count: rows), fit: [Float](repeating: .nan, count: rows),
      depth: [Float](repeating: .nan, count: rows), second: [Int](repeating: 0, count: rows))
    let part = PixelMatrix(rows: 0, columns: pixels.columns)
    let fits = PixelMatrix(rows: 0, columns: count)
    let depths = type(of: matcher).givesDepth ? PixelMatrix(rows: 0, columns: count) : nil
    let isLower = type(of: matcher).sense == .lower
    let isUsable = (0..<count).map { matcher.unusable[$0] == nil }
    for first in stride(from: 0, to: rows, by: LibraryMatching.chunk) {
      let size = min(LibraryMatching.chunk, rows - first)
      part.reshape(rows: size, columns: pixels.columns)
      part.pointer.update(from: pixels.pointer + first * pixels.columns, count: size * pixels.columns)
      fits.reshape(rows: size, columns: count)
      depths?.reshape(rows: size, columns: count)
      matcher.fit(part, fits: fits, depths: depths)
      for n in 0..<size {
        let row = fits.pointer + n * count
        var (best, second) = (-1, -1)
        for k in 0..<count where isUsable[k] && !row[k].isNaN {
          if best < 0 || (isLower ? row[k] < row[best] : row[k] > row[best]) {
            (best, second) = (k, best)
          } else if second < 0 || (isLower ? row[k] < row[second] : row[k] > row[second]) {
            second = k
          }
        }
        func isTaken(_ k: Int) -> Bool { k >= 0 && (isLower ? row[k] <= limit : row[k] >= limit) }
        if best >= 0 {
          result.fit[first + n] = row[best]
          if let depths { result.depth[first + n] = depths[n, best] }
        }
        if isTaken(best) { result.best[first + n] = best + 1 }
        if isTaken(second) { result.second[first + n] = second + 1 }
      }
    }
    return result
  }
}
