import ArgumentParser
import HSIKit

/// `hsi convert`: any readable cube to GeoTIFF, COG, ENVI, NumPy or MATLAB.
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Convert a cube; samples, wavelengths, bad bands, nodata and georeference are kept.",
    discussion: """
      The format follows the extension (.tif GeoTIFF, .dat .img .bil .bip .bsq ENVI, .npy NumPy, .mat MATLAB) or --of.

      Examples:
        hsi convert cube.mat cube.tif
        hsi convert scene.hdr scene.tif --window 0,0,256,256
        hsi convert scene.tif scene.dat --wl 400-900,1000-1300
        hsi convert scene.hdr scene.tif --of COG --co COMPRESS=DEFLATE
        hsi convert salinas.mat salinas.tif --sensor aviris
        hsi convert scene.tif counts.tif --ot uint16
        hsi convert emit.nc emit.tif --ortho glt --stac emit.json
      """)

  @Argument(help: "The cube.")
  var scene: InputPath

  @Argument(help: "The file to write.")
  var destination: OutputPath

  @Option(
    help: "Type of the samples: same as in the scene, or uint8, int16, uint16, float32 … (rounded and clipped).")
  var ot = "same"

  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var job = ConvertJob(scene: try input.request(scene), output: destination.text)
    job.type = try sampleType()
    job.writing = try output.writing()
    job.records = map.records(nil)
    try Terminal.finish(job.run(context), context)
  }

  private func sampleType() throws -> SampleType? {
    if ot.lowercased() == "same" { return nil }
    let name = ot.lowercased() == "byte" ? "uint8" : ot.lowercased()
    guard let type = SampleType(rawValue: name) else {
      throw CoreError.invalidParameter(
        name: "--ot", value: ot,
        requirement: "same, or one of " + SampleType.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return type
  }
}
