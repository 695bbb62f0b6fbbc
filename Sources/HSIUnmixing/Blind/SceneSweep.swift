import CKernels
import Foundation
import HSICore

/// The abundances (and guidance map) of a factorisation in progress, with the sums that the endmember update needs.
protocol SceneSweep: AnyObject {
  var pixels: Int { get }
  var channels: Int { get }
  var endmembers: Int { get }
  /// `‖y_l‖²` per channel.
  var energy: [Double] { get }
  /// `Y Aᵀ` (channels × endmembers) and `A Aᵀ` of the current abundances.
  var sums: [Double] { get }
  var gram: [Double] { get }
  /// Sums of the starting abundances and the terms of the objective there, for endmembers L × K.
  func begin(_ model: SweepModel, _ endmembers: [Double]) -> SweepTerms
  /// One update of A and h for given endmembers and channel weights; refreshes the sums.
  func sweep(_ model: SweepModel, _ endmembers: [Double], weights: [Double]?) -> SweepTerms
}

/// Uninitialised memory of fixed size.
final class Buffer<Element> {
  let pointer: UnsafeMutablePointer<Element>
  let count: Int
  init(_ count: Int, repeating value: Element) {
    self.count = count
    pointer = .allocate(capacity: max(count, 1))
    pointer.initialize(repeating: value, count: max(count, 1))
  }
  deinit { pointer.deallocate() }
}

/// The sweep in single precision with double sums: the fused kernel. Beside the scene it holds N·(K + 1…2) floats.
final class SingleSweep: SceneSweep {
  let pixels: Int
  let channels: Int
  let endmembers: Int
  private(set) var energy: [Double]
  private(set) var sums: [Double]
  private(set) var gram: [Double]
  /// Current abundances, N × K.
  private(set) var abundances: PixelMatrix
  /// Current guidance map.
  var guidance: UnsafeMutablePointer<Float> { map.pointer }

  private let scene: PixelMatrix
  private var next: PixelMatrix?
  private var map: Buffer<Float>
  private var nextMap: Buffer<Float>
  private let prior: Buffer<Float>
  private let graph: NeighbourGraph?
  private let sampleWeights: Buffer<Float>?
  private let scratch: Buffer<Double>

  /// - Parameters:
  ///   - scene: N × L, read only.
  ///   - abundances: A⁰, changed in place.
  ///   - prior: s per pixel, also h⁰; empty when there is no map.
  ///   - graph: neighbours and weights, when the model couples pixels.
  ///   - model: decides which buffers are needed.
  init(
    _ scene: PixelMatrix, abundances: PixelMatrix, prior: [Float] = [], graph: NeighbourGraph? = nil,
    for model: SweepModel
  ) {
    self.scene = scene
    self.abundances = abundances
    pixels = scene.rows
    channels = scene.columns
    endmembers = abundances.columns
    self.graph = graph
    self.prior = Buffer(prior.count, repeating: 0)
    map = Buffer(prior.count, repeating: 0)
    var learnt = false
    if case .map(let map) = model.sparsity { learnt = map.learnt }
    nextMap = Buffer(learnt ? prior.count : 0, repeating: 0)
    for (i, value) in prior.enumerated() {
      self.prior.pointer[i] = value
      map.pointer[i] = value
    }
    if model.graphWeight != 0 { next = PixelMatrix(rows: pixels, columns: endmembers) }
    if case .samples = model.loss {
      sampleWeights = Buffer(pixels, repeating: 1)
    } else {
      sampleWeights = nil
    }
    energy = [Double](repeating: 0, count: channels)
    sums = [Double](repeating: 0, count: channels * endmembers)
    gram = [Double](repeating: 0, count: endmembers * endmembers)
    scratch = Buffer(
      max(
        hsi_nmf_sweep_scratch_size(pixels, channels, endmembers),
        hsi_outer_scratch_size(pixels, channels, endmembers), hsi_gram_scratch_size(pixels, endmembers),
        hsi_channel_sums_scratch_size(pixels, channels)), repeating: 0)
    hsi_channel_sums(scene.pointer, channels, pixels, channels, nil, nil, &energy, scratch.pointer)
  }

  func begin(_ model: SweepModel, _ endmembers: [Double]) -> SweepTerms {
    var terms = initialTerms(
      model, pixels: pixels, endmembers: self.endmembers, abundances: UnsafePointer(abundances.pointer),
      map: UnsafePointer(map.pointer), graph: graph)
    var weighted = abundances
    if case .samples(let epsilon) = model.loss, let sampleWeights {
      // ‖y_n − M a_n‖ once per run; the sweep keeps it up to date from then on.
      weighted = PixelMatrix(rows: pixels, columns: self.endmembers)
      let count = self.endmembers
      for n in 0..<pixels {
        var square = epsilon * epsilon
        for l in 0..<channels {
          var r = Double(scene[n, l])
          for k in 0..<count { r -= endmembers[l * count + k] * Double(abundances[n, k]) }
          square += r * r
        }
        terms.sampleLoss += square.squareRoot()
        sampleWeights.pointer[n] = Float(1 / square.squareRoot())
        // √w on both factors of the Gram matrix needs a second call below.
        for k in 0..<count { weighted[n, k] = abundances[n, k] * sampleWeights.pointer[n].squareRoot() }
      }
    }
    hsi_gram(weighted.pointer, self.endmembers, pixels, self.endmembers, &gram, scratch.pointer)
    if let sampleWeights {
      for n in 0..<pixels {
        for k in 0..<self.endmembers { weighted[n, k] = abundances[n, k] * sampleWeights.pointer[n] }
      }
    }
    hsi_outer(
      scene.pointer, channels, pixels, channels, weighted.pointer, self.endmembers, &sums, scratch.pointer)
    return terms
  }

  func sweep(_ model: SweepModel, _ endmembers: [Double], weights: [Double]?) -> SweepTerms {
    var job = hsi_nmf_sweep_job()
    job.scene = UnsafePointer(scene.pointer)
    job.stride = channels
    job.pixels = pixels
    job.channels = channels
    job.endmembers = self.endmembers
    job.a_old = UnsafePointer(abundances.pointer)
    job.a_new = next?.pointer ?? abundances.pointer
    job.soft_sum_weight = model.softSum
    job.graph_weight = model.graphWeight
    job.objective = 1
    var learnt = false
    switch model.sparsity {
    case .none: job.sparsity = Int32(HSI_SPARSITY_NONE)
    case .one(let lambda):
      job.sparsity = Int32(HSI_SPARSITY_ONE)
      job.lambda = lambda
    case .half(let lambda, let floor):
      job.sparsity = Int32(HSI_SPARSITY_HALF)
      job.lambda = lambda
      job.epsilon = floor
    case .map(let parameters):
      job.sparsity = Int32(HSI_SPARSITY_MAP)
      job.lambda = parameters.lambda
      job.epsilon = parameters.epsilon
      job.h_max = parameters.largest
      job.beta = parameters.beta
      job.gamma = parameters.gamma
      job.h_old = UnsafePointer(map.pointer)
      job.prior = UnsafePointer(prior.pointer)
      learnt = parameters.learnt
      if learnt { job.h_new = nextMap.pointer }
    }
    if case .samples(let epsilon) = model.loss {
      job.sample_weights = sampleWeights?.pointer
      job.sample_epsilon = epsilon
    }
    run(&job, endmembers, weights)
    if let other = next {
      next = abundances
      abundances = other
    }
    if learnt { swap(&map, &nextMap) }
    return SweepTerms(
      sparsity: job.sparsity_sum, softSum: job.soft_sum_sum, prior: job.prior_sum, coupling: job.coupling_sum,
      graph: job.graph_sum, sampleLoss: job.sample_loss)
  }

  private func run(_ job: inout hsi_nmf_sweep_job, _ endmembers: [Double], _ weights: [Double]?) {
    endmembers.withUnsafeBufferPointer { endmembers in
      sums.withUnsafeMutableBufferPointer { sums in
        gram.withUnsafeMutableBufferPointer { gram in
          job.endmember_matrix = endmembers.baseAddress
          job.scene_abundance = sums.baseAddress
          job.abundance_gram = gram.baseAddress
          withOptional(weights) { weights in
            job.channel_weights = weights
            withOptional(graph?.index) { index in
              withOptional(graph?.weight) { edges in
                job.neighbours = graph == nil ? 0 : 4
                job.neighbour_index = index
                job.neighbour_weight = edges
                _ = hsi_nmf_sweep(&job, scratch.pointer)
              }
            }
          }
        }
      }
    }
  }
}

/// The pointer of an array that may be absent.
func withOptional<T, R>(_ array: [T]?, _ body: (UnsafePointer<T>?) -> R) -> R {
  guard let array else { return body(nil) }
  return array.withUnsafeBufferPointer { body($0.baseAddress) }
}

/// The terms of the objective at the start (no sweep has computed them yet). The prior term is 0 because h⁰ = s.
func initialTerms<Value: BinaryFloatingPoint>(
  _ model: SweepModel, pixels: Int, endmembers: Int, abundances: UnsafePointer<Value>,
  map: UnsafePointer<Value>,
  graph: NeighbourGraph?
) -> SweepTerms {
  var terms = SweepTerms()
  for n in 0..<pixels {
    var total = 0.0
    for k in 0..<endmembers {
      let a = Double(abundances[n * endmembers + k])
      total += a
      switch model.sparsity {
      case .none: break
      case .one: terms.sparsity += a
      case .half: terms.sparsity += a.squareRoot()
      case .map(let parameters): terms.sparsity += pow(a + parameters.epsilon, 1 - Double(map[n]))
      }
    }
    terms.softSum += (1 - total) * (1 - total)
  }
  guard let graph else { return terms }
  var coupled = false
  if case .map(let parameters) = model.sparsity { coupled = parameters.learnt && parameters.gamma != 0 }
  for direction in [0, 2] {
    for n in 0..<pixels {
      let j = Int(graph.index[direction * pixels + n])
      guard j >= 0 else { continue }
      let weight = Double(graph.weight[direction * pixels + n])
      if coupled {
        let difference = Double(map[n]) - Double(map[j])
        terms.coupling += weight * difference * difference
      }
      if model.graphWeight != 0 {
        for k in 0..<endmembers {
          let difference = Double(abundances[n * endmembers + k]) - Double(abundances[j * endmembers + k])
          terms.graph += weight * difference * difference
        }
      }
    }
  }
  return terms
}
