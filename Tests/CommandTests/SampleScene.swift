import Foundation

/// A small simulated scene and damaged variants of it, made once for all suites and deleted at exit.
enum SampleScene {
  /// Lines, samples, bands and endmembers.
  static let (lines, samples, bands, endmembers) = (24, 20, 60, 3)

  /// The folder that holds `s.dat` with its truth, and the variants; nil where it could not be made.
  static let folder: URL? = {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-scene-" + UUID().uuidString)
    do {
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      path = url.path
      atexit { if let path = SampleScene.path { try? FileManager.default.removeItem(atPath: path) } }
      let line = "simulate scene s.dat --rows 24 --cols 20 --endmembers 3 --bands 60 --snr 35 --seed 3"
      guard try Tool.run(line.split(separator: " ").map(String.init), in: url).status == 0 else { return nil }
      try makeVariants(in: url)
      return url
    } catch {
      return nil
    }
  }()

  nonisolated(unsafe) private static var path: String?

  /// A fresh folder with the scenes under `in` and an empty folder `o`.
  static func workplace() throws -> TemporaryFolder {
    guard let scenes = folder else { throw CocoaError(.fileNoSuchFile) }
    let place = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(
      at: place.url.appendingPathComponent("in"), withDestinationURL: scenes)
    try FileManager.default.createDirectory(
      at: place.url.appendingPathComponent("o"), withIntermediateDirectories: true)
    return place
  }

  /// The float32 samples of a raw file.
  static func floats(_ url: URL) throws -> [Float] {
    let data = try Data(contentsOf: url)
    return [Float](unsafeUninitializedCapacity: data.count / 4) { buffer, count in
      count = data.copyBytes(to: buffer) / 4
    }
  }

  private static func makeVariants(in folder: URL) throws {
    let header = try String(contentsOf: folder.appendingPathComponent("s.hdr"), encoding: .utf8)
    let values = try floats(folder.appendingPathComponent("s.dat"))
    let pixels = lines * samples
    func add(_ name: String, _ header: String, _ values: [Float]) throws {
      try Data(header.utf8).write(to: folder.appendingPathComponent(name + ".hdr"))
      try values.withUnsafeBytes { try Data($0).write(to: folder.appendingPathComponent(name + ".dat")) }
    }
    func replacing(_ a: String, _ b: String) -> String { header.replacingOccurrences(of: a, with: b) }

    try add("nan", header, values.map { _ in .nan })
    try add("constant", header, values.map { _ in 0.3 })
    try add("zero", header, values.map { _ in 0 })
    var spots = values
    spots[5 * pixels + 3 * samples + 4] = .nan
    spots[7 * pixels + 3 * samples + 5] = .infinity
    for band in 0..<bands { spots[band * pixels + 10 * samples + 10] = .nan }
    try add("spots", header, spots)
    // Everything is no data but two (or seven) pixels.
    let declared = replacing("default bands", "data ignore value = -9999\ndefault bands")
    for count in [2, 7] {
      try add(
        "few\(count)", declared,
        values.indices.map { (60..<(60 + count)).contains($0 % pixels) ? values[$0] : -9999 })
    }
    try add("negative", replacing("lines = 24", "lines = -4"), values)
    try add("huge", replacing("lines = 24", "lines = 9223372036854775807"), values)
    try add("zerolines", replacing("lines = 24", "lines = 0"), values)
    try add("nobands", replacing("bands = 60\n", ""), values)
    try add("type99", replacing("data type = 4", "data type = 99"), values)
    try add("short", header, Array(values.prefix(values.count / 2)))
    try add("long", header, values + [1, 2, 3])
    try add("empty", header, [])
    // No units, and numbers that fit none: neither nm nor µm.
    let start = replacing("wavelength units = Nanometers\n", "").components(separatedBy: "wavelength = {")
    if let rest = start.last?.split(separator: "}", maxSplits: 1).last {
      let list = (0..<bands).map { "\(50 + $0)" }.joined(separator: ", ")
      try add("nounits", start[0] + "wavelength = {" + list + "}" + rest, values)
    }

    let table = try String(contentsOf: folder.appendingPathComponent("s_endmembers.csv"), encoding: .utf8)
      .split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
    func spectra(_ name: String, _ rows: [[String]]) throws {
      try Data(rows.map { $0.joined(separator: ",") + "\n" }.joined().utf8)
        .write(to: folder.appendingPathComponent(name + ".csv"))
    }
    try spectra(
      "far", [table[0]] + table.dropFirst().map { ["\(30 * (Double($0[0]) ?? 0))"] + $0.dropFirst() })
    try spectra("forty", table.prefix(41).map { Array($0.dropFirst()) })
    try spectra("gap", [table[0]] + table.dropFirst().map { [$0[0], "nan"] + $0.dropFirst(2) })
    try spectra("header", [table[0]])
    try Data().write(to: folder.appendingPathComponent("empty.csv"))

    let junk: [(String, [UInt8])] = [
      ("junk.tif", [0x49, 0x49, 0x2A, 0] + [UInt8](repeating: 255, count: 200)), ("nothing.tif", []),
      ("junk.mat", Array("MATLAB 5.0 MAT-file".utf8) + [UInt8](repeating: 0, count: 200)),
      ("junk.h5", [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0]),
      ("junk.npy", [0x93] + Array("NUMPY".utf8) + [1, 0]), ("junk.txt", Array("hello\n".utf8)),
    ]
    for (name, bytes) in junk { try Data(bytes).write(to: folder.appendingPathComponent(name)) }
  }
}
