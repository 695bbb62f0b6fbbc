import HSIKit

/// A parser that is handed damaged files.
struct FuzzTarget: Sendable {
  /// A valid file to damage.
  struct Seed: Sendable {
    /// Its name, the extension of which decides how it is read.
    var name: String
    var bytes: [UInt8]
  }

  /// The parser passed over the file, as it passes over files that are not meant for it; counts as refused.
  struct PassedOver: Error {}

  /// Name on the command line.
  let name: String
  /// Valid files, small.
  let seeds: @Sendable () throws -> [Seed]
  /// Lengths of the starts of files where most damage is done.
  var heads = [600, 64]
  /// Reads a damaged file.
  let read: @Sendable (Seed, FuzzPlace) throws -> Void
}
