import Foundation
import HSIKit

/// What a Python package does in the place of ours, timed in a process of its own with as many threads.
struct PythonPeer {
  /// The package, for tables.
  var name: String
  /// Imports and what is made ready before the clock runs; NumPy is `np`, the scene `x` (lines × samples × bands, float32).
  var setup: String
  /// What is timed.
  var body: String

  /// The shortest time in some runs; nil where the package is not there.
  ///
  /// - Parameter values: further lists of numbers, by name.
  func seconds(_ python: String, _ scene: Cube, _ values: [String: [Double]] = [:], runs: Int, threads: Int) throws
    -> Double?
  {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-peer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("x.raw")
    try Data(bytes: scene.pixels.pointer, count: 4 * scene.count * scene.shape.bands).write(to: file)
    let lists = values.sorted { $0.key < $1.key }.map { name, list in
      "\(name) = np.array([\(list.map { "\($0)" }.joined(separator: ","))])"
    }
    let script = """
      import time, warnings
      import numpy as np
      warnings.filterwarnings("ignore")
      x = np.fromfile("\(file.path)", np.float32).reshape(\(scene.shape.lines), \(scene.shape.samples), \(scene.shape.bands))
      \(lists.joined(separator: "\n"))
      \(setup)
      best = 1e9
      for _ in range(\(min(runs, 3))):
          start = time.perf_counter()
          \(body)
          best = min(best, time.perf_counter() - start)
      print(best)
      """
    let path = folder.appendingPathComponent("peer.py")
    try Data(script.utf8).write(to: path)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = [path.path]
    var environment = ProcessInfo.processInfo.environment
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] { environment[name] = "\(threads)" }
    process.environment = environment
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self).split(separator: "\n").last.flatMap { Double($0) }
  }
}
