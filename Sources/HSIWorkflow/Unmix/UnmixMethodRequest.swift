/// With what a scene is unmixed: endmembers that are known, a library, or endmembers that are to be found.
public struct UnmixMethodRequest: Sendable {
  /// Where endmembers come from.
  public enum Endmembers: Sendable {
    /// Spectra in a file, all of which are used.
    case known(String)
    /// A library in a file, of which the method chooses; a spectrum that cannot be used is no loss.
    case library(String)
    /// To be found in the scene.
    case blind(Blind)
  }

  /// How endmembers are found.
  public struct Blind: Sendable {
    /// Their number; nil to count them.
    public var count: Int?
    /// How they are counted where their number is not given.
    public var counter = "held-back"
    /// How they are extracted where the method does not find them itself.
    public var extractor = "vca"
    /// Library to name them by.
    public var naming: String?
    /// Whether every pixel is divided by its length over the good bands first; nil to decide by the scene with the method `auto`,
    /// and not to with any other.
    public var usesUnitLength: Bool?

    /// Endmembers of a number, or counted.
    public init(count: Int? = nil) { self.count = count }
  }

  /// Where endmembers come from.
  public var endmembers: Endmembers
  /// Name of the method.
  public var method: String
  /// Parameters that differ from their defaults, by name.
  public var values: [String: Double]
  /// Whether channels that the others cannot predict take part in counting and plain extraction.
  public var keepsBadChannels = false

  /// What known endmembers or a library are multiplied by; nil for as they are, which is refused where their units seem to be others
  /// than those of the scene.
  public var spectraScale: Double?

  /// Where the classes of a library come from, for methods that need them: `name`, a table `FILE[:COLUMN]`, or a column of the table
  /// beside the library.
  public var classes: String?
  /// File with the spectrum of shade, in the units of the library; nil for photometric shade, zero.
  public var shade: String?
  /// How standard deviations of the abundances are found; nil without.
  public var uncertainty: UncertaintyRequest?

  /// A method and its endmembers; without a name `fcls` for known endmembers, `sunsal` for a library, `auto` for blind ones.
  public init(_ endmembers: Endmembers, method: String? = nil, values: [String: Double] = [:]) {
    self.endmembers = endmembers
    self.values = values
    let usual =
      switch endmembers {
      case .known: "fcls"
      case .library: "sunsal"
      case .blind: "auto"
      }
    self.method = method ?? usual
  }
}
