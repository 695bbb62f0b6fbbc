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
  ///
  /// - Parameter options: nil for commands that record nothing beside the item.
  func records(_ options: RecordOptions?) -> RecordRequest {
    var records = RecordRequest()
    records.writesProvenance = options.map { !$0.noProv } ?? false
    records.digestsInputs = options?.hash ?? false
    records.item = stac?.text
    records.ortho = ortho?.text
    return records
  }
}
