import Foundation
import HSICore
import HSINetworks
import HSINumerics

/// What happens to the samples of a training for all tasks: for every sample a task, and a degradation of random strength.
///
/// | task | drawn |
/// |---|---|
/// | noise | Gaussian, σ uniform in 1 … 75 of 255 |
/// | complex | non-iid noise with nothing, stripes, dead lines, impulses, or all of them |
/// | blur | Gaussian, circle or square, 3 to 21 pixels |
/// | motion | 5 to 21 pixels at any angle |
/// | superres | factor 2, 4 or 8, by means over areas or cubic convolution |
/// | inpaint | 50 to 95 % of the values |
/// | bands | 3 to 40 % of the bands |
/// | haze | strength 0.2 to 1, clumps 1 to 4 |
/// | poisson | 5 to 100 photons, log-uniform |
///
/// Every other blurred or coarse sample has Gaussian noise up to σ 2 of 255 on top, as instruments have. All draws are functions
/// of a seed. Beside a blurred patch there are zeros, as the published protocol has it, unless it is mirrored.
struct DegradationDraw {
  /// What the network is told.
  let task: MPHSIRTask
  private let degradation: any Degradation
  private let noise: (any Degradation)?
  private let seed: UInt64

  /// The draw of a seed among some tasks.
  init(_ tasks: [MPHSIRTask], seed: UInt64) throws {
    var random = NoiseStream.degradation.random(seed)
    let task = tasks[random.index(below: tasks.count)]
    try self.init(task, &random)
  }

  /// The draw of a seed for a task.
  ///
  /// - Parameter mirrors: whether blurred patches are mirrored at their borders, so that these do not give them away.
  init(_ task: MPHSIRTask, seed: UInt64, mirrors: Bool = false) throws {
    var random = NoiseStream.degradation.random(seed)
    _ = random.next()
    try self.init(task, &random, mirrors: mirrors)
  }

  private init(_ task: MPHSIRTask, _ random: inout CounterRandom, mirrors: Bool = false) throws {
    let mirror = mirrors ? 1.0 : 0
    self.task = task
    func odd(_ low: Int, _ high: Int) -> Double { Double(low + 2 * random.index(below: (high - low) / 2 + 1)) }
    func make(_ name: String, _ values: [String: Double]) throws -> any Degradation {
      try Degradations.all.named(name, values)
    }
    switch task {
    case .noise: degradation = NoiseModel.uniform(1, 75)
    case .complex:
      let kinds: [NoiseModel.Kind] = [.noniid, .stripe, .deadline, .impulse, .mixture]
      degradation = NoiseModel.standard(kinds[random.index(below: kinds.count)])
    case .blur:
      let kinds = ["gaussian-blur", "gaussian-blur", "circle-blur", "square-blur"]
      degradation = try make(kinds[random.index(below: kinds.count)], ["size": odd(3, 21), "mirror": mirror])
    case .motion:
      degradation = try make(
        "motion-blur", ["size": odd(5, 21), "angle": random.uniform(0, 180), "mirror": mirror])
    case .superres:
      degradation = try make(
        "downsampling",
        ["factor": Double(2 << random.index(below: 3)), "area": Double(random.index(below: 2))])
    case .inpaint: degradation = try make("mask", ["ratio": random.uniform(0.5, 0.95)])
    case .bands: degradation = try make("missing-bands", ["ratio": random.uniform(0.03, 0.4)])
    case .haze:
      degradation = try make("haze", ["strength": random.uniform(0.2, 1), "clumps": random.uniform(1, 4)])
    case .poisson: degradation = try make("poisson", ["peak": exp(random.uniform(log(5), log(100)))])
    }
    let isDisturbed = [.blur, .motion, .superres].contains(task) && random.uniform() < 0.5
    noise = isDisturbed ? NoiseModel.gaussian(random.uniform(0, 2)) : nil
    seed = random.next()
  }

  /// The degraded scene, gaps as NaN; its grid is coarser for `superres`.
  ///
  /// - Parameter scene: values in [0, 1].
  func apply(to scene: Cube, _ context: RunContext) throws -> Cube {
    var result = try degradation.degrade(scene, DegradationTarget(scene.shape, seed: seed), context).scene
    if let noise {
      result = try noise.degrade(result, DegradationTarget(result.shape, seed: seed ^ 1), context).scene
    }
    return result
  }

  /// Pixels of the clean scene per pixel of the degraded one.
  var scale: Int { degradation.reduction }
  /// How the pixels of the two grids lie to each other.
  var grid: CubicResampling.Grid { (degradation as? Downsampling)?.usesMeans == true ? .area : .corners }
}
