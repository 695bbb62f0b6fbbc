import Foundation
import HSICore
import HSINumerics
import Testing

/// Values of Fixtures/make_transforms.py.
struct TransformFixture: Decodable {
  let lines, samples: Int
  let wavelengths: [Double]
  let pixels: [Float]
  let quotient: [[Double]]
  let limits: [[Double]]
  let absorption: [[Double?]]
  let pcaVariances: [Double]
  let pcaComponents: [[Double]]
  let mnfValues: [Double]
  let mixed: [Float]
  let icaMixing: [[Double]]
  let curve: [Double]
  let golay: [[Double]]
  let uneven: [[[Double]]]

  static let shared: TransformFixture = {
    let file = Bundle.module.resourceURL?.appendingPathComponent("Fixtures/transforms.json")
    guard let file, let data = try? Data(contentsOf: file),
      let fixture = try? JSONDecoder().decode(TransformFixture.self, from: data)
    else { fatalError("transforms.json") }
    return fixture
  }()

  var bands: Int { wavelengths.count }

  /// The scene.
  var cube: Cube {
    TransformFixture.cube(lines, samples, pixels, SpectralAxis(wavelengths: wavelengths))
  }

  static func cube(_ lines: Int, _ samples: Int, _ values: [Float], _ axis: SpectralAxis) -> Cube {
    var metadata = CubeMetadata(bands: axis.count)
    metadata.axis = axis
    return Cube(
      lines: lines, samples: samples, pixels: PixelMatrix(rows: lines * samples, columns: axis.count, values: values),
      metadata: metadata)
  }
}

/// The same scene with strips of a height of their own.
final class LowStrips: StripSource {
  let cube: Cube
  let height: Int
  init(_ cube: Cube, height: Int) { (self.cube, self.height) = (cube, height) }
  var shape: CubeShape { cube.shape }
  var metadata: CubeMetadata { cube.metadata }
  var blockLines: Int { 1 }
  /// So large that few lines fit the budget of 64 MiB.
  var workingBytesPerLine: Int { (64 << 20) / (2 * height) }
  func read(lines: Range<Int>, into strip: Strip) throws { try cube.read(lines: lines, into: strip) }
}
