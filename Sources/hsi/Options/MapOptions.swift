import ArgumentParser
import HSIKit

/// Where the results of a scene lie on a map, and the STAC item that tells catalogues so.
struct MapOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Bring results of a swath to a map grid, nearest pixel: glt (the product's lookup table), geoloc (its longitude \
      and latitude), or a file with a lookup table.
      """,
      valueName: "glt|geoloc|file"))
  var ortho: InputPath?

  @Option(help: ArgumentHelp("Describe the result in a STAC item.", valueName: "file.json"))
  var stac: OutputPath?

  /// How a job is recorded.
  func records(noProvenance: Bool = false, digests: Bool = false) -> RecordRequest {
    var records = RecordRequest()
    records.writesProvenance = !noProvenance
    records.digestsInputs = digests
    records.item = stac?.text
    records.ortho = ortho?.text
    return records
  }
}
