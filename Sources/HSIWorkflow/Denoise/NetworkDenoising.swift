import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSINetworks
import HSIRestoration
import HSITransformer

/// Trained networks as `hsi denoise` knows them.
enum NetworkDenoising {
  /// Names of `--model`: the family, for files that say what they are, and its members.
  static let names = ["hsdt"] + HSDTConfiguration.names.filter { $0 != "hsdt-pnp" }

  /// The weights that come with hsi for a name: those of `hsdt-s`, which `hsdt` stands for too.
  private static func bundledWeights(_ name: String) throws -> String {
    guard name == "hsdt" || name == "hsdt-s" else {
      throw CoreError.invalidParameter(
        name: "\(option: "weights")", value: "not given",
        requirement: "a file of weights: hsi comes with those of hsdt-s only")
    }
    guard let path = BundledWeights.path() else {
      throw RestorationError.noBundledWeights(name: BundledWeights.denoiser)
    }
    return path
  }

  /// A denoiser with weights from a file, or the bundled ones.
  ///
  /// - Parameter name: one of `names`.
  /// - Throws: `TransformerError`, `RestorationError`, `CoreError.invalidParameter`, `.unknownParameter`.
  static func load(_ name: String, weights: String?, _ values: [String: Double]) throws -> HSDTDenoiser {
    let path = try weights ?? bundledWeights(name)
    let model = try HSDTModel.read(path, model: name == "hsdt" ? nil : name)
    return try HSDTDenoiser(model, values)
  }

  /// The card of a model for reports.
  static func card(_ model: HSDTModel) -> [String: String] {
    let card = model.card
    var facts = ["architecture": card.architecture, "parameters": "\(model.network.store.parameterCount)"]
    facts["variant"] = card.variant
    facts["bands"] = card.bands.map { "\($0)" }
    facts["normalisation"] = card.normalisation
    facts["training_data"] = card.trainingData
    facts["training"] = card.training
    facts["licence"] = card.licence
    facts["created_by"] = card.createdBy
    facts["source"] = card.source
    facts["notes"] = card.notes
    return facts
  }
}
