import Foundation
import HSIKit

/// A scene that is hard on strips: an ENVI file of int16 with wavelengths and a place on the map.
struct MemoryScene {
  let name: String
  let samples: Int
  let bands: Int
  let interleave: String
  /// A file of holes behind its first lines, which reads as zeros and takes no room on the disk.
  var isSparse = false

  static let all = [
    MemoryScene(name: "narrow", samples: 64, bands: 128, interleave: "bsq"),
    MemoryScene(name: "usual", samples: 1000, bands: 224, interleave: "bil"),
    MemoryScene(name: "wide", samples: 20_000, bands: 128, interleave: "bil"),
    MemoryScene(name: "endless", samples: 400_000, bands: 128, interleave: "bip"),
    MemoryScene(name: "deep", samples: 256, bands: 2000, interleave: "bsq"),
    MemoryScene(name: "huge", samples: 8192, bands: 96, interleave: "bil", isSparse: true),
  ]

  /// Writes `scene.dat`, its header, `labels.dat` (three classes on the first lines) and `library.csv`, and returns the shape.
  func write(in folder: String, bytes: Int) throws -> CubeShape {
    let lines = max(2, bytes / (2 * samples * bands))
    let header = """
      ENVI
      samples = \(samples)
      lines = \(lines)
      bands = \(bands)
      header offset = 0
      data type = 2
      interleave = \(interleave)
      byte order = 0
      reflectance scale factor = 10000
      data ignore value = -32768
      map info = {UTM, 1, 1, 580000, 4120000, 20, 20, 11, North, WGS-84}
      wavelength units = Nanometers
      wavelength = {\((0..<bands).map { String(format: "%.3f", wavelength($0)) }.joined(separator: ", "))}

      """
    try Data(header.utf8).write(to: URL(fileURLWithPath: folder + "/scene.hdr"))
    try writeSamples(folder + "/scene.dat", lines: lines)
    try writeLabels(folder, lines: lines)
    var table = "wavelength,m1,m2,m3,m4\n"
    for b in 0..<bands {
      table += String(format: "%.3f", wavelength(b))
      for m in 0..<4 { table += String(format: ",%.5f", spectrum(m, b) / 10_000) }
      table += "\n"
    }
    try Data(table.utf8).write(to: URL(fileURLWithPath: folder + "/library.csv"))
    return CubeShape(lines: lines, samples: samples, bands: bands)
  }

  private func wavelength(_ band: Int) -> Double { 400 + 2000 * Double(band) / Double(bands) }

  /// Reflectance × 10 000 of a material.
  private func spectrum(_ material: Int, _ band: Int) -> Double {
    let x = Double(band) / Double(bands)
    return 2500 + 800 * Double(material) + 1500 * sin(x * (4 + 3 * Double(material)) + Double(material))
  }

  /// Mixtures of four materials whose shares change along and across the scene, and noise. One row of a band is made at a time.
  private func writeSamples(_ path: String, lines: Int) throws {
    guard let file = fopen(path, "wb") else { throw CoreError.cannotWrite(path: path, reason: "it cannot be opened") }
    defer { fclose(file) }
    let noise = noiseTable()
    let whole = lines * samples * bands * 2
    let written = isSparse ? min(lines, 64) : lines
    func put(_ numbers: [Int16], at place: Int) throws {
      let isDone = numbers.withUnsafeBytes { bytes in
        fseeko(file, place, SEEK_SET) == 0 && fwrite(bytes.baseAddress, 1, bytes.count, file) == bytes.count
      }
      guard isDone else { throw CoreError.diskFull(path: path) }
    }
    if interleave == "bip" {
      let wide = 4096
      for line in 0..<written {
        for left in stride(from: 0, to: samples, by: wide) {
          let width = min(wide, samples - left)
          var numbers = [Int16](repeating: 0, count: width * bands)
          for b in 0..<bands {
            let row = row(line, b, left..<(left + width), noise)
            for s in 0..<width { numbers[s * bands + b] = row[s] }
          }
          try put(numbers, at: 2 * bands * (line * samples + left))
        }
      }
    } else if interleave == "bil" {
      for line in 0..<written {
        for b in 0..<bands { try put(row(line, b, 0..<samples, noise), at: 2 * samples * (line * bands + b)) }
      }
    } else {
      for b in 0..<bands {
        for line in 0..<written { try put(row(line, b, 0..<samples, noise), at: 2 * samples * (b * lines + line)) }
      }
    }
    fflush(file)
    guard ftruncate(fileno(file), whole) == 0 else { throw CoreError.diskFull(path: path) }
  }

  private func noiseTable() -> [Double] {
    var random = CounterRandom(seed: 1)
    return (0..<4096).map { _ in 40 * random.normal() }
  }

  private func row(_ line: Int, _ band: Int, _ range: Range<Int>, _ noise: [Double]) -> [Int16] {
    let materials = (0..<4).map { spectrum($0, band) }
    let shift = (line &* 7919 &+ band &* 104_729) & 4095
    return range.map { s in
      // Patches of nearly pure materials with mixtures between them.
      let u = Double((s + 3 * line) % 97) / 97
      let v = Double((s / 5 + line) % 61) / 61
      let shares = ((1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v)
      let value =
        shares.0 * materials[0] + shares.1 * materials[1] + shares.2 * materials[2] + shares.3 * materials[3]
      return Int16(clamping: Int(value + noise[(s &* 31 &+ shift) & 4095]))
    }
  }

  /// Three classes on pixels of the first lines, for training; the rest has none.
  private func writeLabels(_ folder: String, lines: Int) throws {
    let path = folder + "/labels.dat"
    guard let file = fopen(path, "wb") else { throw CoreError.cannotWrite(path: path, reason: "it cannot be opened") }
    defer { fclose(file) }
    let known = min(64, lines)
    for line in 0..<known {
      let row = (0..<samples).map { s -> UInt8 in
        // A few thousand labelled pixels in all.
        guard s < 64 || s % max(1, samples / 64) == 0 else { return 0 }
        return UInt8(1 + ((s + 3 * line) % 97) / 33)
      }
      guard fwrite(row, 1, row.count, file) == row.count else { throw CoreError.diskFull(path: path) }
    }
    fflush(file)
    guard ftruncate(fileno(file), lines * samples) == 0 else { throw CoreError.diskFull(path: path) }
    let header = """
      ENVI
      samples = \(samples)
      lines = \(lines)
      bands = 1
      header offset = 0
      data type = 1
      interleave = bsq
      byte order = 0
      map info = {UTM, 1, 1, 580000, 4120000, 20, 20, 11, North, WGS-84}

      """
    try Data(header.utf8).write(to: URL(fileURLWithPath: folder + "/labels.hdr"))
  }
}
