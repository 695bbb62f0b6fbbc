import Foundation
import HSITransformer

/// The weights that come with the package.
public enum BundledWeights {
  /// The denoising network that is used when a user names none.
  public static let denoiser = "hsdt-s.safetensors"

  /// The network for many degradations that is used when a user names no weights.
  public static let restorer = "mp-hsir-24.safetensors"

  /// The network that tells what a scene suffers from.
  public static let predictor = "degradation-predictor.safetensors"

  /// The path of a bundled file, or nil where this installation has none.
  ///
  /// Looked for in the folders of `HSI_MODEL_PATH`, in the package's resources beside the executable, in
  /// `share/hsi` beside its `bin`, and in the checkout that the program was built from.
  public static func path(_ name: String = denoiser) -> String? {
    let executable = (Bundle.main.executableURL ?? Bundle.main.bundleURL).deletingLastPathComponent()
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    var folders = [
      executable.appendingPathComponent("hsi_HSIRestoration.resources/Resources"),
      executable.deletingLastPathComponent().appendingPathComponent("share/hsi"),
      sources.appendingPathComponent("Resources"),
    ]
    folders.insert(contentsOf: WeightSearch.folders().map { URL(fileURLWithPath: $0) }, at: 0)
    return folders.map { $0.appendingPathComponent(name).path }
      .first { FileManager.default.fileExists(atPath: $0) }
  }
}

extension HSDTDenoiser {
  /// A denoiser with the weights of a file, or with the bundled ones where `weights` is nil.
  ///
  /// - Parameters:
  ///   - weights: a `.safetensors` file or a PyTorch checkpoint.
  ///   - model: the network it is for, where the file does not say.
  /// - Throws: `RestorationError.noBundledWeights`, and what `ModelFile.init` throws.
  public init(weights: String?, model: String? = nil) throws {
    try self.init(LearnedWeights(path: weights, model: model), [:])
  }
}
