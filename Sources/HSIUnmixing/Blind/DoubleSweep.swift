import CKernels
import HSICore

/// The sweep in double precision, plain and serial: the reference that the tests hold `SingleSweep` against. It
/// shares no arithmetic with the fused kernel on purpose.
final class DoubleSweep: SceneSweep {
  let pixels: Int
  let channels: Int
  let endmembers: Int
  private(set) var energy: [Double]
  private(set) var sums: [Double]
  private(set) var gram: [Double]
  /// Current abundances, N × K row-major.
  private(set) var abundances: [Double]
  /// Current guidance map.
  private(set) var guidance: [Double]

  private let scene: [Double]
  private let prior: [Double]
  private let graph: NeighbourGraph?
  private let edgeWeights: [Double]

  /// - Parameters:
  ///   - scene: N × L row-major.
  ///   - abundances: A⁰, N × K.
  ///   - prior: s, also h⁰; empty when there is no map.
  ///   - edgeWeights: 4 × N, in the layout of `graph`.
  init(
    _ scene: [Double], channels: Int, abundances: [Double], endmembers: Int, prior: [Double] = [],
    graph: NeighbourGraph? = nil, edgeWeights: [Double] = []
  ) {
    self.scene = scene
    self.channels = channels
    self.endmembers = endmembers
    self.abundances = abundances
    pixels = scene.count / channels
    self.prior = prior
    guidance = prior
    self.graph = graph
    self.edgeWeights = edgeWeights
    energy = [Double](repeating: 0, count: channels)
    sums = [Double](repeating: 0, count: channels * endmembers)
    gram = [Double](repeating: 0, count: endmembers * endmembers)
    for n in 0..<pixels {
      for l in 0..<channels { energy[l] += scene[n * channels + l] * scene[n * channels + l] }
    }
  }

  func begin(_ model: SweepModel, _ endmembers: [Double]) -> SweepTerms {
    let count = self.endmembers
    for n in 0..<pixels {
      for k in 0..<count {
        let a = abundances[n * count + k]
        for l in 0..<channels { sums[l * count + k] += scene[n * channels + l] * a }
        for j in 0..<count { gram[j * count + k] += a * abundances[n * count + j] }
      }
    }
    return abundances.withUnsafeBufferPointer { a in
      guidance.withUnsafeBufferPointer { h in
        // An empty map has no address, and then it is not read.
        initialTerms(
          model, pixels: pixels, endmembers: count, abundances: a.baseAddress!,
          map: h.baseAddress ?? a.baseAddress!, graph: graph)
      }
    }
  }

  func sweep(_ model: SweepModel, _ endmembers: [Double], weights: [Double]?) -> SweepTerms {
    var job = hsi_nmf_sweep_job_f64()
    job.stride = channels
    job.pixels = pixels
    job.channels = channels
    job.endmembers = self.endmembers
    job.soft_sum_weight = model.softSum
    job.graph_weight = model.graphWeight
    job.neighbours = graph == nil ? 0 : 4
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
      learnt = parameters.learnt
    }
    var newAbundances = abundances
    var newGuidance = guidance
    scene.withUnsafeBufferPointer {
      job.scene = $0.baseAddress
      endmembers.withUnsafeBufferPointer {
        job.endmember_matrix = $0.baseAddress
        abundances.withUnsafeBufferPointer {
          job.a_old = $0.baseAddress
          guidance.withUnsafeBufferPointer {
            job.h_old = $0.baseAddress
            prior.withUnsafeBufferPointer {
              job.prior = $0.baseAddress
              edgeWeights.withUnsafeBufferPointer {
                job.neighbour_weight = $0.baseAddress
                newAbundances.withUnsafeMutableBufferPointer {
                  job.a_new = $0.baseAddress
                  newGuidance.withUnsafeMutableBufferPointer {
                    if learnt { job.h_new = $0.baseAddress }
                    sums.withUnsafeMutableBufferPointer {
                      job.scene_abundance = $0.baseAddress
                      gram.withUnsafeMutableBufferPointer {
                        job.abundance_gram = $0.baseAddress
                        withOptional(weights) { weights in
                          job.channel_weights = weights
                          withOptional(graph?.index) { index in
                            job.neighbour_index = index
                            _ = hsi_nmf_sweep_reference_f64(&job)
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    abundances = newAbundances
    guidance = newGuidance
    return SweepTerms(
      sparsity: job.sparsity_sum, softSum: job.soft_sum_sum, prior: job.prior_sum, coupling: job.coupling_sum,
      graph: job.graph_sum)
  }
}
