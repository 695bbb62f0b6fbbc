import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

@Suite("Every format arrives as physical pixels")
struct FormatsToPixelsTests {
  /// Whatever the axis order of the file, the pixels are lines × samples × bands with scale and offset applied.
  @Test(arguments: [
    "plain.mat", "bundle.mat", "v73_bundle.mat", "f_order.npy", "big.npy", "half.npy", "emit.nc",
    "aviris3.nc",
    "neon.h5", "tanager.h5", "generic.h5", "prisma.he5", "several.npz",
  ])
  func pixels(_ name: String) throws {
    let context = RunContext()
    let reader = try openCube(formatFixture(name), context: context)
    var options = SelectionOptions()
    options.bands = .all
    let cube = try FileSource(reader, options, context: context).load(context)
    let stored = try reader.numbers()
    #expect(cube.shape == reader.shape)
    let bands = reader.shape.bands
    for (row, position) in cube.positions.enumerated() {
      for band in 0..<bands {
        let value = stored[Int(position) * bands + band]
        let expected = value * reader.metadata.scale[band] + reader.metadata.offset[band]
        #expect(abs(Double(cube.pixels[row, band]) - expected) <= 1e-6 * max(1, abs(expected)))
      }
    }
  }

  @Test(.enabled(if: SharedData.root != nil, "no shared data"))
  func samson() throws {
    guard let path = SharedData.path("samson/samson_1.mat") else { return }
    let context = RunContext()
    let cube = try FileSource(openCube(path), context: context).load(context)
    #expect(cube.count == 95 * 95)
    // scipy: V.reshape(156, 95, 95, order="F")[33, 73, 84].
    #expect(abs(Double(cube.pixels[73 * 95 + 84, 33]) - 0.13338088445078458) < 1e-7)
  }
}
