/// The name of a result of a method, such as `abundances`, `rmse`, `class`: what connects the strips that a method delivers
/// with the files that a job writes.
public struct ProductName: RawRepresentable, Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  public var rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }
  public init(stringLiteral value: String) { rawValue = value }
  public var description: String { rawValue }
}

/// Results for some consecutive valid pixels of a scene, as a method hands them over: named matrices of one row per pixel.
///
/// A method may deliver as many products as it has; whoever receives a strip takes those that it knows or was asked for.
/// Matrices may be used while the strip is being delivered only: methods use them again for the next one.
///
/// ```swift
/// var strip = ProductStrip(window: window, positions: positions)
/// strip["abundances"] = abundances            // pixels × endmembers
/// strip["shade"] = shade                      // pixels × 1
/// ```
public struct ProductStrip {
  /// The rectangle that the pixels belong to, in the coordinates of the source: full-width lines.
  public var window: PixelWindow
  /// Places of the pixels in the window (`line · samples + sample`), ascending.
  public var positions: [Int32]

  /// A product that is computed when it is wanted, in parts, for it may be larger than memory allows.
  public struct Computed {
    /// Values per pixel.
    public let columns: Int
    /// Computes the rows of some of the pixels.
    public let compute: (_ rows: Range<Int>, _ output: PixelMatrix) -> Void
  }

  private var matrices: [ProductName: PixelMatrix] = [:]
  private var computed: [ProductName: Computed] = [:]

  /// A strip without products.
  public init(window: PixelWindow, positions: [Int32]) {
    self.window = window
    self.positions = positions
  }

  /// Number of pixels.
  public var count: Int { positions.count }

  /// The values of a product, pixels × values; nil where the method does not deliver it, or computes it when it is wanted.
  public subscript(name: ProductName) -> PixelMatrix? {
    get { matrices[name] }
    set {
      precondition(newValue.map { $0.rows == count } ?? true, "\(name): rows of values for \(count) pixels")
      matrices[name] = newValue
    }
  }

  /// Delivers a product that is computed when it is wanted.
  public mutating func set(
    _ name: ProductName, columns: Int, compute: @escaping (_ rows: Range<Int>, _ output: PixelMatrix) -> Void
  ) {
    computed[name] = Computed(columns: columns, compute: compute)
  }

  /// How a product that is computed when it is wanted comes about; nil for others.
  public func computation(of name: ProductName) -> Computed? { computed[name] }
}
