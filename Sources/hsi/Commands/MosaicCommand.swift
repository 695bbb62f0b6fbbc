import ArgumentParser
import HSIKit

/// `hsi mosaic`: a virtual raster of tiles, or of one scene.
struct MosaicCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mosaic",
    abstract: "Describe tiles of one map grid, or a part of one scene, as one raster without copying.",
    discussion: """
      Writes a virtual raster (.vrt) that GDAL's programs and all commands of hsi read like a file. It refers to the tiles \
      by name, relative to its own place where they lie below it; of tiles that overlap, later ones lie above. \
      Wavelengths, bad bands and the like come from the first one and the options.

      Examples:
        hsi mosaic whole.vrt tile1.tif tile2.tif tile3.tif
        hsi mosaic named.vrt cube.tif --sensor aviris
        hsi mosaic part.vrt scene.tif --window 0,0,256,256 --wl 400-900
      """)

  @Argument(help: "The virtual raster to write (.vrt).")
  var destination: OutputPath

  @Argument(help: "Tiles, or one scene: GeoTIFF, ENVI or another format of GDAL.")
  var tiles: [InputPath]

  @Option(help: "Tiles of a row, for tiles cut from a raster that has no position on a map.")
  var columns: Int?

  @Flag(help: "Replace an existing output.")
  var overwrite = false

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    guard destination.text.lowercased().hasSuffix(".vrt") else {
      throw CoreError.invalidParameter(
        name: "<destination>", value: destination.text, requirement: "a name ending in .vrt")
    }
    var job = MosaicJob(tiles: try tiles.map { try input.request($0) }, output: destination.text)
    job.overwrites = overwrite
    if let columns, !(1...1_000_000).contains(columns) {
      throw CoreError.invalidParameter(name: "--columns", value: "\(columns)", requirement: "from 1 to 1000000")
    }
    job.columns = columns
    _ = try job.run(context)
  }
}
