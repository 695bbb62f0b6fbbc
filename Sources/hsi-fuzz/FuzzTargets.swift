import Foundation
import HSIKit

/// The parsers that are handed damaged files: a line for each.
enum FuzzTargets {
  static let all: [FuzzTarget] = files + FuzzNetworks.targets

  private static let files: [FuzzTarget] = [
    FuzzTarget(name: "envi-header", seeds: { FuzzSeeds.texts("hdr", FuzzSeeds.headers) }) { seed, place in
      try place.write("s.hdr", seed.bytes)
      try scene(place.write("s.dat", pixels), place)
    },
    FuzzTarget(name: "wavelength-names", seeds: { FuzzSeeds.texts("txt", FuzzSeeds.bandNames) }) { seed, place in
      try place.write("s.hdr", Array((FuzzSeeds.layout + "band names = {").utf8) + seed.bytes + Array("}\n".utf8))
      try scene(place.write("s.dat", pixels), place)
      // The names alone may be all that tells wavelengths.
      let header = Array((FuzzSeeds.layout + "wavelength = {400, 500, 600, 700}\nwavelength units = ").utf8)
      try place.write("s.hdr", header + seed.bytes + Array("\n".utf8))
      try scene(place.folder + "/s.dat", place)
    },
    FuzzTarget(name: "spectra-table", seeds: { FuzzSeeds.texts("csv", FuzzSeeds.tables) }) { seed, place in
      _ = try SpectralLibraryFile.read(place.write(seed.name, seed.bytes), context: place.context)
    },
    FuzzTarget(name: "envi-library", seeds: { FuzzSeeds.texts("hdr", FuzzSeeds.libraryHeaders) }) { seed, place in
      try place.write("l.hdr", seed.bytes)
      _ = try SpectralLibraryFile.read(place.write("l.sli", pixels), context: place.context)
    },
    FuzzTarget(name: "field-spectrum", seeds: { FuzzSeeds.fieldSpectra }) { seed, place in
      _ = try SpectralLibraryFile.read(place.write(seed.name, seed.bytes), context: place.context)
    },
    FuzzTarget(name: "usgs-spectrum", seeds: { FuzzSeeds.texts("txt", FuzzSeeds.usgs) }) { seed, place in
      let columns = ["\n 0.4\n 0.5\n 0.6\n 0.7\n", "\n 0.4\n 0.5\n 0.6\n"]
      for (i, column) in columns.enumerated() {
        try place.write(
          "splib07a_Wavelengths_ASD_\(i)_ch.txt", Array((" splib07a Record=1: Wavelengths" + column).utf8))
      }
      // The spectrum itself, and as the wavelengths of another.
      _ = try SpectralLibraryFile.read(place.write("s.txt", seed.bytes), context: place.context)
      try place.write("splib07a_Wavelengths_ASD_0_ch.txt", seed.bytes)
      try place.write("s.txt", Array(FuzzSeeds.usgs[0].utf8))
      _ = try SpectralLibraryFile.read(place.folder + "/s.txt", context: place.context)
    },
    FuzzTarget(name: "asd", seeds: { [.init(name: "s.asd", bytes: FuzzSeeds.asd)] }) { seed, place in
      _ = try SpectralLibraryFile.read(place.write("s.asd", seed.bytes), context: place.context)
    },
    FuzzTarget(name: "geotiff", seeds: { [.init(name: "s.tif", bytes: FuzzSeeds.geoTIFF)] }) { seed, place in
      try scene(place.write("s.tif", seed.bytes), place)
    },
    FuzzTarget(name: "vrt", seeds: { FuzzSeeds.texts("vrt", FuzzSeeds.virtualRasters) }, heads: [2000, 300]) {
      seed, place in
      try place.write("s.dat", pixels)
      try place.write("s.tif", FuzzSeeds.geoTIFF)
      try scene(place.write("s.vrt", seed.bytes), place)
    },
    FuzzTarget(name: "netcdf-3", seeds: { try FuzzSeeds.fixtures(formats, ["byte_nc3_golden.nc", "scale_offset.nc"]) })
    {
      seed, place in try scene(place.write("s.nc", seed.bytes), place)
    },
    FuzzTarget(
      name: "matlab",
      seeds: {
        try FuzzSeeds.fixtures(
          formats, ["plain.mat", "packed.mat", "struct.mat", "v4.mat", "bundle.mat", "classes.mat", "sides.mat"])
      }
    ) { seed, place in
      let path = try place.write("s.mat", seed.bytes)
      // A file of spectra is none of a cube and the other way round.
      _ = try? SpectralLibraryFile.read(path, context: place.context)
      try scene(path, place)
    },
    FuzzTarget(
      name: "numpy",
      seeds: {
        try FuzzSeeds.fixtures(
          formats, ["c_order.npy", "f_order.npy", "half.npy", "version3.npy", "big.npy", "several.npz"])
      }
    ) { seed, place in
      let isArchive = seed.name.hasSuffix("z")
      try scene(place.write("s." + PathExtension.of(seed.name), seed.bytes), place, variable: isArchive ? "cube" : nil)
    },
    FuzzTarget(name: "sensor-xml", seeds: { FuzzSeeds.texts("xml", FuzzSeeds.metadata) }, heads: [2000, 300]) {
      seed, place in
      try place.write("X_SPECTRAL_IMAGE.hdr", Array(FuzzSeeds.layout.utf8))
      try place.write("X_METADATA.XML", seed.bytes)
      try scene(place.write("X_SPECTRAL_IMAGE.bsq", pixels), place)
    },
    FuzzTarget(
      name: "hdf5", seeds: { try FuzzSeeds.fixtures(formats, ["generic.h5", "deflate.h5", "fwhm.h5", "v73.mat"]) },
      heads: [4096, 200]
    ) { seed, place in
      // A name that has not been looked at yet.
      let path = try place.write("s\(UInt64.random(in: 0 ... .max))." + PathExtension.of(seed.name), seed.bytes)
      defer { unlink(path) }
      try scene(path, place)
    },
    FuzzTarget(
      name: "safetensors",
      seeds: {
        try FuzzSeeds.fixtures(checkpoints, ["training.safetensors", "views.safetensors", "lightning.safetensors"])
      }
    ) { seed, place in try weights(place.write("s.safetensors", seed.bytes)) },
    FuzzTarget(
      name: "pth",
      seeds: {
        try FuzzSeeds.fixtures(
          checkpoints, ["training.pth", "deflated.pth", "legacy.pth", "views.pth", "lightning.ckpt"])
      }
    ) { seed, place in try weights(place.write("s.pth", seed.bytes)) },
    FuzzTarget(name: "stac", seeds: { FuzzSeeds.texts("json", FuzzSeeds.items) }) { seed, place in
      try place.write("s.hdr", Array(FuzzSeeds.layout.utf8))
      try place.write("s.json", seed.bytes)
      defer { unlink(place.folder + "/s.json") }
      // An item that does not fit is no item: only one whose wavelengths were taken has been read.
      let metadata = try scene(place.write("s.dat", pixels), place)
      guard metadata.axis.wavelengths != nil else { throw FuzzTarget.PassedOver() }
    },
    FuzzTarget(name: "settings", seeds: { FuzzSeeds.texts("toml", FuzzSeeds.settings) }) { seed, _ in
      _ = try SettingsText.parse(String(decoding: seed.bytes, as: UTF8.self))
    },
    FuzzTarget(name: "job", seeds: { FuzzSeeds.texts("yaml", FuzzSeeds.jobs) }) { seed, place in
      _ = try BatchJob(path: place.write("s.yaml", seed.bytes))
    },
    FuzzTarget(name: "class-names", seeds: { FuzzSeeds.texts("txt", FuzzSeeds.classNames) }) { seed, place in
      _ = try ClassNames.read(place.write("s.txt", seed.bytes))
    },
    FuzzTarget(name: "band-table", seeds: { FuzzSeeds.texts("csv", FuzzSeeds.bandTables) }) { seed, place in
      // As the bands of a scene are made of it, too.
      let target = try ResampleTarget(place.write("s.csv", seed.bytes), place.context)
      _ = try BandResolution(from: axis, to: target.bands, interpolating: true, named: "s.csv")
    },
    FuzzTarget(name: "formula", seeds: { FuzzSeeds.texts("txt", FuzzSeeds.formulas) }) { seed, _ in
      for request in try IndexRequest.list(String(decoding: seed.bytes, as: UTF8.self)) {
        let columns = PixelMatrix(rows: 3, columns: request.formula.bands.count)
        var out: [Float] = [0, 0, 0]
        request.formula.apply(columns, into: &out, stride: 1)
      }
    },
    FuzzTarget(name: "transform-model", seeds: { try FuzzSeeds.transformModels() }) { seed, place in
      let model = try TransformModel(file: place.write("s.json", seed.bytes))
      let (pixels, spectra) = (PixelMatrix(rows: 2, columns: model.transform.bands), PixelMatrix(rows: 0, columns: 0))
      let components = PixelMatrix(rows: 0, columns: 0)
      model.transform.apply(pixels, into: components)
      model.transform.truncated(to: 1).invert(PixelMatrix(rows: 2, columns: 1), into: spectra)
    },
    FuzzTarget(name: "polygons", seeds: { FuzzSeeds.texts("geojson", FuzzSeeds.polygons) }) { seed, place in
      try place.write("s.hdr", Array(FuzzSeeds.headers[0].utf8))
      let image = try RasterFormats.open(place.write("s.dat", pixels), context: place.context)
      let path = try place.write("s.geojson", seed.bytes)
      _ = try VectorFeatures.attributes(of: path)
      _ = try VectorFeatures(path, attribute: "class", on: image, place.context)
    },
  ]

  private static let formats = "HSIRasterTests/Fixtures/formats"
  private static let checkpoints = "HSITransformerTests/Fixtures/checkpoints"
  /// The bands of a scene.
  private static let axis = SpectralAxis(wavelengths: (0..<40).map { 400 + 20 * Double($0) })
  /// Samples of 2 × 3 × 4 of 16 bits, and some more.
  private static let pixels = (0..<64).map { UInt8($0) }

  /// Opens a scene and reads a line of it, as far as it fits the budget.
  @discardableResult
  private static func scene(_ path: String, _ place: FuzzPlace, variable: String? = nil) throws -> CubeMetadata {
    var options = OpenOptions()
    options.variable = variable
    let reader = try RasterFormats.open(path, options: options, context: place.context)
    let shape = reader.shape
    guard Int.product(shape.samples, shape.bands, reader.sampleType.size) < 16 << 20 else { return reader.metadata }
    let block = StoredBlock()
    try reader.read(
      PixelWindow(line: shape.lines - 1, sample: 0, lines: 1, samples: shape.samples), bands: Array(0..<shape.bands),
      into: block)
    var selection = SelectionOptions()
    selection.window = PixelWindow(line: 0, sample: 0, lines: 1, samples: shape.samples)
    let source = try FileSource(reader, selection, context: place.context)
    try source.forEachStrip(place.context, label: "reading") { _ in }
    return reader.metadata
  }

  /// Opens a file of weights and reads its tensors.
  private static func weights(_ path: String) throws {
    let file = try WeightFile.open(path)
    for tensor in file.tensors where tensor.count < 1 << 20 {
      _ = try? tensor.floats()
      _ = try? tensor.ints()
    }
  }
}

/// The extension of a name.
private enum PathExtension {
  static func of(_ name: String) -> String { (name as NSString).pathExtension }
}
