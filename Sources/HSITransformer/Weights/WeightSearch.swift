import Foundation

/// Where model files are looked for when a name is no path: the folders of `HSI_MODEL_PATH`, separated by `:`.
public enum WeightSearch {
  /// The folders, in order.
  public static func folders(environment: [String: String] = ProcessInfo.processInfo.environment) -> [String] {
    (environment["HSI_MODEL_PATH"] ?? "").split(separator: ":").map(String.init)
  }

  /// The file that a name means: the name itself when such a file exists or it has a `/`; else the first
  /// `FOLDER/NAME` or `FOLDER/NAME.safetensors` that exists; else the name, so that errors show what was asked for.
  public static func locate(
    _ name: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> String {
    let manager = FileManager.default
    guard !name.isEmpty, !name.contains("/"), !manager.fileExists(atPath: name) else { return name }
    for folder in folders(environment: environment) {
      for candidate in [name, name + ".safetensors"] {
        let path = folder + "/" + candidate
        var isFolder: ObjCBool = false
        if manager.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue { return path }
      }
    }
    return name
  }
}
