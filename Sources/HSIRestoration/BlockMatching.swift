import CKernels
import HSICore
import HSINumerics
import Synchronization

/// Collaborative filtering of component images (BM3D) whose noise is white with unit variance.
///
/// Groups of similar 8 × 8 blocks, found once for all components by their distance summed over the leading
/// ones, are transformed by cosines in the block and a Haar transform along the group. First pass:
/// coefficients below `threshold` are dropped. Second pass: blocks are matched on the first estimate and
/// multiplied by its Wiener factors. Estimates of overlapping blocks are averaged with weights for their
/// remaining noise and a Kaiser window.
///
/// Components of one scene share their edges, and weak ones cannot be matched on themselves. Cost per pixel
/// and component about 15 000 flops, plus 30 000 per pixel and component that is matched on. Source: K.
/// Dabov, A. Foi, V. Katkovnik and K. Egiazarian, Image denoising by sparse 3-D transform-domain
/// collaborative filtering, IEEE TIP 16(8), 2007.
struct BlockMatching {
  /// Distance between reference blocks.
  var step = 3
  /// Blocks per group in the first and the second pass; powers of two.
  var firstGroup = 16
  var secondGroup = 32
  /// Threshold of the first pass in standard deviations.
  var threshold: Float = 2.7
  /// Number of leading components that blocks are compared on.
  var guides = 4

  /// Filters every row of `components` (one value per valid pixel), in place.
  func apply(to components: PixelMatrix, _ filling: PlaneFilling, _ context: RunContext) throws {
    let rank = components.rows
    guard rank > 0 else { return }
    let noisy = ComponentPlanes(components, filling)
    let basic = ComponentPlanes(rank: rank, filling)
    let first = try Groups(noisy, size: firstGroup, step: step, guides: guides, "block matching", context)
    try filter(noisy, guide: nil, first, "collaborative filtering", context) { component, plane in
      basic.plane(component).update(from: plane, count: basic.count)
    }
    let second = try Groups(basic, size: secondGroup, step: step, guides: guides, "second matching", context)
    try filter(noisy, guide: basic, second, "Wiener filtering", context) { component, plane in
      noisy.crop(plane, filling, into: components.pointer + component * components.columns)
    }
  }

  /// Filters all components with one set of groups.
  private func filter(
    _ planes: ComponentPlanes, guide: ComponentPlanes?, _ groups: Groups, _ phase: String,
    _ context: RunContext,
    _ body: (Int, UnsafeMutablePointer<Float>) -> Void
  ) throws {
    let done = Atomic<Int>(0)
    context.progress.report(phase: phase, fraction: 0)
    let threshold = threshold
    try Parallel.tryForEach(planes.rank) { component in
      let (sum, weight) = (
        PixelMatrix(rows: 1, columns: planes.count), PixelMatrix(rows: 1, columns: planes.count)
      )
      let (plane, pilot) = (planes.plane(component), guide?.plane(component))
      for index in 0..<groups.count {
        if index % 4096 == 0 { try context.checkCancellation() }
        let group = groups.places + index * groups.capacity
        hsi_bm3d_filter(
          plane, pilot, planes.size, group, Int(groups.sizes[index]), threshold, sum.pointer, weight.pointer
        )
      }
      for i in 0..<planes.count { sum.pointer[i] /= weight.pointer[i] }
      body(component, sum.pointer)
      let finished = done.add(1, ordering: .relaxed).newValue
      context.progress.report(phase: phase, fraction: Double(finished) / Double(planes.rank))
    }
  }
}

/// Groups of similar blocks, one per reference block.
private final class Groups: @unchecked Sendable {
  let count, capacity: Int
  /// count × capacity places, those of a group first in its row.
  let places: UnsafeMutablePointer<Int32>
  /// Blocks per group, powers of two.
  let sizes: UnsafeMutablePointer<Int32>

  init(_ planes: ComponentPlanes, size: Int, step: Int, guides: Int, _ phase: String, _ context: RunContext) throws {
    let block = Int(HSI_BM3D_BLOCK)
    func references(_ extent: Int) -> [Int] {
      let last = extent - block
      let regular = Array(stride(from: 0, through: last, by: step))
      return regular.last == last ? regular : regular + [last]
    }
    let (rows, columns) = (references(planes.lines), references(planes.samples))
    count = rows.count * columns.count
    capacity = size
    places = .allocate(capacity: count * size)
    sizes = .allocate(capacity: count)
    let done = Atomic<Int>(0)
    context.progress.report(phase: phase, fraction: 0)
    try Parallel.tryForEach(rows.count) { row in
      try context.checkCancellation()
      let guidePlanes: [UnsafePointer<Float>?] = (0..<min(guides, planes.rank)).map {
        UnsafePointer(planes.plane($0))
      }
      for (column, sample) in columns.enumerated() {
        let index = row * columns.count + column
        let found = hsi_bm3d_match(
          guidePlanes, guidePlanes.count, planes.size, rows[row], sample, size, places + index * size)
        var whole = 1
        while 2 * whole <= found { whole *= 2 }
        sizes[index] = Int32(whole)
      }
      let finished = done.add(1, ordering: .relaxed).newValue
      context.progress.report(phase: phase, fraction: Double(finished) / Double(rows.count))
    }
  }

  deinit {
    places.deallocate()
    sizes.deallocate()
  }
}
