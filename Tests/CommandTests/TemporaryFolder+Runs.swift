import HSIKit
import Testing

extension TemporaryFolder {
  /// Runs a line of words in this folder, and expects its exit code: one line of error for any but 0.
  @discardableResult func run(_ line: String, _ code: Int32 = 0) throws -> Tool.Result {
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: url)
    #expect(result.status == code, "\(line)\n\(result.errors)")
    if code != 0 { #expect(result.errorLines.count == 1, "\(line)\n\(result.errors)") }
    return result
  }

  /// A raster of this folder, as it is read by default.
  func cube(_ name: String) throws -> Cube {
    let context = RunContext()
    return try FileSource(
      RasterFormats.open(path(name), context: context), SelectionOptions(), context: context
    ).load(context)
  }
}
