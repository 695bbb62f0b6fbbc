import Foundation
import HSIKit

/// A clean scene that restoration is measured on.
struct CleanScene {
  let name, path: String
  let variable: String?
  /// Lines and samples of files that hold a matrix bands × pixels, its pixels running down the columns of the image.
  var size: (lines: Int, samples: Int)?

  /// Scenes that no weights were trained on and no constant was chosen on.
  static let keptOut = [
    CleanScene(name: "CAVE feathers", path: "cave/testMSI_1.mat", variable: nil),
    CleanScene(name: "CAVE toys", path: "cave/testMSI_2_150.mat", variable: nil),
    CleanScene(name: "Pavia University", path: "pavia-university-crop/paviaU_subimg.mat", variable: nil),
    CleanScene(name: "Reno", path: "reno/Reno150-150-100.mat", variable: nil),
    CleanScene(name: "Indian Pines (simulated)", path: "simu-indian/simu_indian.mat", variable: nil),
  ]

  /// Scenes that constants of classical methods are chosen on.
  static let tuning = [
    CleanScene(name: "Samson", path: "samson/samson_1.mat", variable: "V", size: (95, 95)),
    CleanScene(name: "Urban", path: "hydice-urban/HYDICE_162.mat", variable: "data"),
    CleanScene(name: "Moffett", path: "moffett/moffett.mat", variable: "Y", size: (50, 50)),
    CleanScene(name: "Salinas-A", path: "salinas-a/SalinasA_corrected.mat", variable: nil),
    CleanScene(name: "AVIRIS-90", path: "aviris-90/a_hsi_img_for_VI_demo.mat", variable: "hsi_img"),
    CleanScene(name: "Gulfport", path: "muufl-crops/an_hsi_image_sub_for_demo.mat", variable: "hsi_img_sub"),
  ]

  /// Four more scenes, for comparisons beside `keptOut`; constants of classical methods were chosen on three of them.
  static let further = [
    CleanScene(name: "AVIRIS-90", path: "aviris-90/a_hsi_img_for_VI_demo.mat", variable: "hsi_img"),
    CleanScene(name: "Airport", path: "aviris-anomaly/abu-airport-2.mat", variable: "hsi"),
    CleanScene(name: "Urban", path: "hydice-urban/HYDICE_162.mat", variable: "data"),
    CleanScene(name: "Salinas-A", path: "salinas-a/SalinasA_corrected.mat", variable: nil),
  ]

  /// The scene in [0, 1].
  ///
  /// - Parameter side: most lines and samples, cut from the middle and brought to multiples of `multiple`; nil for all of it.
  func load(_ data: String, side: Int? = nil, multiple: Int = 1, _ context: RunContext) throws -> Cube {
    var cube = try read(data, context)
    if let side {
      let (lines, samples) = (
        min(side, cube.shape.lines) / multiple * multiple, min(side, cube.shape.samples) / multiple * multiple
      )
      cube = CleanScene.middle(of: cube, lines: lines, samples: samples)
    }
    var extent = DataRange.Accumulator()
    extent.add(cube.pixels)
    let range = try extent.range()
    let pixels = PixelMatrix(rows: cube.count, columns: cube.shape.bands)
    for i in 0..<(cube.count * cube.shape.bands) {
      pixels.pointer[i] = (cube.pixels.pointer[i] - Float(range.low)) / Float(range.width)
    }
    return Cube(shape: cube.shape, metadata: cube.metadata, pixels: pixels, positions: cube.positions)
  }

  private func read(_ data: String, _ context: RunContext) throws -> Cube {
    guard let size else {
      var options = OpenOptions()
      options.variable = variable
      let reader = try RasterFormats.open(data + "/" + path, options: options, context: context)
      return try FileSource(reader, SelectionOptions(), context: context).load(context)
    }
    let array = try MATLABArray(path: data + "/" + path, variable: variable ?? "")
    let bands = array.values.count / (size.lines * size.samples)
    let pixels = PixelMatrix(rows: size.lines * size.samples, columns: bands)
    for line in 0..<size.lines {
      for sample in 0..<size.samples {
        for b in 0..<bands {
          pixels[line * size.samples + sample, b] = Float(array.values[(sample * size.lines + line) * bands + b])
        }
      }
    }
    return Cube(lines: size.lines, samples: size.samples, pixels: pixels)
  }

  /// The middle of a cube; missing pixels stay missing.
  private static func middle(of cube: Cube, lines: Int, samples: Int) -> Cube {
    let (top, left) = ((cube.shape.lines - lines) / 2, (cube.shape.samples - samples) / 2)
    let bands = cube.shape.bands
    var (rows, positions): ([Int], [Int32]) = ([], [])
    for (row, place) in cube.positions.enumerated() {
      let (line, sample) = (Int(place) / cube.shape.samples - top, Int(place) % cube.shape.samples - left)
      guard (0..<lines).contains(line), (0..<samples).contains(sample) else { continue }
      rows.append(row)
      positions.append(Int32(line * samples + sample))
    }
    let pixels = PixelMatrix(rows: rows.count, columns: bands)
    for (n, row) in rows.enumerated() {
      (pixels.pointer + n * bands).update(from: cube.pixels.pointer + row * bands, count: bands)
    }
    let window = PixelWindow(line: top, sample: left, lines: lines, samples: samples)
    return Cube(
      shape: CubeShape(lines: lines, samples: samples, bands: bands), metadata: cube.metadata.cropping(to: window),
      pixels: pixels, positions: positions)
  }
}
