import HSICore
import HSIRaster

/// Which bands a picture of a scene shows.
public enum SceneColours {
  /// The file's choice, natural colour, infrared, or the bands of highest variance (which reads the scene).
  public static func choose(_ scene: OpenScene, _ context: RunContext) throws -> Quicklook.BandChoice {
    if let choice = Quicklook.bands(scene.metadata) {
      return choice.reason == "grey" ? Quicklook.BandChoice(bands: [0], reason: "grey") : choice
    }
    return try Quicklook.highestVariance(try scene.source(bands: .all, context), context)
  }

  /// `650, 550, 470 nm` or `bands 10, 20, 30`.
  public static func caption(_ choice: Quicklook.BandChoice, _ metadata: CubeMetadata) -> String {
    if let wavelengths = metadata.axis.wavelengths {
      return choice.bands.map { String(Int(clamping: wavelengths[$0].rounded())) }.joined(separator: ", ") + " nm"
    }
    return (choice.bands.count == 1 ? "band " : "bands ")
      + choice.bands.map { String($0 + 1) }.joined(separator: ", ")
  }
}
