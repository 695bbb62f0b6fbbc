import Foundation

/// Where model files are looked for when a name is no path: the folders of `HSI_MODEL_PATH`, separated by `:`, then those of the weights
/// that come with hsi.
public enum WeightSearch {
  /// The folders, in order.
  public static func folders(environment: [String: String] = ProcessInfo.processInfo.environment) -> [String] {
    (environment["HSI_MODEL_PATH"] ?? "").split(separator: ":").map(String.init)
  }

  /// Where the weights that come with hsi may lie: in the package's resources beside the executable, in `share/hsi` beside its `bin`,
  /// and in the checkout that the program was built from.
  public static var installed: [String] {
    let executable = (Bundle.main.executableURL ?? Bundle.main.bundleURL).deletingLastPathComponent()
    let rooms = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return [
      executable.appendingPathComponent("hsi_HSIRestoration.resources/Resources"),
      executable.deletingLastPathComponent().appendingPathComponent("share/hsi"),
      rooms.appendingPathComponent("HSIRestoration/Resources"),
    ].map(\.path)
  }

  /// The file that a name means: the name itself when such a file exists or it has a `/`; else the first
  /// `FOLDER/NAME` or `FOLDER/NAME.safetensors` that exists; else the name, so that errors show what was asked for.
  public static func locate(
    _ name: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> String {
    let manager = FileManager.default
    guard !name.isEmpty, !name.contains("/"), !manager.fileExists(atPath: name) else { return name }
    for folder in folders(environment: environment) + installed {
      for candidate in [name, name + ".safetensors"] {
        let path = folder + "/" + candidate
        var isFolder: ObjCBool = false
        if manager.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue { return path }
      }
    }
    return name
  }
}
