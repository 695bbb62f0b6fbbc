import ArgumentParser
import Foundation
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
  var scene: String

  @Argument(help: "The file to write.")
  var destination: String

  @Option(
    help: "Type of the samples: same as in the scene, or uint8, int16, uint16, float32 … (rounded and clipped).")
  var ot = "same"

  @OptionGroup(title: "Map") var map: MapOptions
  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Output") var output: WritingOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    try input.scene.requireAllPixels()
    let reader = try input.open(scene, context)
    let window = try input.scene.window(in: reader)
    let bands = try input.bands(of: reader, default: .all)
    let type = try sampleType(reader.sampleType)
    var metadata = reader.metadata.selecting(bands: bands).cropping(to: window)
    if type != reader.sampleType {
      metadata = CubeRetype.metadata(metadata, from: reader.sampleType, to: type)
      if let value = output.outNodata { metadata.nodata = [Double?](repeating: value, count: bands.count) }
    }
    let grid = try map.grid(reader, window: window, context)
    let options = try output.library(interleave: reader.interleave, inputs: reader.files, grid: grid)
    if let item = map.stac {
      try ProductPaths.check([destination, item], replaceable: nil, overwrite: output.overwrite, inputs: reader.files)
    }
    let shape = CubeShape(lines: window.lines, samples: window.samples, bands: bands.count)
    let writer = try RasterFormats.create(
      destination, shape: shape, type: type, metadata: metadata, options: options, context: context)
    let files: [String]
    if type == reader.sampleType {
      files = try CubeCopy.run(from: reader, window: window, bands: bands, to: writer, context)
    } else {
      files = try retype(reader, window, bands, to: writer, nodata: metadata.nodata, context)
    }
    _ = try map.writeItem(
      of: MapOptions.Raster(
        path: destination, format: options.format, shape: shape, type: type, metadata: metadata),
      grid: grid, others: files.filter { $0 != destination }.map { ReportOutput(path: $0, content: "sidecar") },
      inputs: reader.files, overwrite: output.overwrite, context)
  }

  private func sampleType(_ own: SampleType) throws -> SampleType {
    if ot.lowercased() == "same" { return own }
    let name = ot.lowercased() == "byte" ? "uint8" : ot.lowercased()
    guard let type = SampleType(rawValue: name) else {
      throw CoreError.invalidParameter(
        name: "--ot", value: ot,
        requirement: "same, or one of " + SampleType.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return type
  }

  private func retype(
    _ reader: any CubeReader, _ window: PixelWindow, _ bands: [Int], to writer: any CubeWriter, nodata: [Double?],
    _ context: RunContext
  ) throws -> [String] {
    let outcome = try CubeRetype.run(
      from: reader, window: window, bands: bands, to: writer, nodata: nodata, context)
    if outcome.clipped > 0 {
      context.warn(
        "W-CLIPPED", "\(outcome.clipped) numbers exceed the range of \(writer.sampleType.rawValue) and were clipped")
    }
    if outcome.shifted > 0 {
      context.warn(
        "W-NODATA-VALUE",
        "\(outcome.shifted) numbers would have meant no data and were moved to the next one (--out-nodata chooses another)")
    }
    return outcome.files
  }
}
