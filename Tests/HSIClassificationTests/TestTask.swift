import Foundation
import HSIClassification
import HSICore
import HSITestSupport
import Testing

/// Fixtures and small tasks.
enum TestTask {
  static func fixture(_ name: String) throws -> Fixture {
    try Fixture(
      #require(Bundle.module.url(forResource: name, withExtension: "safetensors", subdirectory: "Fixtures")))
  }

  static let entries = [
    ClassEntry(name: "a", colour: [200, 0, 0]), ClassEntry(name: "b", colour: [0, 200, 0]),
    ClassEntry(name: "c", colour: [0, 0, 200]),
  ]

  /// A scene of one line: the training spectra of the fixture, then its test spectra.
  static func baselines() throws -> (task: ClassificationTask, test: Range<Int>, fixture: Fixture) {
    let fixture = try fixture("baselines")
    let (train, test) = (fixture["train"], fixture["test"])
    let pixels = PixelMatrix(
      rows: train.shape[0] + test.shape[0], columns: train.shape[1], values: train.floats + test.floats)
    let scene = Cube(lines: pixels.rows, samples: 1, pixels: pixels)
    let training = LabelledPixels(
      positions: (0..<Int32(train.shape[0])).map { $0 }, labels: fixture["labels"].ints)
    return (
      ClassificationTask(scene: scene, training: training, classes: entries), train.shape[0]..<pixels.rows, fixture
    )
  }

  /// Fields of three spectra with noise, one of their pixels missing.
  static func fields(seed: UInt64 = 1) -> (scene: Cube, labels: LabelMap) {
    let (lines, samples, bands) = (18, 15, 8)
    var random = CounterRandom(seed: seed)
    var ids = [UInt16](repeating: 0, count: lines * samples)
    var (values, positions): ([Float], [Int32]) = ([], [])
    for line in 0..<lines {
      for sample in 0..<samples {
        let place = line * samples + sample
        let field = sample / 5
        if line > 0 { ids[place] = UInt16([2, 7, 9][field]) }
        if place == 40 { continue }
        positions.append(Int32(place))
        for b in 0..<bands {
          values.append(Float(100 + 30 * Double((field + 1) * b % 5) + 6 * random.normal()))
        }
      }
    }
    let scene = Cube(
      shape: CubeShape(lines: lines, samples: samples, bands: bands), metadata: CubeMetadata(bands: bands),
      pixels: PixelMatrix(rows: positions.count, columns: bands, values: values), positions: positions)
    return (scene, LabelMap(lines: lines, samples: samples, ids: ids))
  }

  static func largestDifference(_ a: [Float], _ b: [Double]) -> Double {
    a.count == b.count ? zip(a, b).map { abs(Double($0) - $1) }.max() ?? 0 : .infinity
  }
}
