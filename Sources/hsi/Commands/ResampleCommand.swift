import ArgumentParser
import HSIKit

/// `hsi resample`.
struct ResampleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resample",
    abstract: "Bring a scene to the bands of another instrument.",
    discussion: """
      Instruments: \(ResampleTarget.instruments.joined(separator: ", ")). Or a table: centre,fwhm with one band per line, or responses \
      with wavelengths in the first column and one band per further column.

      Examples:
        hsi resample scene.hdr sentinel2.tif --to sentinel2
        hsi resample scene.hdr enmap.tif --to enmap --interpolate
        hsi resample scene.hdr camera.tif --to camera.csv

      Bands that the scene has no good bands for are left out, and so are those that are narrower than its own unless \
      --interpolate makes them; one line says which. Widths, units, position, time and no-data pixels are kept.
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The cube to write (float32; GeoTIFF, or by extension or --of).")
  var destination: OutputPath

  @Option(help: ArgumentHelp("An instrument, or a table of bands or responses.", valueName: "instrument|file"))
  var to: InputPath

  @Flag(help: "Interpolate bands that are narrower than those of the scene, rather than leave them out.")
  var interpolate = false

  @OptionGroup(title: "Records") var records: RecordOptions
  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = ResampleJob(scene: try input.request(scene), output: destination.text, target: to.text)
    job.interpolates = interpolate
    job.writing = try output.writing()
    job.records = map.records(records)
    try Terminal.finish(job.run(context), context)
  }
}
