import HSITransformer

/// The register of networks: a new one is a folder and a line here. From it follow `hsi model info` and the contract tests.
public enum Networks {
  /// All of them.
  public static let all = NetworkRegistry([
    NetworkEntry(HSDT.self, id: "hsdt", name: "Hybrid spectral denoising transformer"),
    NetworkEntry(MPHSIR.self, id: "mp-hsir", name: "MP-HSIR, multi-prompt universal restoration transformer"),
    NetworkEntry(DegradationPredictor.self, id: "degradation-predictor", name: "Predictor of degradations"),
    NetworkEntry(
      LoLASpecViT.self, id: "lola-specvit", name: "LoLA-SpecViT, spectral vision transformer with low-rank adapters",
      aliases: ["lola-specvit-paper"], foreign: "features."),
    NetworkEntry(LESSAutoencoder.self, id: "less", name: "LESS ViT, masked autoencoder"),
    NetworkEntry(LESSClassifier.self, id: "less-classifier", name: "LESS ViT, classes of images"),
    NetworkEntry(LESSSegmenter.self, id: "less-segmenter", name: "LESS ViT, classes of pixels"),
    NetworkEntry(SpectralGPT.self, id: "spectralgpt", name: "SpectralGPT, masked autoencoder"),
    NetworkEntry(SpectralGPTClassifier.self, id: "spectralgpt-classifier", name: "SpectralGPT, classes of images"),
    NetworkEntry(
      CNN1D.self, id: "cnn-1d", name: "Convolutional network on spectra", aliases: ["cnn1d"], foreign: "features."),
    NetworkEntry(
      CNN3D.self, id: "cnn-3d", name: "Three-dimensional convolutional network on patches", aliases: ["cnn3d"],
      foreign: "features."),
  ])
}
