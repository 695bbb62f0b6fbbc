/// How a job is recorded beside its results.
public struct RecordRequest: Sendable {
  /// Whether `OUT.prov.json` says how OUT came about; never for outputs of GDAL's virtual file systems.
  public var writesProvenance = true
  /// Whether the provenance has the SHA-256 of all data that are read, not of headers only.
  public var digestsInputs = false
  /// Name of a STAC item for the main raster.
  public var item: String?
  /// How results of a swath are brought to a map grid: `glt`, `geoloc`, or a file with a lookup table; nil leaves them.
  public var ortho: String?

  /// Provenance only.
  public init() {}

  /// The name of the provenance of an output.
  public func provenancePath(of output: String) -> String? {
    writesProvenance && !output.hasPrefix("/vsi") ? output + ".prov.json" : nil
  }
}
