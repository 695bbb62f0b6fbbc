import HSICore
import HSINumerics
import HSIRaster
import HSIReport
import HSISpectral

extension ProductName {
  /// Spectral indices, N × indices.
  public static let indices: ProductName = "indices"
}

/// Computes spectral indices of a scene, one band each.
///
/// ```swift
/// let job = IndexJob(scene: SceneRequest("scene.hdr"), output: "indices.tif", try IndexRequest.list("ndvi,b800/b670"))
/// let result = try job.run(RunContext())
/// ```
public struct IndexJob: Sendable {
  /// The scene.
  public var scene: SceneRequest
  /// The raster to write, float32.
  public var output: String
  /// What is computed, one band each.
  public var indices: [IndexRequest]
  /// Farthest that a band may be from the wavelength of a formula, in nm.
  public var distance = 15.0
  /// Full width at half maximum of Gaussian bands around the wavelengths of a formula, in nm; nil for nearest bands.
  public var fwhm: Double?
  /// How the raster is written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// Indices of a scene.
  public init(scene: SceneRequest, output: String, _ indices: [IndexRequest]) {
    (self.scene, self.output, self.indices) = (scene, output, indices)
  }

  /// Does the work.
  ///
  /// - Throws: the errors of opening and of writing; `SpectralError.noBand`, `CoreError.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    guard !indices.isEmpty else {
      throw CoreError.invalidParameter(
        name: "\(option: "index")", value: "nothing", requirement: "an index or a formula")
    }
    var sweep = try SceneSweep(
      scene, output: output,
      options: [
        "index": indices.map { $0.name == $0.formula.text ? $0.name : "\($0.name)=\($0.formula.text)" }.joined(
          separator: ","),
        "within": PlainNumber.rounded(distance), "fwhm": fwhm.map(PlainNumber.rounded) ?? "nearest bands",
      ], writing: writing, records: records, context)
    let bands = try IndexColumns(self, sweep.opened, context)
    // Only the bands that are needed are read; a pixel is no data where they say so.
    try sweep.use(bands: bands.needed)
    try sweep.check()
    var metadata = sweep.described(indices.map(\.name), .unknown)
    metadata.extra = [HeaderField("HSI_PRODUCT", "indices")]
    metadata.summary = indices.map { "\($0.name): \($0.formula.text)" }.joined(separator: "; ")
    let product = RasterProduct(.indices, path: output, content: "spectral indices", metadata: metadata)
    let count = indices.count
    let values = PixelMatrix(rows: 0, columns: count)
    let columns = PixelMatrix(rows: 0, columns: 0)
    var (valid, undefined) = (0, [Int](repeating: 0, count: count))
    var brightness = 0.0
    var run = try sweep.runSpectra(product, label: "indices", context) { strip in
      values.reshape(rows: strip.count, columns: count)
      for (place, request) in indices.enumerated() {
        bands.columns[place].apply(strip.pixels, into: columns)
        undefined[place] += request.formula.apply(columns, into: values.pointer + place, stride: count)
      }
      brightness += bands.brightness(strip.pixels)
      valid += strip.count
      return values
    }
    for (place, request) in indices.enumerated() where undefined[place] > 0 {
      context.warn(
        "W-INDEX-UNDEFINED",
        "\(request.name) is no number in \(undefined[place]) of \(valid) pixels (a division by 0, or a root or logarithm that there is "
          + "none of); they are no data")
    }
    warnOfScale(brightness / Double(max(valid, 1)), context)
    var outcome = try sweep.finish(&run, main: product)
    outcome.summary = count == 1 ? indices[0].name : "\(count) indices"
    return outcome
  }

  /// Formulas with constants are about reflectances from 0 to 1.
  private func warnOfScale(_ mean: Double, _ context: RunContext) {
    let absolute = indices.filter { !$0.formula.isHomogeneous }
    guard mean > 1.5, !absolute.isEmpty else { return }
    context.warn(
      "W-INDEX-SCALE",
      "\(absolute.map(\.name).joined(separator: ", ")) \(absolute.count == 1 ? "is" : "are") made for reflectances from 0 to 1, and the "
        + "values have a mean of \(PlainNumber.rounded((mean * 100).rounded() / 100)) (\(option: "scene scale") 0.0001 brings 0 to "
        + "10000 to 0 to 1)")
  }
}

/// The bands that a job's formulas need, as they stand in a source that offers those alone.
struct IndexColumns {
  /// 0-based bands of the file, ascending.
  let needed: [Int]
  /// For every index, the weights from the needed bands to the wavelengths of its formula.
  let columns: [BandWeights]

  init(_ job: IndexJob, _ opened: OpenScene, _ context: RunContext) throws {
    let offered = try opened.bands(default: .good)
    var axis = opened.metadata.axis.selecting(offered)
    // Bands that were named count, whatever the file thinks of them.
    if case .list? = job.scene.bands { axis.good = [Bool](repeating: true, count: axis.count) }
    let found = try job.indices.map { [axis] request in
      let bands = try IndexBands(
        request.formula.bands, of: axis, within: job.distance, fwhm: job.fwhm, named: request.name)
      let pairs = zip(request.formula.bands, bands.used).map { wanted, used in
        wanted == used
          ? "\(PlainNumber.rounded(wanted))" : "\(PlainNumber.rounded(wanted)) → \(PlainNumber.rounded(used))"
      }
      context.logger.info("\(request.name): bands at \(pairs.joined(separator: ", ")) nm")
      return bands
    }
    let all = Set(found.flatMap { bands in bands.needed.map { offered[$0] } }).sorted()
    let places = Dictionary(uniqueKeysWithValues: all.enumerated().map { ($1, $0) })
    needed = all
    columns = found.map { bands in
      var weights = Matrix<Double>(rows: all.count, columns: bands.weights.axis.count)
      for (row, band) in bands.needed.enumerated() {
        guard let place = places[offered[band]] else { continue }
        for column in 0..<weights.columns { weights[place, column] = bands.weights.weights[row, column] }
      }
      return BandWeights(weights, axis: bands.weights.axis)
    }
  }

  /// Number of pixels times the mean over some of them of their largest value: enough to tell 0…1 from 0…10000.
  func brightness(_ pixels: PixelMatrix) -> Double {
    guard pixels.rows > 0 else { return 0 }
    let step = max(1, pixels.rows / 256)
    var (sum, count) = (0.0, 0)
    for row in stride(from: 0, to: pixels.rows, by: step) {
      var most = -Double.infinity
      for band in 0..<pixels.columns { most = max(most, Double(pixels[row, band])) }
      sum += most
      count += 1
    }
    return sum / Double(count) * Double(pixels.rows)
  }
}
