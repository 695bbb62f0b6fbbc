import Foundation
import HSICore

extension UnmixingBody {
  /// The pictures of an unmixing report; those that are missing are left out of the page.
  public struct Figures: Sendable {
    /// The scene in (false) colour.
    public var scene: ReportPicture?
    /// Which bands the scene is shown in, e.g. `650, 550, 470 nm`.
    public var sceneCaption: String?
    /// The colour composite of all abundances.
    public var composite: ReportPicture?
    /// One map per endmember, in their order.
    public var abundances: [ReportMap]
    /// The guidance map h.
    public var guidance: ReportMap?
    /// The residual per pixel.
    public var rmse: ReportMap?
    /// The classes of the model of every pixel.
    public var models: ReportPicture?

    /// Pictures.
    public init(
      scene: ReportPicture? = nil, sceneCaption: String? = nil, composite: ReportPicture? = nil,
      abundances: [ReportMap] = [], guidance: ReportMap? = nil, rmse: ReportMap? = nil,
      models: ReportPicture? = nil
    ) {
      self.scene = scene
      self.sceneCaption = sceneCaption
      self.composite = composite
      self.abundances = abundances
      self.guidance = guidance
      self.rmse = rmse
      self.models = models
    }

    /// All pictures of a run from its results in memory.
    ///
    /// - Parameters:
    ///   - abundances: N × K of the valid pixels.
    ///   - positions: their places in the image.
    ///   - guidance: h of the valid pixels.
    ///   - rmse: residual of the valid pixels.
    public static func make(
      scene: RGBImage?, sceneCaption: String?, abundances: PixelMatrix, positions: [Int32], width: Int,
      height: Int,
      guidance: [Float]? = nil, rmse: [Float]? = nil, encode: PNGEncoder
    ) throws -> Figures {
      func map(_ values: [Float]?, _ colours: ColourMap, _ range: ClosedRange<Double>?) throws -> ReportMap? {
        guard let values else { return nil }
        let column = PixelMatrix(rows: values.count, columns: 1, values: values)
        return try ReportMap(
          column: 0, of: column, positions: positions, width: width, height: height, range: range,
          colours: colours,
          encode: encode)
      }
      return Figures(
        scene: try scene.map { try ReportPicture($0, encode: encode) }, sceneCaption: sceneCaption,
        composite: try ReportPicture(
          AbundanceComposite.image(abundances, positions: positions, width: width, height: height),
          encode: encode),
        abundances: try (0..<abundances.columns).map {
          try ReportMap(
            column: $0, of: abundances, positions: positions, width: width, height: height, encode: encode)
        },
        guidance: try map(guidance, .cividis, nil), rmse: try map(rmse, .cividis, nil))
    }
  }
}
