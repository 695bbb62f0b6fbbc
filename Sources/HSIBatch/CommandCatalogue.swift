/// What the commands of `hsi` take: enough to check the steps of a job before anything runs.
public struct CommandCatalogue: Sendable {
  /// What the value of an option is to a job.
  public enum Role: Sendable {
    /// A number, a name, a choice.
    case plain
    /// A file that is read.
    case input
    /// A file whose contents decide about the result as much as the options do: weights.
    case model
    /// A file that is written.
    case output
  }

  /// An option with a long name.
  public struct Option: Sendable {
    /// Without dashes.
    public var name: String
    public var isFlag: Bool
    public var isRepeating: Bool
    public var role: Role
    /// The files that a value names: `mask.tif` of `mask.tif:2=1`.
    public var paths: @Sendable (String) -> [String]

    /// An option.
    public init(
      name: String, isFlag: Bool = false, isRepeating: Bool = false, role: Role = .plain,
      paths: @escaping @Sendable (String) -> [String] = { [$0] }
    ) {
      (self.name, self.isFlag, self.isRepeating, self.role) = (name, isFlag, isRepeating, role)
      self.paths = paths
    }
  }

  /// A command that does work.
  public struct Command: Sendable {
    /// `["classify", "predict"]`.
    public var words: [String]
    /// Names of the arguments that must be given.
    public var arguments: [String]
    /// Whether more arguments than those may follow.
    public var takesMore: Bool
    /// Whether the file that is written is the first argument, not the last.
    public var writesFirst: Bool
    public var options: [Option]

    /// A command.
    public init(
      words: [String], arguments: [String], takesMore: Bool = false, writesFirst: Bool = false, options: [Option]
    ) {
      (self.words, self.arguments, self.takesMore, self.options) = (words, arguments, takesMore, options)
      self.writesFirst = writesFirst
    }

    func option(_ name: String) -> Option? { options.first { $0.name == name } }
  }

  /// Tells lines and samples of a raster; nil where it is none.
  public typealias SizeOfRaster = @Sendable (_ path: String) throws -> (lines: Int, samples: Int)?

  /// All of them.
  public let commands: [Command]
  /// The size of a raster that is cut into windows.
  let sizeOfRaster: SizeOfRaster

  /// A catalogue of some commands.
  public init(_ commands: [Command], sizeOfRaster: @escaping SizeOfRaster = { _ in nil }) {
    (self.commands, self.sizeOfRaster) = (commands, sizeOfRaster)
  }

  func command(_ words: [String]) -> Command? { commands.first { $0.words == words } }
}
