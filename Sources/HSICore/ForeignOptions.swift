/// Which options of GDAL only the user may set, and not a file that came with data.
///
/// A folder that somebody else packed may tune how its files are read. It may not load libraries or scripts, run Python, weaken checks of
/// certificates, send what is read or who reads elsewhere, name files to be read, written or sent, or reach the network.
public enum ForeignOptions {
  /// Words that make an option dangerous wherever they stand in its name.
  private static let words = [
    "PYTHON", "PLUGIN", "EXTENSION", "TRUSTED", "RAWRASTERBAND", "SSL", "CAPATH", "CAINFO", "CA_BUNDLE", "PROXY",
    "COOKIE",
    "NETRC", "HEADER", "ENDPOINT", "CREDENTIAL", "SECURE", "UNSAFE", "ALLOWED", "MEM_ENABLE", "PRELOAD",
  ]
  /// Ends of names that say of a value that it is a file, a folder, an address or a command.
  private static let ends = [
    "PATH", "FILE", "DIR", "DIRECTORY", "FOLDER", "LOG", "URL", "HOST", "SERVER", "COMMAND", "HTTPS", "NETWORK", "SO",
    "LIB", "DATA", "PRAGMA", "EXE",
  ]

  /// Whether a project's file or a batch job must not set the option.
  public static func isUnsafe(_ name: String) -> Bool {
    let name = name.uppercased()
    return words.contains { name.contains($0) } || ends.contains { name.hasSuffix($0) }
  }
}
