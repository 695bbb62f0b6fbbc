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
  /// Looked for in the folders of `HSI_MODEL_PATH`, then where `WeightSearch.installed` says.
  public static func path(_ name: String = denoiser) -> String? {
    (WeightSearch.folders() + WeightSearch.installed).map { "\($0)/\(name)" }
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
