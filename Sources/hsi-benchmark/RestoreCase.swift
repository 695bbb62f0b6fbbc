import Foundation
import HSIKit

/// One degradation of one strength that restorers are measured against.
struct RestoreCase: Sendable {
  /// What is compared.
  enum Measure: Sendable {
    /// All values.
    case all
    /// Bands in which something was missing, and beside them the missing values alone.
    case missing
  }

  let task: RestorationTask
  /// The heading of its table, and the strength, both as they stand in the records.
  let heading, strength: String
  /// The task in the register, and methods of other tasks that are measured beside those.
  let methods: MethodTask
  var rivals: [String] = []
  /// What is known about the degradation, by the names of parameters of methods; those that a method does not have are left out.
  var known: [String: Double] = [:]
  /// What the degradation is called in trainings, for networks that want to be told.
  let prompt: String
  /// Whether the seed matters.
  var isRandom = true
  var measure = Measure.all
  /// The degraded scene; what is missing is NaN.
  let degrade: @Sendable (_ clean: Cube, _ seed: UInt64, _ context: RunContext) throws -> Cube

  /// All of them.
  static let all = blurs + enlargements + gaps + bands + hazes + photons

  // MARK: - Blur

  private static let blurs: [RestoreCase] =
    [9.0, 15, 21].map { size in
      RestoreCase(
        task: .deblur, heading: "Gaussian blur", strength: "k \(Int(size))", methods: .deblur,
        known: ["kind": 0, "size": size, "zeros": 1], prompt: "gaussian-blur", isRandom: false
      ) { clean, seed, context in
        try degraded("gaussian-blur", ["size": size], clean, seed, context)
      }
    }
    + [9.0, 15, 21].map { size in
      RestoreCase(
        task: .deblur, heading: "Gaussian blur and noise", strength: "k \(Int(size)), σ 2", methods: .deblur,
        known: ["kind": 0, "size": size], prompt: "gaussian-blur"
      ) { clean, seed, context in
        try noisy(degraded("gaussian-blur", ["size": size, "mirror": 1], clean, seed, context), seed, context)
      }
    } + [
      RestoreCase(
        task: .deblur, heading: "Motion blur", strength: "15 pixels, 45°", methods: .deblur,
        known: ["kind": 1, "size": 15, "angle": 45, "zeros": 1], prompt: "motion-blur", isRandom: false
      ) { clean, seed, context in
        try degraded("motion-blur", ["size": 15, "angle": 45], clean, seed, context)
      },
      RestoreCase(
        task: .deblur, heading: "Motion blur", strength: "15 pixels, 45°, σ 2", methods: .deblur,
        known: ["kind": 1, "size": 15, "angle": 45], prompt: "motion-blur"
      ) { clean, seed, context in
        try noisy(
          degraded("motion-blur", ["size": 15, "angle": 45, "mirror": 1], clean, seed, context), seed, context)
      },
    ]

  // MARK: - Grids

  private static let enlargements: [RestoreCase] = [0.0, 1].flatMap { area in
    [2.0, 4, 8].map { scale in
      RestoreCase(
        task: .superres, heading: area == 0 ? "Super-resolution, corners kept" : "Super-resolution, means over areas",
        strength: "×\(Int(scale))", methods: .superResolve, known: ["scale": scale, "area": area],
        prompt: "super-resolution", isRandom: false
      ) { clean, seed, context in
        try degraded("downsampling", ["factor": scale, "area": area], clean, seed, context)
      }
    }
  }

  // MARK: - Missing values

  private static let gaps: [RestoreCase] =
    [0.7, 0.8, 0.9].map { ratio in
      RestoreCase(
        task: .inpaint, heading: "Missing values", strength: "\(Int((ratio * 100).rounded())) %", methods: .inpaint,
        prompt: "inpainting", measure: .missing
      ) { clean, seed, context in
        try degraded("mask", ["ratio": ratio], clean, seed, context)
      }
    } + [
      RestoreCase(
        task: .inpaint, heading: "Clouds", strength: "20 % of pixels", methods: .inpaint, prompt: "inpainting",
        measure: .missing
      ) { clean, seed, _ in clouds(clean, share: 0.2, seed) },
      RestoreCase(
        task: .inpaint, heading: "Dead detectors", strength: "5–15 % of columns in a third of the bands",
        methods: .inpaint, prompt: "inpainting", measure: .missing
      ) { clean, seed, _ in deadDetectors(clean, seed) },
    ]

  private static let bands: [RestoreCase] = [0.1, 0.2, 0.3].map { ratio in
    RestoreCase(
      task: .bands, heading: "Missing bands", strength: "\(Int((ratio * 100).rounded())) %", methods: .inpaint,
      prompt: "missing-bands", measure: .missing
    ) { clean, seed, context in
      try degraded("missing-bands", ["ratio": ratio], clean, seed, context)
    }
  }

  // MARK: - Light

  private static let hazes: [RestoreCase] = [0, 0.5, 0.75, 1].map { strength in
    RestoreCase(
      task: .dehaze, heading: strength == 0 ? "No haze" : "Haze", strength: strength == 0 ? "none" : "ω \(strength)",
      methods: .dehaze,
      prompt: "haze", isRandom: strength > 0
    ) { clean, seed, context in
      try degraded("haze", ["strength": strength], clean, seed, context)
    }
  }

  private static let photons = [
    RestoreCase(
      task: .poisson, heading: "Poisson noise", strength: "peak 10", methods: .removePhotonNoise,
      rivals: ["fasthyde", "fasthymix"], prompt: "poisson"
    ) { clean, seed, context in
      try degraded("poisson", ["peak": 10], clean, seed, context)
    }
  ]

  // MARK: - Degrading

  private static func degraded(
    _ kind: String, _ values: [String: Double], _ clean: Cube, _ seed: UInt64, _ context: RunContext
  ) throws -> Cube {
    try Degradations.all.named(kind, values).degrade(clean, DegradationTarget(clean.shape, seed: seed), context).scene
  }

  /// With noise of σ 2 on the scale 0–255, that of a good sensor.
  private static func noisy(_ scene: Cube, _ seed: UInt64, _ context: RunContext) throws -> Cube {
    try Degradations.all.named("gaussian", [2]).degrade(scene, DegradationTarget(scene.shape, seed: seed), context)
      .scene
  }

  private static func copy(_ scene: Cube) -> Cube {
    let pixels = PixelMatrix(rows: scene.count, columns: scene.shape.bands)
    pixels.pointer.update(from: scene.pixels.pointer, count: scene.count * scene.shape.bands)
    return Cube(shape: scene.shape, metadata: scene.metadata, pixels: pixels, positions: scene.positions)
  }

  /// Without the pixels in round clouds, of radii from 4 to 12 % of the shorter side, that cover a share of the image.
  private static func clouds(_ clean: Cube, share: Double, _ seed: UInt64) -> Cube {
    let result = copy(clean)
    let (lines, samples, bands) = (clean.shape.lines, clean.shape.samples, clean.shape.bands)
    var random = CounterRandom(seed: seed, stream: 0x434C_4F55)
    var isHidden = [Bool](repeating: false, count: lines * samples)
    var hidden = 0
    while Double(hidden) < share * Double(lines * samples) {
      let (y, x) = (random.uniform() * Double(lines), random.uniform() * Double(samples))
      let radius = (0.04 + 0.08 * random.uniform()) * Double(min(lines, samples))
      for place in isHidden.indices where !isHidden[place] {
        let (dy, dx) = (Double(place / samples) - y, Double(place % samples) - x)
        guard dy * dy + dx * dx <= radius * radius else { continue }
        isHidden[place] = true
        hidden += 1
      }
    }
    for (row, place) in clean.positions.enumerated() where isHidden[Int(place)] {
      for b in 0..<bands { result.pixels[row, b] = .nan }
    }
    return result
  }

  /// Without the columns of dead detectors of a push-broom sensor: in a third of the bands 5 to 15 % of the columns.
  private static func deadDetectors(_ clean: Cube, _ seed: UInt64) -> Cube {
    let result = copy(clean)
    let (samples, bands) = (clean.shape.samples, clean.shape.bands)
    var random = CounterRandom(seed: seed, stream: 0x4445_4144)
    for band in drawn(bands / 3, of: bands, &random) {
      let count = Int((0.05 + 0.1 * random.uniform()) * Double(samples))
      let dead = Set(drawn(max(count, 1), of: samples, &random))
      for (row, place) in clean.positions.enumerated() where dead.contains(Int(place) % samples) {
        result.pixels[row, band] = .nan
      }
    }
    return result
  }

  /// Some of the first `all` whole numbers, ascending.
  private static func drawn(_ count: Int, of all: Int, _ random: inout CounterRandom) -> [Int] {
    var left = Array(0..<all)
    return (0..<count).map { _ in left.remove(at: random.index(below: left.count)) }.sorted()
  }
}

extension RestoreCase {
  /// The degraded scene as it would be used as it is: missing values 0, small pixels repeated.
  func plain(_ degraded: Cube, like clean: Cube) -> Cube {
    let bands = clean.shape.bands
    let factor = clean.shape.samples / degraded.shape.samples
    let pixels = PixelMatrix(rows: clean.count, columns: bands)
    for (row, place) in clean.positions.enumerated() {
      let (line, sample) = (Int(place) / clean.shape.samples, Int(place) % clean.shape.samples)
      let source = line / factor * degraded.shape.samples + sample / factor
      for b in 0..<bands {
        let value = degraded.pixels[source, b]
        pixels[row, b] = value.isFinite ? value : 0
      }
    }
    return Cube(shape: clean.shape, metadata: clean.metadata, pixels: pixels, positions: clean.positions)
  }

  /// Those of the known values that a method has parameters for.
  func values(for description: MethodDescription) -> [String: Double] {
    let names = Set(description.parameters.map(\.name))
    return known.filter { names.contains($0.key) }
  }
}
