import CKernels
import HSICore
import HSINumerics

/// Images of components, at least as large as a block, with room behind each for the reads of the kernels.
final class ComponentPlanes: @unchecked Sendable {
  let rank, lines, samples: Int
  private let values: PixelMatrix

  convenience init(rank: Int, _ filling: PlaneFilling) {
    self.init(
      rank: rank, lines: max(filling.lines, Int(HSI_BM3D_BLOCK)), samples: max(filling.samples, Int(HSI_BM3D_BLOCK)))
  }

  /// Planes of a size, which hold nothing yet.
  init(rank: Int, lines: Int, samples: Int) {
    (self.rank, self.lines, self.samples) = (rank, lines, samples)
    values = PixelMatrix(rows: rank, columns: lines * samples + Int(HSI_PATCH_MARGIN))
  }

  /// Images of values at valid pixels, filled, and mirrored where smaller than a block.
  convenience init(_ components: PixelMatrix, _ filling: PlaneFilling) {
    self.init(rank: components.rows, filling)
    let isLarge = lines == filling.lines && samples == filling.samples
    let (planes, source) = (self, components)
    Parallel.forEach(rank) { component in
      let (target, given) = (planes.plane(component), source.pointer + component * source.columns)
      guard !isLarge else { return filling.spread(given, into: target) }
      let image = PixelMatrix(rows: filling.lines, columns: filling.samples)
      filling.spread(given, into: image.pointer)
      for line in 0..<planes.lines {
        for sample in 0..<planes.samples {
          target[line * planes.samples + sample] =
            image[
              mirrored(line, filling.lines), mirrored(sample, filling.samples)]
        }
      }
    }
  }

  var count: Int { lines * samples }
  /// Values from one plane to the next.
  var stride: Int { values.columns }
  var size: hsi_bm3d_size { hsi_bm3d_size(lines: lines, samples: samples, stride: samples) }
  func plane(_ component: Int) -> UnsafeMutablePointer<Float> { values.pointer + component * values.columns }

  /// All components of a place beside each other: places × rank.
  func interleaved() -> PixelMatrix {
    let result = PixelMatrix(rows: count, columns: rank)
    Parallel.forEachChunk(of: count, chunk: 4096) { _, range in
      hsi_planes_interleave(plane(0), stride, rank, range.lowerBound, range.count, result.pointer)
    }
    return result
  }

  /// The values of a plane of this size at valid pixels.
  func crop(_ plane: UnsafePointer<Float>, _ filling: PlaneFilling, into target: UnsafeMutablePointer<Float>) {
    guard lines != filling.lines || samples != filling.samples else {
      return filling.gather(plane, into: target)
    }
    let image = PixelMatrix(rows: filling.lines, columns: filling.samples)
    for line in 0..<filling.lines {
      (image.pointer + line * filling.samples).update(from: plane + line * samples, count: filling.samples)
    }
    filling.gather(image.pointer, into: target)
  }
}
