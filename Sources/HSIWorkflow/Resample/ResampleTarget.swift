import HSICore
import HSINetworks
import HSIRaster
import HSISpectral

/// The bands that a scene is resampled to: those of an instrument by its name, or of a file.
public struct ResampleTarget: Sendable {
  /// What it is called in messages and metadata.
  public let name: String
  /// Its bands.
  public let bands: BandResolution.Target
  /// Their names; empty ones where wavelengths tell them.
  public let bandNames: [String]
  /// The file that it comes from; nil for an instrument.
  public let file: String?

  /// Names of the instruments.
  public static let instruments: [String] =
    SensorTable.all.map(\.name) + BandSet.instruments.map(\.name).filter { SensorTable.named($0) == nil }

  /// - Throws: `CoreError.unknownMethod` for a name that is neither an instrument nor a file; the errors of `BandTable`.
  public init(_ text: String, _ context: RunContext) throws {
    if let table = SensorTable.named(text) {
      (name, bands, file) = (table.name, .bands(table.axis), nil)
      bandNames = table.bandNames ?? [String](repeating: "", count: table.axis.count)
      return
    }
    if let set = BandSet.instruments.first(where: { $0.name == text.lowercased() }) {
      (name, bands, file) = (set.name, .bands(set.axis), nil)
      bandNames = [String](repeating: "", count: set.axis.count)
      return
    }
    let table: BandTable
    do {
      table = try BandTable.read(text, context)
    } catch let error as RasterError {
      guard case .notFound = error, !text.contains("/"), !text.contains(".") else { throw error }
      throw CoreError.unknownMethod(
        kind: "instrument", name: text, known: ResampleTarget.instruments, aliases: SensorTable.all.flatMap(\.aliases))
    }
    (name, file) = (text, text)
    switch table {
    case .bands(let axis): (bands, bandNames) = (.bands(axis), [String](repeating: "", count: axis.count))
    case .responses(let library): (bands, bandNames) = (.responses(library), library.names)
    }
  }
}
