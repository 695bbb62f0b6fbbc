import ArgumentParser

/// What is recorded beside a raster.
struct RecordOptions: ParsableArguments {
  @Flag(help: "Do not write OUT.prov.json.")
  var noProv = false

  @Flag(help: "Record the SHA-256 of all data that are read, not of headers only.")
  var hash = false
}
