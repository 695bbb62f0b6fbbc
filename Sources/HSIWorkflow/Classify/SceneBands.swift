import HSIClassification
import HSICore
import HSIRaster
import HSISpectral

/// The bands of a scene that a classifier sees.
enum SceneBands {
  /// The pixels of a scene on the bands of a model, or on those that were named (the good ones by default).
  ///
  /// - Returns: the file, and what the model is to be shown: the file itself or a resampled view of it.
  /// - Throws: `ClassificationError.modelMismatch`.
  static func source(
    _ scene: OpenScene, for axis: SpectralAxis?, model: String, _ context: RunContext
  ) throws -> (file: FileSource, offered: any StripSource) {
    guard let axis else {
      let bands = Array(Set(try scene.bands(default: .good))).sorted()
      let file = try scene.source(bands: .list(bands), excludesZeroSpectra: true, context)
      return (file, file)
    }
    guard scene.request.bands == nil else {
      throw CoreError.invalidParameter(
        name: "\(option: "band list") or \(option: "wavelength ranges")", value: "given",
        requirement: "left out: the model says which bands it needs")
    }
    let match = BandMatching.match(scene.metadata.axis, to: axis)
    let file: FileSource
    switch match {
    case .impossible(let reason):
      throw ClassificationError.modelMismatch(
        model: model, reason: reason,
        advice:
          "use a model of the same sensor and range, or give the wavelengths of the scene with \(option: "wavelengths")"
      )
    case .same(let bands):
      file = try scene.source(bands: .list(bands), excludesZeroSpectra: true, context)
      context.logger.info("the scene has the \(bands.count) bands of the model")
      return (file, file)
    case .assumed(let bands):
      file = try scene.source(bands: .list(bands), excludesZeroSpectra: true, context)
      context.warn(
        "W-MODEL-BANDS",
        "model or scene has no wavelengths: their \(bands.count) bands are taken as the same without a check")
      return (file, file)
    case .resampled(let bands, let weights):
      file = try scene.source(bands: .list(bands), excludesZeroSpectra: true, context)
      context.warn(
        "W-MODEL-RESAMPLED",
        "the \(bands.count) good bands of the scene are resampled to the \(axis.count) of the model, whose wavelengths differ"
      )
      return (file, ResampledSource(file, weights: weights, axis: axis))
    }
  }
}
