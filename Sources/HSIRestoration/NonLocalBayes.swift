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
/// Groups whose guide has far more variance than the noise are computed in double precision. Cost per reference patch 6 K² D flops.
/// Source: M. Lebrun, A. Buades and J.-M. Morel, A nonlocal Bayesian image denoising algorithm, SIAM J. Imaging Sciences 6(3), 2013, here
/// on the components of a subspace and with the result of another filter as its guide.
struct NonLocalBayes: Sendable, Hashable {
  /// Side p of a patch.
  var patch = 4
  /// Distance between reference patches.
  var step = 2
  /// Patches K per group.
  var group = 60
  /// Places that similar patches are looked for in every direction; at most `HSI_PATCH_REACH`.
  var reach = 14
  /// Leading components that patches are compared on.
  var guides = 4

  /// For noise that leaves little to match on.
  static let wide = NonLocalBayes(patch: 5, step: 3, group: 120, reach: 18)

  /// Sum of squares of a guide, in noise variances, up to which single precision tells the regularisation from rounding.
  private static let singleLimit: Float = 3e7

  /// Bytes beside noisy components, guide and result: both interleaved, sums and weights.
  static func workingBytes(pixels: Int, rank: Int) -> Int { pixels * (12 * rank + 4) }

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
    // Tiles of one colour do not reach into each other, so that sums do not depend on the order in which they end.
    let side = (max(64, 3 * reach + patch) + step - 1) / step * step
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
        for line in NonLocalBayes.references(row * side, side, lines - patch, step) {
          for sample in NonLocalBayes.references(column * side, side, samples - patch, step) {
            let count = hsi_patch_match(
              planes, planes.count, guide.size, patch, reach, line, sample, group, &places)
            work.estimate(image, places, count: count, patch: patch, limit: NonLocalBayes.singleLimit)
          }
        }
      }
      done += tiles.count
      context.progress.report(phase: phase, fraction: Double(done) / Double(max(1, down * across)))
    }
    let result = ComponentPlanes(rank: rank, lines: lines, samples: samples)
    Parallel.forEachChunk(of: lines * samples, chunk: 4096) { _, range in
      for n in range {
        let weight = 1 / weights.pointer[n]
        for j in 0..<rank { result.plane(j)[n] = sums.pointer[n * rank + j] * weight }
      }
    }
    return result
  }

  /// Places of reference patches within a tile: every `step`-th, and the last that fits.
  private static func references(_ from: Int, _ side: Int, _ last: Int, _ step: Int) -> [Int] {
    guard from <= last else { return [] }
    var places = Array(stride(from: from, through: min(from + side - 1, last), by: step))
    if from + side > last, places.last != last { places.append(last) }
    return places
  }

  /// What patches are taken from and added to.
  fileprivate struct Image {
    let lines, samples, rank: Int
    let noisy, guide: UnsafePointer<Float>
    let sums, weights: UnsafeMutablePointer<Float>
  }
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
  func estimate(_ image: NonLocalBayes.Image, _ places: [Int32], count: Int, patch: Int, limit: Float) {
    guard count > 0 else { return }
    let run = patch * image.rank
    let size = patch * run
    for (n, place) in places.prefix(count).enumerated() {
      for i in 0..<patch {
        let from = (Int(place) + i * image.samples) * image.rank
        (guide + n * size + i * run).update(from: image.guide + from, count: run)
        (noisy + n * size + i * run).update(from: image.noisy + from, count: run)
      }
    }
    centre(guide, count, size)
    centre(noisy, count, size)  // `means` are those of the noisy patches from here on
    var energy: Float = 0
    for i in 0..<(count * size) { energy += guide[i] * guide[i] }
    let weight: Float
    if energy < limit {
      weight = 1 / (1 + single.filter(guide, noisy, count: count, size: size))
    } else {
      isWide = true
      for i in 0..<(count * size) {
        wide.guide[i] = Double(guide[i])
        wide.noisy[i] = Double(noisy[i])
      }
      weight = Float(1 / (1 + double.filter(wide.guide, wide.noisy, count: count, size: size)))
      for i in 0..<(count * size) { noisy[i] = Float(wide.noisy[i]) }
    }
    for (n, place) in places.prefix(count).enumerated() {
      for i in 0..<patch {
        let first = Int(place) + i * image.samples
        let (target, source) = (image.sums + first * image.rank, noisy + n * size + i * run)
        let mean = means + i * run
        for j in 0..<run { target[j] += weight * (source[j] + mean[j]) }
        for j in 0..<patch { image.weights[first + j] += weight }
      }
    }
  }

  /// Takes the mean over the patches away and keeps it.
  private func centre(_ rows: UnsafeMutablePointer<Float>, _ count: Int, _ size: Int) {
    means.update(repeating: 0, count: size)
    for n in 0..<count { for i in 0..<size { means[i] += rows[n * size + i] } }
    let share = 1 / Float(count)
    for i in 0..<size { means[i] *= share }
    for n in 0..<count { for i in 0..<size { rows[n * size + i] -= means[i] } }
  }
}

/// `N ← N Qᵀ Q` with Q = L⁻¹ G and L Lᵀ = G Gᵀ + K I.
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
    _ guide: UnsafeMutablePointer<Scalar>, _ noisy: UnsafeMutablePointer<Scalar>, count: Int, size: Int
  ) -> Scalar {
    Scalar.gram(guide, into: factor, n: count, k: size)
    for i in 0..<count { factor[i * count + i] += Scalar(count) }
    guard Scalar.factorise(factor, order: count) else {
      // Only a guide that holds no numbers gets here: the patches keep their mean.
      noisy.update(repeating: 0, count: count * size)
      return 0
    }
    Scalar.solveLower(factor, order: count, guide, columns: size)
    var trace: Scalar = 0
    for i in 0..<(count * size) { trace += guide[i] * guide[i] }
    Scalar.multiply(noisy, .none, guide, .transposed, into: product, m: count, n: count, k: size)
    Scalar.multiply(product, .none, guide, .none, into: result, m: count, n: size, k: count)
    noisy.update(from: result, count: count * size)
    return trace
  }
}
