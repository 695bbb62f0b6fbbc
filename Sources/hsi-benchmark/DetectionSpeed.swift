import ArgumentParser
import Foundation
import HSIKit

/// `hsi-benchmark detection`: time of detectors, their backgrounds included, on a simulated scene in memory.
struct DetectionSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detection",
    abstract: "Time detectors and clustering on a simulated 307 × 307 × 162 scene, background included.")

  @Option(help: "Number of threads.") var threads = RunContext.availableThreads
  @Option(help: "Lines and samples of the scene.") var size = 307
  @Option(help: "Bands of the scene.") var bands = 162
  @Option(help: "Runs of each measurement; the shortest counts.") var runs = 5
  @Option(help: "Measure only methods whose name has this text.") var only: String?
  @Option(help: "Python with spectral and scikit-learn, to run the peers.") var python: String?

  /// Python in the place of ours: `t` is the target, `many` five hundred spectra.
  private static let peers: [String: PythonPeer] = [
    "mf": PythonPeer(
      name: "spectral", setup: "import spectral", body: "spectral.matched_filter(x, t, spectral.calc_stats(x))"),
    "ace": PythonPeer(
      name: "spectral", setup: "import spectral", body: "spectral.ace(x, t, background=spectral.calc_stats(x))"),
    "rx": PythonPeer(
      name: "spectral", setup: "import spectral", body: "spectral.rx(x, background=spectral.calc_stats(x))"),
    "sam": PythonPeer(
      name: "spectral", setup: "import spectral", body: "spectral.spectral_angles(x, t[None])"),
    "sam, 500 spectra": PythonPeer(
      name: "spectral",
      setup: "import spectral; m = np.stack([t * (1 + 0.1 * (k % 7)) + 0.001 * k for k in range(500)])",
      body: "spectral.spectral_angles(x, m)"),
    "k-means, 10 clusters, 20 rounds": PythonPeer(
      name: "scikit-learn", setup: "from sklearn.cluster import KMeans",
      body: "KMeans(10, n_init=1, max_iter=20, tol=0, random_state=0).fit(x.reshape(-1, x.shape[2]))"),
  ]

  func run() throws {
    Parallel.setThreads(threads)
    let limits = MachineLimits.measure()
    let scene = SpeedScene(size: size, bands: bands, endmembers: 4, runs: runs, threads: threads)
    print("scene \(scene.cube.shape), best of \(runs)")
    print(
      String(
        format: "limits on %d threads: sgemm %.0f GFLOP/s, copy %.1f GB/s, kernel level %d", limits.threads,
        limits.sgemm, limits.copy, limits.kernelLevel))
    let (n, l) = (Double(scene.cube.count), Double(scene.cube.shape.bands))
    let one = SpectralLibrary(
      names: ["t"], axis: SpectralAxis(count: bands), values: Array(scene.endmembers.values.prefix(bands)))
    func show(
      _ name: String, flops: Double, bytes: Double = 2 * scene.bytes, runs: Int = runs, _ work: () throws -> Void
    ) throws {
      guard only.map({ name.contains($0) }) ?? true else { return }
      let result = Measurement(
        name, seconds: try bestTime(runs: runs, work), flops: flops, bytes: bytes, limits)
      var line = String(
        format: "%@ %9.2f ms   bound %7.2f ms   %3.0f %%",
        name.padding(toLength: 34, withPad: " ", startingAt: 0) as NSString, result.seconds * 1e3, result.bound * 1e3,
        result.fraction * 100)
      if let python, let peer = DetectionSpeed.peers[name],
        let seconds = try peer.seconds(python, scene.cube, ["t": one.values], runs: runs, threads: threads)
      {
        line += String(
          format: "   %@ %.0f ms (%.1f ×)", peer.name as NSString, seconds * 1e3, seconds / result.seconds)
      }
      print(line)
    }
    let square = n * l * (l + 1)
    func target(
      _ type: any TargetDetector.Type, _ library: SpectralLibrary, flops: Double, bytes: Double = 2 * scene.bytes
    ) throws {
      let name = type.description.id + (library.count > 1 ? ", \(library.count) spectra" : "")
      try show(name, flops: flops, bytes: bytes) {
        let made = try type.init(library, in: scene.cube, MethodParameters([:], for: type.description), scene.context)
        try made.detect(in: scene.cube, scene.context) { _ in }
      }
    }
    func anomaly(_ type: any AnomalyDetector.Type, flops: Double, runs: Int) throws {
      try show(type.description.id, flops: flops, runs: runs) {
        let made = try type.init(in: scene.cube, MethodParameters([:], for: type.description), scene.context)
        try made.detect(in: scene.cube, scene.context) { _ in }
      }
    }
    try target(MatchedFilter.self, one, flops: square + 2 * n * l)
    try target(CEM.self, one, flops: square + 2 * n * l)
    try target(ACE.self, one, flops: square + 2 * n * l * (l + 1))
    try target(MTMF.self, one, flops: square + 2 * n * l * (l + 1))
    try target(MatchedSubspace.self, one, flops: square + 2 * n * l * l)
    let many = SpectralLibrary(
      names: (0..<500).map { "\($0)" }, axis: SpectralAxis(count: bands),
      values: (0..<500).flatMap { k -> [Double] in
        let (factor, offset) = (1 + 0.1 * Double(k % 7), 0.001 * Double(k))
        return one.values.map { $0 * factor + offset }
      })
    try target(SpectralAngleDetector.self, one, flops: 2 * n * l, bytes: scene.bytes)
    try target(SpectralAngleDetector.self, many, flops: 2 * n * l * 500, bytes: scene.bytes)
    try target(SpectralDivergenceDetector.self, one, flops: 4 * n * l, bytes: scene.bytes)
    try anomaly(RX.self, flops: square + 2 * n * l * l, runs: runs)
    try anomaly(ClusterRX.self, flops: square + 2 * n * l * (20 * 5 + 5 * l), runs: runs)
    let products: Double = 2 * 26 * l * l
    let factor: Double = l * l * l / 3
    try anomaly(LocalRX.self, flops: n * (products + factor), runs: 1)
    try show("k-means, 10 clusters, 20 rounds", flops: 20 * 2 * n * l * 10, bytes: 20 * scene.bytes) {
      _ = try KMeans(scene.cube, count: 10, iterations: 20, tolerance: 0, scene.context)
    }
  }
}
