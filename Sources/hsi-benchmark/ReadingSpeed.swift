import ArgumentParser
import Foundation
import HSIKit

/// `hsi-benchmark reading`: time from a file in the cache to pixels × bands in single precision, beside one copy of
/// the bytes that move (stored samples read, pixels written).
struct ReadingSpeed: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reading", abstract: "Time reading of ENVI and GeoTIFF cubes of uint16, strip by strip.")

  @Option(help: "Number of threads.") var threads = RunContext.availableThreads
  @Option(help: "Lines.") var lines = 512
  @Option(help: "Samples.") var samples = 614
  @Option(help: "Bands.") var bands = 224
  @Option(help: "Runs of each measurement; the shortest counts.") var runs = 5
  @Option(help: "Folder for the files, deleted afterwards.") var folder = NSTemporaryDirectory()

  func run() throws {
    Parallel.setThreads(threads)
    let limits = MachineLimits.measure()
    print(
      "uint16, \(lines) × \(samples) × \(bands), best of \(runs); bound: one copy of stored and converted bytes"
    )
    print(
      String(
        format: "limits on %d threads: copy %.1f GB/s, kernel level %d", limits.threads, limits.copy,
        limits.kernelLevel))
    let base = URL(fileURLWithPath: folder).appendingPathComponent("hsi-reading-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: base, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: base) }
    for interleave in Interleave.allCases {
      let path = base.appendingPathComponent("cube.\(interleave.rawValue)").path
      try writeENVI(path, interleave)
      try measure("ENVI \(interleave.rawValue)", path, limits)
    }
    let context = RunContext()
    for (name, creation) in [("uncompressed", ["COMPRESS=NONE"]), ("default codec", [])] {
      let path = base.appendingPathComponent("cube-\(creation.count).tif").path
      let source = try RasterFormats.open(base.appendingPathComponent("cube.bip").path, context: context)
      var options = OutputOptions()
      options.creationOptions = creation
      options.interleave = .bip
      let writer = try RasterFormats.create(
        path, shape: source.shape, type: .uint16, metadata: source.metadata, options: options,
        context: context)
      _ = try CubeCopy.run(
        from: source, window: source.shape.window, bands: Array(0..<bands), to: writer, context)
      try measure("GeoTIFF, \(name)", path, limits)
    }
  }

  private func measure(_ name: String, _ path: String, _ limits: MachineLimits) throws {
    let context = RunContext(threads: threads)
    let reader = try RasterFormats.open(path, context: context)
    let source = try FileSource(reader, context: context)
    let seconds = try bestTime(runs: runs) {
      try source.forEachStrip(context, label: "reading") { strip in
        guard strip.count > 0 else { throw CoreError.cannotWrite(path: path, reason: "no pixels were read") }
      }
    }
    let values = Double(lines * samples * bands)
    let result = Measurement(name, seconds: seconds, flops: 0, bytes: values * (2 + 4), limits)
    print(
      String(
        format: "%@ %8.1f ms  %6.0f MB/s stored   bound %6.1f ms   %3.0f %%",
        name.padding(toLength: 24, withPad: " ", startingAt: 0) as NSString, seconds * 1e3,
        2 * values / seconds / 1e6,
        result.bound * 1e3, result.fraction * 100))
  }

  private func writeENVI(_ path: String, _ interleave: Interleave) throws {
    let header = """
      ENVI
      samples = \(samples)
      lines = \(lines)
      bands = \(bands)
      header offset = 0
      data type = 12
      interleave = \(interleave.rawValue)
      byte order = 0

      """
    let count = lines * samples * bands
    var data = Data(count: 2 * count)
    data.withUnsafeMutableBytes { bytes in
      let values = bytes.bindMemory(to: UInt16.self)
      for i in 0..<count { values[i] = UInt16(truncatingIfNeeded: i &* 2_654_435_761 >> 16) }
    }
    try data.write(to: URL(fileURLWithPath: path))
    try Data(header.utf8).write(to: URL(fileURLWithPath: path + ".hdr"))
  }
}
