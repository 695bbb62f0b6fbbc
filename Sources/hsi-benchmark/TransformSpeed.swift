import ArgumentParser
import Foundation
import HSIKit

/// `hsi-benchmark transforms`: time of what is done to the spectra of every pixel, beside the Python packages `spectral` and scikit-learn.
struct TransformSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "transforms",
    abstract: "Time continuum removal, resampling, components, filters and indices on a 307 × 307 × 162 scene.")

  @Option(help: "Number of threads.") var threads = RunContext.availableThreads
  @Option(help: "Lines and samples of the scene.") var size = 307
  @Option(help: "Bands of the scene.") var bands = 162
  @Option(help: "Runs of each measurement; the shortest counts.") var runs = 5
  @Option(help: "Measure only what has this text in its name.") var only: String?
  @Option(help: "Python with spectral and scikit-learn, to run the peers.") var python: String?
  @Flag(help: "Print JSON.") var json = false

  private struct Row: Encodable {
    var measurement: Measurement
    /// Seconds of the peer.
    var peer: Double?
    var peerName: String?

    init(_ measurement: Measurement) { self.measurement = measurement }
  }

  /// The scene of the unmixing table, with the bands of an imaging spectrometer.
  private func scene() -> Cube {
    let plain = SpeedScene(size: size, bands: bands, endmembers: 4, runs: runs, threads: threads).cube
    var metadata = plain.metadata
    let step = 2100 / Double(max(1, bands - 1))
    metadata.axis = SpectralAxis(
      wavelengths: (0..<bands).map { 400 + step * Double($0) }, fwhm: [Double](repeating: 6, count: bands))
    return Cube(shape: plain.shape, metadata: metadata, pixels: plain.pixels, positions: plain.positions)
  }

  func run() throws {
    Parallel.setThreads(threads)
    let limits = MachineLimits.measure()
    let scene = scene()
    let context = RunContext(threads: threads)
    let (n, l) = (Double(scene.count), Double(bands))
    let result = PixelMatrix(rows: 0, columns: 0)
    var rows: [Row] = []
    func measure(_ name: String, flops: Double, out: Double, peer: String? = nil, _ body: () throws -> Void) throws {
      guard only.map({ name.contains($0) }) ?? true else { return }
      let seconds = try bestTime(runs: runs, body)
      var row = Row(Measurement(name, seconds: seconds, flops: flops, bytes: 4 * n * (l + out), limits))
      if let peer, let python {
        (row.peer, row.peerName) = (try self.peer(python, peer, scene), TransformSpeed.peers[peer]?.name)
      }
      rows.append(row)
    }
    func fit(_ name: String, _ components: Int?, _ values: [String: Double] = [:]) throws -> FittedTransform {
      let type = try Transforms.all.entry(name)
      return try type.init(MethodParameters(values, for: type.description)).fit(scene, components: components, context)
    }
    let continuum = try fit("continuum", nil)
    try measure("continuum removal", flops: 10 * n * l, out: l, peer: "continuum") {
      _ = continuum.apply(scene.pixels, result)
    }
    let features = try AbsorptionTransform([2100...2300]).fit(scene)
    try measure("one absorption feature", flops: 0, out: 5) { _ = features.apply(scene.pixels, result) }
    guard let enmap = SensorTable.named("enmap") else { return }
    let bandsOf = try BandResolution(
      from: scene.metadata.axis, to: .bands(enmap.axis), interpolating: false, named: "enmap")
    let kept = Double(bandsOf.kept.count)
    try measure("resampling to \(bandsOf.kept.count) bands of enmap", flops: 4 * n * kept, out: kept, peer: "resample")
    {
      bandsOf.weights.apply(scene.pixels, into: result)
    }
    let products = n * l * (l + 1)
    try measure("pca, fit and 10 components", flops: products + 20 * n * l, out: 10, peer: "pca") {
      _ = try fit("pca", 10).apply(scene.pixels, result)
    }
    try measure("mnf, fit and 10 components", flops: 2 * products + 20 * n * l, out: 10, peer: "mnf") {
      _ = try fit("mnf", 10).apply(scene.pixels, result)
    }
    try measure("mnf by regression, 10 components", flops: products + 20 * n * l, out: 10) {
      _ = try fit("mnf", 10, ["noise": 1]).apply(scene.pixels, result)
    }
    let all = try fit("pca", nil)
    try measure("\(bands) components, applied", flops: 2 * n * l * l, out: l) { _ = all.apply(scene.pixels, result) }
    try measure("ica, fit and 10 components", flops: products, out: 10, peer: "ica") {
      _ = try fit("ica", 10).apply(scene.pixels, result)
    }
    let filter = try fit("savgol", nil)
    try measure("savgol, 9 bands", flops: 18 * n * l, out: l, peer: "savgol") { _ = filter.apply(scene.pixels, result) }
    let unit = try fit("normalise", nil)
    try measure("unit length", flops: 3 * n * l, out: l) { _ = unit.apply(scene.pixels, result) }
    try report(rows, scene.shape, limits)
  }

  private func report(_ rows: [Row], _ shape: CubeShape, _ limits: MachineLimits) throws {
    if json {
      struct Report: Encodable {
        var scene: CubeShape
        var limits: MachineLimits
        var rows: [Row]
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      print(String(decoding: try encoder.encode(Report(scene: shape, limits: limits, rows: rows)), as: UTF8.self))
      return
    }
    print("scene \(shape), best of \(runs)")
    print(
      String(
        format: "limits on %d threads: sgemm %.0f GFLOP/s, copy %.1f GB/s, kernel level %d", limits.threads,
        limits.sgemm, limits.copy, limits.kernelLevel))
    for row in rows {
      let name = row.measurement.name.padding(toLength: 34, withPad: " ", startingAt: 0)
      var line = String(
        format: "%@ %9.2f ms   bound %7.2f ms   %3.0f %%", name as NSString, row.measurement.seconds * 1e3,
        row.measurement.bound * 1e3, row.measurement.fraction * 100)
      if let peer = row.peer, let name = row.peerName {
        line += String(format: "   %@ %.0f ms (%.1f ×)", name as NSString, peer * 1e3, peer / row.measurement.seconds)
      }
      print(line)
    }
  }

  // MARK: - Peers

  /// What Python does in the place of ours, on `x` (lines × samples × bands, float32), `w`, `e` and `f` (centres of scene and EnMAP, widths of EnMAP).
  private static let peers: [String: PythonPeer] = [
    "continuum": PythonPeer(
      name: "spectral", setup: "from spectral.algorithms.continuum import remove_continuum",
      body: "remove_continuum(x, w)"),
    "resample": PythonPeer(
      name: "spectral",
      setup:
        "from spectral import BandResampler; r = BandResampler(w, e, np.full(len(w), 6.0), f).matrix.astype(np.float32); r[~np.isfinite(r)] = 0",
      body: "x.reshape(-1, x.shape[2]) @ r.T"),
    "pca": PythonPeer(
      name: "scikit-learn", setup: "from sklearn.decomposition import PCA",
      body: "PCA(10).fit_transform(x.reshape(-1, x.shape[2]))"),
    "mnf": PythonPeer(
      name: "spectral", setup: "import spectral",
      body: "spectral.mnf(spectral.calc_stats(x), spectral.noise_from_diffs(x)).reduce(x, num=10)"),
    "ica": PythonPeer(
      name: "scikit-learn", setup: "from sklearn.decomposition import FastICA",
      body: "FastICA(10, random_state=0, whiten='unit-variance').fit_transform(x.reshape(-1, x.shape[2]))"),
    "savgol": PythonPeer(
      name: "SciPy", setup: "from scipy.signal import savgol_filter",
      body: "savgol_filter(x, 9, 2, axis=2)"),
  ]

  /// The shortest time of a peer in as many runs, at most three.
  private func peer(_ python: String, _ id: String, _ scene: Cube) throws -> Double? {
    guard let peer = TransformSpeed.peers[id], let enmap = SensorTable.named("enmap") else { return nil }
    let values = [
      "w": scene.metadata.axis.wavelengths ?? [], "e": enmap.wavelengths, "f": enmap.fwhm ?? [],
    ]
    return try peer.seconds(python, scene, values, runs: runs, threads: threads)
  }
}
