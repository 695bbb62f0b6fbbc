import Foundation
import HSICore
import Testing

@testable import HSIRaster

/// A cube on a finer grid, written and read back: the file says where its pixels are now.
@Suite struct RescaledWritingTests {
  @Test(arguments: [
    ("a.dat", [300_000.0, 30, 0, 5_000_000, 0, -30]), ("b.tif", [300_000, 30, 0, 5_000_000, 0, -30]),
    ("c.tif", [300_000, 26, 15, 5_000_000, 15, -26]), ("d.dat", [300_000, 30, 0, 5_000_000, 0, -20]),
  ]) func pixelSizes(_ name: String, _ transform: [Double]) throws {
    let scratch = try Scratch()
    let context = RunContext()
    var metadata = CubeMetadata(bands: 2)
    let utm = try RasterFormats.open(
      Sample(
        shape: CubeShape(lines: 2, samples: 2, bands: 2),
        extra: "map info = {UTM, 1, 1, 300000, 5000000, 30, 30, 33, North, WGS-84}"
      ).write(scratch, "utm"), context: context
    ).metadata.georeference?.crs
    #expect(utm != nil)
    metadata.georeference = Georeference(crs: utm, mapping: .affine(transform))
    for (factor, lines, samples) in [(2.0, 8, 6), (4, 16, 12), (0.5, 2, 2)] {
      let finer = metadata.rescaled(by: factor)
      let path = scratch.path("\(factor)-\(name)")
      let writer = try RasterFormats.create(
        path, shape: CubeShape(lines: lines, samples: samples, bands: 2), type: .float32, metadata: finer,
        options: OutputOptions(), context: context)
      let block = StoredBlock()
      block.prepare(type: .float32, interleave: .bip, lines: lines, samples: samples, bands: 2)
      for i in 0..<(lines * samples * 2) { block.bytes.storeBytes(of: Float(i), toByteOffset: 4 * i, as: Float.self) }
      try writer.write(block, lines: 0..<lines)
      _ = try writer.finish()
      let read = try RasterFormats.open(path, context: context)
      guard case .affine(let t) = read.metadata.georeference?.mapping else {
        Issue.record("\(name): no affine georeference")
        continue
      }
      for (index, (a, b)) in zip(t, transform).enumerated() {
        let expected = index % 3 == 0 ? b : b / factor
        #expect(abs(a - expected) < 1e-7 * max(1, abs(expected)), "\(name) ×\(factor): term \(index)")
      }
      if name.hasSuffix(".dat") {
        let header = try String(contentsOfFile: (path as NSString).deletingPathExtension + ".hdr", encoding: .utf8)
        let line = try #require(header.split(separator: "\n").first { $0.hasPrefix("map info") })
        let parts = line.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(Double(parts[5]) == transform[1] / factor && Double(parts[6]) == -transform[5] / factor, "\(line)")
      }
    }
  }
}
