import ArgumentParser
import HSIKit

/// What is recorded beside a raster.
struct RecordOptions: ParsableArguments {
  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  @Flag(help: "Record the SHA-256 of all data that are read, not of headers only.")
  var hash = false

  /// The same for jobs.
  var request: RecordRequest {
    var request = RecordRequest()
    (request.writesProvenance, request.digestsInputs) = (!noProv, hash)
    return request
  }
}

/// Reports on a run, and what is recorded beside its raster.
struct ReportOptions: ParsableArguments {
  @Option(help: "JSON report; - for standard output.")
  var report: OutputPath?

  @Option(help: "Self-contained HTML report.")
  var html: OutputPath?

  @OptionGroup var records: RecordOptions

  /// Where the reports go.
  var places: ReportPlaces { ReportPlaces(json: report?.text, html: html?.text) }
}
