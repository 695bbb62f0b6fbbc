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

  /// What Python does in the place of ours, on `x` (lines × samples × bands, float32), `w` and `e` (centres of scene and EnMAP).
  private static let peers: [String: (name: String, setup: String, body: String)] = [
    "continuum": (
      "spectral", "from spectral.algorithms.continuum import remove_continuum", "remove_continuum(x, w)"
    ),
    "resample": (
      "spectral",
      "from spectral import BandResampler; r = BandResampler(w, e[0], np.full(len(w), 6.0), e[1]).matrix.astype(np.float32); r[~np.isfinite(r)] = 0",
      "x.reshape(-1, x.shape[2]) @ r.T"
    ),
    "pca": (
      "scikit-learn", "from sklearn.decomposition import PCA", "PCA(10).fit_transform(x.reshape(-1, x.shape[2]))"
    ),
    "mnf": (
      "spectral", "import spectral",
      "spectral.mnf(spectral.calc_stats(x), spectral.noise_from_diffs(x)).reduce(x, num=10)"
    ),
    "ica": (
      "scikit-learn", "from sklearn.decomposition import FastICA",
      "FastICA(10, random_state=0, whiten='unit-variance').fit_transform(x.reshape(-1, x.shape[2]))"
    ),
    "savgol": ("SciPy", "from scipy.signal import savgol_filter", "savgol_filter(x, 9, 2, axis=2)"),
  ]

  /// The shortest time of a peer in as many runs, at most three.
  private func peer(_ python: String, _ id: String, _ scene: Cube) throws -> Double? {
    guard let peer = TransformSpeed.peers[id], let enmap = SensorTable.named("enmap") else { return nil }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-peer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("x.raw")
    try Data(bytes: scene.pixels.pointer, count: 4 * scene.count * bands).write(to: file)
    func list(_ values: [Double]) -> String { "np.array([\(values.map { "\($0)" }.joined(separator: ","))])" }
    let script = """
      import time, warnings
      import numpy as np
      warnings.filterwarnings("ignore")
      x = np.fromfile("\(file.path)", np.float32).reshape(\(scene.shape.lines), \(scene.shape.samples), \(bands))
      w = \(list(scene.metadata.axis.wavelengths ?? []))
      e = (\(list(enmap.wavelengths)), \(list(enmap.fwhm ?? [])))
      \(peer.setup)
      best = 1e9
      for _ in range(\(min(runs, 3))):
          start = time.perf_counter()
          \(peer.body)
          best = min(best, time.perf_counter() - start)
      print(best)
      """
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = ["-c", script]
    var environment = ProcessInfo.processInfo.environment
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] { environment[name] = "\(threads)" }
    process.environment = environment
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
    return lines.last.flatMap { Double($0) }
  }
}
