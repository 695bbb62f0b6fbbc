import Foundation
import HSICore

@testable import HSIReport

/// A run of `hsi unmix` that never happened, with figures like those of a real one.
enum MockRun {
  static let names = ["Vegetation", "Kaolinite", "Water <shallow> & \"clear\"", "Asphalt"]
  static let (lines, samples, bands) = (150, 180, 210)

  static var axis: SpectralAxis {
    let wavelengths = (0..<bands).map { 400 + 10 * Double($0) }
    let good = wavelengths.map { !(1340...1430).contains($0) && !(1800...1960).contains($0) && $0 < 2460 }
    return SpectralAxis(wavelengths: wavelengths, fwhm: wavelengths.map { _ in 10 }, good: good)
  }

  static func spectrum(_ index: Int, _ w: Double) -> Double {
    func bump(_ centre: Double, _ width: Double) -> Double { exp(-0.5 * pow((w - centre) / width, 2)) }
    func rise(_ centre: Double, _ width: Double) -> Double { 1 / (1 + exp(-(w - centre) / width)) }
    switch index {
    case 0:
      let water = 1 - 0.5 * bump(1450, 90) - 0.7 * bump(1940, 120)
      let cellulose = 1 - 0.45 * rise(2000, 250)
      return 0.04 + 0.06 * bump(550, 35) + 0.45 * rise(715, 15) * water * cellulose
    case 1: return (0.35 + 0.4 * rise(600, 150)) * (1 - 0.1 * bump(1400, 20) - 0.35 * bump(2205, 35))
    case 2: return 0.01 + 0.09 * bump(520, 90) * (1 - rise(700, 40))
    default: return 0.09 + 0.07 * rise(1200, 500)
    }
  }

  static var metadata: CubeMetadata {
    var metadata = CubeMetadata(bands: bands)
    metadata.axis = axis
    metadata.quantity = .reflectance
    metadata.sensor = "AVIRIS-like (simulated)"
    metadata.acquired = "2024-06-02T18:40:00Z"
    metadata.nodata = [Double?](repeating: -9999, count: bands)
    metadata.georeference = Georeference(
      crs: "PROJCRS[\"WGS 84 / UTM zone 10N\",BASEGEOGCRS[\"WGS 84\"]]",
      mapping: .affine([583_200, 15.5, 0, 4_145_800, 0, -15.5]))
    metadata.sources = ["wavelengths": .header, "quantity": .inferred]
    return metadata
  }

  /// Abundances N × K of smooth patches, with their places (a corner is nodata).
  static func abundances() -> (PixelMatrix, [Int32]) {
    var positions: [Int32] = []
    for i in 0..<lines { for j in 0..<samples where i + j > 40 { positions.append(Int32(i * samples + j)) } }
    let matrix = PixelMatrix(rows: positions.count, columns: 4)
    for (n, position) in positions.enumerated() {
      let (y, x) = (Double(Int(position) / samples), Double(Int(position) % samples))
      var weights = (0..<4).map { k -> Double in
        let (a, b) = (0.031 + 0.008 * Double(k), 0.045 - 0.006 * Double(k))
        let first = sin(a * x + 1.7 * Double(k))
        let second = cos(b * y + a * 0.6 * x + 2.3 * Double(k * k))
        return exp(4 * (first + second))
      }
      let sum = weights.reduce(0, +)
      weights = weights.map { $0 / sum }
      for k in 0..<4 { matrix[n, k] = Float(weights[k]) }
    }
    return (matrix, positions)
  }

  static func objective(_ iteration: Int) -> Double {
    let t = Double(iteration)
    return 420 + 21000 * exp(-t / 6) + 630 * exp(-t / 60)
  }

  static func report(context: RunContext = RunContext(threads: 2, seed: 7)) -> UnmixingReport {
    let (abundances, _) = abundances()
    let used = axis.goodBands
    let statistics = AbundanceStatistics.all(abundances)
    let endmembers = names.enumerated().map { index, name in
      let values = used.map { spectrum(index, axis.wavelengths![$0]) }
      return UnmixingBody.Endmember(
        index: index, name: name, spectrum: SceneChannel.spread(values, used: used, bands: bands),
        match: index == 3 ? nil : .init(name: "splib \(name)", sadRad: 0.031 * Double(index + 1)),
        pixel: PixelPosition(line: 31 * index + 12, sample: 80 + index),
        map: .init(x: 583_200.5 + 1000 * Double(index), y: 4_145_000.25), abundance: statistics[index])
    }
    let quality = used.map { band in
      band % 29 == 3 ? 0.04 : 1 - 0.25 * abs(sin(Double(band) * 1.3)) - 0.3 * exp(-Double(band) / 12)
    }
    context.warn("W-WL-UNITS", "wavelength units are missing; nanometres were inferred from the values")
    context.warn("W-NODATA", "820 pixels are nodata <left out>")
    var provenance = Provenance(
      arguments: [
        "hsi", "unmix", "/vsicurl/https://user:pw@example.org/jasper_ridge.hdr?X-Amz-Signature=abc&token=xyz",
        "abundances.tif", "--count", "4", "--html", "report page.html",
      ],
      options: ["count": "4", "method": "rrlbs", "iterations": "300", "seed": "7"], version: "0.1.0",
      build: "release, Swift 6.3", libraries: ["GDAL": "3.6.2", "OpenBLAS": "0.3.21", "FFTW": "3.3.10"],
      context: context, environment: ["SOURCE_DATE_EPOCH": "1700000000"])
    provenance.finish(context)
    provenance.host = .init(
      system: "Linux", architecture: "x86_64", processor: "Mock", cores: 2, memoryBytes: 8 << 30)
    let errors = (0..<1000).map { 0.004 + 0.00001 * Float($0) }
    return UnmixingReport(
      of: ReportScene(
        path: "scenes/jasper_ridge.dat", format: "ENVI",
        shape: CubeShape(lines: lines, samples: samples, bands: bands),
        usedBands: used.count, validPixels: abundances.rows, metadata: metadata),
      channels: SceneChannel.all(axis, used: used, quality: quality),
      body: UnmixingBody(
        method: ReportMethod(
          id: "rrlbs", name: "Robust representation and learning-based sparsity (RRLbS)", task: "blind",
          citation: "Zhu, Wang, Fan, Meng, Pan, arXiv 1409.0685",
          settings: ["lambda0": 0.1, "delta0": 1, "hMax": 0.8, "beta0": 10, "gamma0": 2, "unknown": .nan]),
        countSource: "HySime", endmembers: endmembers,
        convergence: .init(objective: (0...180).map(objective), converged: true),
        residual: UnmixingBody.Residual(errors)),
      outputs: [
        .init(path: "abundances.tif", content: "abundances"),
        .init(path: "endmembers.sli", content: "endmembers"),
        .init(path: "guidance.tif", content: "guidance map"),
      ], provenance: provenance)
  }

  static func figures(encode: PNGEncoder) throws -> UnmixingBody.Figures {
    let (abundances, positions) = abundances()
    var scene = RGBImage(width: samples, height: lines)
    for (n, position) in positions.enumerated() {
      for (c, w) in [650.0, 550, 470].enumerated() {
        let value = (0..<4).reduce(0.0) { $0 + Double(abundances[n, $1]) * spectrum($1, w) }
        scene.pixels[4 * Int(position) + c] = UInt8(min(255, 255 * pow(value / 0.45, 0.6)))
      }
      scene.pixels[4 * Int(position) + 3] = 255
    }
    let purity = (0..<abundances.rows).map { n in (abundances.row(n).max() ?? 0) * 0.7 }
    let rmse = (0..<abundances.rows).map { n in 0.004 + 0.012 * (1 - (abundances.row(n).max() ?? 0)) }
    return try UnmixingBody.Figures.make(
      scene: scene, sceneCaption: "650, 550, 470 nm", abundances: abundances, positions: positions,
      width: samples,
      height: lines, guidance: purity, rmse: rmse, encode: encode)
  }
}

/// PNG without compression, for tests that cannot reach the encoder of the raster room.
enum StoredPNG {
  static func encode(_ image: RGBImage) -> Data {
    var raw: [UInt8] = []
    for y in 0..<image.height {
      raw.append(0)
      raw += image.pixels[(4 * y * image.width)..<(4 * (y + 1) * image.width)]
    }
    var zlib: [UInt8] = [0x78, 0x01]
    for start in stride(from: 0, to: max(raw.count, 1), by: 65535) {
      let piece = raw[start..<min(raw.count, start + 65535)]
      let n = UInt16(piece.count)
      zlib += [
        start + 65535 >= raw.count ? 1 : 0, UInt8(n & 255), UInt8(n >> 8), UInt8(~n & 255), UInt8(~n >> 8),
      ]
      zlib += piece
    }
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in raw {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    zlib += bigEndian(b << 16 | a)
    var png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    let header = bigEndian(UInt32(image.width)) + bigEndian(UInt32(image.height)) + [8, 6, 0, 0, 0]
    for (type, body) in [("IHDR", header), ("IDAT", zlib), ("IEND", [])] {
      let chunk = Array(type.utf8) + body
      png += bigEndian(UInt32(body.count)) + chunk + bigEndian(crc(chunk))
    }
    return Data(png)
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
  }

  private static let table: [UInt32] = (0..<256).map { n in
    (0..<8).reduce(UInt32(n)) { c, _ in c & 1 == 1 ? 0xEDB8_8320 ^ (c >> 1) : c >> 1 }
  }

  private static func crc(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { table[Int(($0 ^ UInt32($1)) & 255)] ^ ($0 >> 8) }
  }
}
