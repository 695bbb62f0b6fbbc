import CKernels
import HSICore
import HSINumerics

/// Joint non-local Bayesian estimation of component images whose noise is white with unit variance.
///
/// For a reference patch (p × p places of all k components, D = p² k values) the K patches of a guide that are most like it are the
/// rows of G (K × D), the noisy components at the same places those of N, both less their means over the group, μ_G and μ_N. A normal
/// prior with the covariance GᵀG / K gives the estimates
///
///     X = N Gᵀ (G Gᵀ + K I)⁻¹ G + μ_N,    of weight 1 / (1 + tr[G Gᵀ (G Gᵀ + K I)⁻¹]),
///
/// and the estimates of overlapping patches are averaged with their weights. With L Lᵀ = G Gᵀ + K I and Q = L⁻¹ G that is X = N Qᵀ Q, and
/// the trace is ‖Q‖²: no inverse is formed. Components are estimated jointly, which is what gains: they share edges, and the covariance
/// between them is known where each alone is lost in noise.
///
/// Places are taken line by line, and a place that starts a patch of an earlier group is passed over: on scenes, groups at every second
/// place in both directions gained no more and took more than twice the time.
///
/// Groups whose guide has far more variance than the noise are computed in double precision. Cost per group 6 K² D flops.
/// Source: M. Lebrun, A. Buades and J.-M. Morel, A nonlocal Bayesian image denoising algorithm, SIAM J. Imaging Sciences 6(3), 2013, here
/// on the components of a subspace and with the result of another filter as its guide.
struct NonLocalBayes: Sendable, Hashable {
  /// Side p of a patch.
  var patch = 4
  /// Patches K per group.
  var group = 60
  /// Places that similar patches are looked for in every direction; at most `HSI_PATCH_REACH`.
  var reach = 14
  /// Leading components that patches are compared on.
  var guides = 4
  /// What the covariance of the guide is multiplied by, since estimates are smoother than what they estimate: K I is divided by it.
  var inflation: Float = 1

  /// Sum of squares of a guide, in noise variances, up to which single precision tells the noise from rounding.
  private static let singleLimit: Float = 3e7

  /// Bytes beside noisy components, guide and result: both interleaved, sums, weights and marks.
  static func workingBytes(pixels: Int, rank: Int) -> Int { pixels * (12 * rank + 5) }

  /// The estimate of all components.
  ///
  /// - Parameters:
  ///   - noisy: the components with their noise.
  ///   - guide: an estimate of them, of the same size.
  /// - Throws: `CoreError.cancelled`.
  func estimate(
    _ noisy: ComponentPlanes, guide: ComponentPlanes, phase: String, _ context: RunContext
  ) throws -> ComponentPlanes {
    let (lines, samples, rank) = (noisy.lines, noisy.samples, noisy.rank)
    precondition(guide.lines == lines && guide.samples == samples && guide.rank == rank)
    BLAS.prepare()
    let patch = min(patch, lines, samples)
    let (given, pilot) = (noisy.interleaved(), guide.interleaved())
    let sums = PixelMatrix(rows: lines * samples, columns: rank)
    let weights = PixelMatrix(rows: 1, columns: lines * samples)
    sums.pointer.update(repeating: 0, count: lines * samples * rank)
    weights.pointer.update(repeating: 0, count: lines * samples)
    let image = Image(
      lines: lines, samples: samples, rank: rank, noisy: given.pointer, guide: pilot.pointer, sums: sums.pointer,
      weights: weights.pointer)
    // Whether a place starts a patch of a group.
    let seen = PlaceMarks(lines * samples)
    // Tiles of one colour do not reach into each other, so that sums do not depend on the order in which they end.
    let side = max(64, 3 * reach + patch)
    let (down, across) = ((lines + side - 1) / side, (samples + side - 1) / side)
    var done = 0
    for colour in 0..<4 {
      let tiles = (0..<(down * across)).filter {
        $0 / across % 2 == colour / 2 && $0 % across % 2 == colour % 2
      }
      try Parallel.tryForEach(tiles.count) { index in
        try context.checkCancellation()
        let (row, column) = (tiles[index] / across, tiles[index] % across)
        let work = GroupWork(group: group, values: patch * patch * rank)
        let planes: [UnsafePointer<Float>?] = (0..<min(guides, rank)).map { UnsafePointer(guide.plane($0)) }
        var places = [Int32](repeating: 0, count: group)
        for line in (row * side)..<max(row * side, min((row + 1) * side, lines - patch + 1)) {
          for sample in (column * side)..<max(column * side, min((column + 1) * side, samples - patch + 1))
          where !seen.marks[line * samples + sample] {
            let count = hsi_patch_match(
              planes, planes.count, guide.size, patch, reach, line, sample, group, &places)
            for place in places.prefix(count) { seen.marks[Int(place)] = true }
            work.estimate(
              image, places, count: count, patch: patch, inflation: inflation, limit: NonLocalBayes.singleLimit)
          }
        }
      }
      done += tiles.count
      context.progress.report(phase: phase, fraction: Double(done) / Double(max(1, down * across)))
    }
    let result = ComponentPlanes(rank: rank, lines: lines, samples: samples)
    Parallel.forEachChunk(of: lines * samples, chunk: 4096) { _, range in
      hsi_planes_average(
        sums.pointer, weights.pointer, rank, range.lowerBound, range.count, result.plane(0), result.stride)
    }
    return result
  }

  /// What patches are taken from and added to.
  fileprivate struct Image {
    let lines, samples, rank: Int
    let noisy, guide: UnsafePointer<Float>
    let sums, weights: UnsafeMutablePointer<Float>
  }
}

/// A mark per place.
private final class PlaceMarks: @unchecked Sendable {
  let marks: UnsafeMutablePointer<Bool>

  init(_ count: Int) {
    marks = .allocate(capacity: count)
    marks.initialize(repeating: false, count: count)
  }

  deinit { marks.deallocate() }
}

/// Memory for one group at a time.
private final class GroupWork {
  private let group, values: Int
  private let guide, noisy, means: UnsafeMutablePointer<Float>
  private let single: Solver<Float>
  private lazy var double = Solver<Double>(group: group, values: values)
  private lazy var wide: (guide: UnsafeMutablePointer<Double>, noisy: UnsafeMutablePointer<Double>) = (
    .allocate(capacity: group * values), .allocate(capacity: group * values)
  )
  private var isWide = false

  init(group: Int, values: Int) {
    (self.group, self.values) = (group, values)
    guide = .allocate(capacity: group * values)
    noisy = .allocate(capacity: group * values)
    means = .allocate(capacity: values)
    single = Solver(group: group, values: values)
  }

  deinit {
    guide.deallocate()
    noisy.deallocate()
    means.deallocate()
    if isWide {
      wide.guide.deallocate()
      wide.noisy.deallocate()
    }
  }

  /// Adds the estimates of a group.
  func estimate(
    _ image: NonLocalBayes.Image, _ places: [Int32], count: Int, patch: Int, inflation: Float, limit: Float
  ) {
    guard count > 0 else { return }
    let size = patch * patch * image.rank
    let energy = hsi_patch_gather(image.guide, image.samples, image.rank, patch, places, count, guide, means)
    // `means` are those of the noisy patches from here on.
    _ = hsi_patch_gather(image.noisy, image.samples, image.rank, patch, places, count, noisy, means)
    let weight: Float
    if energy < limit {
      weight = 1 / (1 + single.filter(guide, noisy, count: count, size: size, noise: Float(count) / inflation))
    } else {
      isWide = true
      hsi_widen(guide, wide.guide, count * size)
      hsi_widen(noisy, wide.noisy, count * size)
      weight = Float(
        1
          / (1
            + double.filter(wide.guide, wide.noisy, count: count, size: size, noise: Double(count) / Double(inflation)))
      )
      hsi_narrow(wide.noisy, noisy, count * size)
    }
    hsi_patch_scatter(
      noisy, means, weight, image.samples, image.rank, patch, places, count, image.sums, image.weights)
  }
}

/// `N ← N Qᵀ Q` with Q = L⁻¹ G and L Lᵀ = G Gᵀ + noise · I.
private final class Solver<Scalar: DenseScalar> {
  private let factor, product, result: UnsafeMutablePointer<Scalar>

  init(group: Int, values: Int) {
    factor = .allocate(capacity: group * group)
    product = .allocate(capacity: group * group)
    result = .allocate(capacity: group * values)
  }

  deinit {
    factor.deallocate()
    product.deallocate()
    result.deallocate()
  }

  /// Replaces the noisy patches by their estimates and the guide by Q; the trace ‖Q‖².
  func filter(
    _ guide: UnsafeMutablePointer<Scalar>, _ noisy: UnsafeMutablePointer<Scalar>, count: Int, size: Int,
    noise: Scalar
  ) -> Scalar {
    Scalar.gram(guide, into: factor, n: count, k: size)
    for i in 0..<count { factor[i * count + i] += noise }
    guard Scalar.factorise(factor, order: count) else {
      // Only a guide that holds no numbers gets here: the patches keep their mean.
      noisy.update(repeating: 0, count: count * size)
      return 0
    }
    Scalar.solveLower(factor, order: count, guide, columns: size)
    let trace = Scalar.sumOfSquares(guide, count: count * size)
    Scalar.multiply(noisy, .none, guide, .transposed, into: product, m: count, n: count, k: size)
    Scalar.multiply(product, .none, guide, .none, into: result, m: count, n: size, k: count)
    noisy.update(from: result, count: count * size)
    return trace
  }
}
