import ArgumentParser
import Foundation
import HSIKit

/// How well detectors find targets and anomalies of real scenes, and of targets that were put into one.
struct DetectionAccuracy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detection-accuracy",
    abstract: "AUC of all detectors on scenes whose targets are known, and on targets put into a scene.")

  @Option(help: "Folder of the real scenes.") var data = "../shared/data"
  @Option(help: "Draws of targets and places.") var seeds = 5
  @Option(help: "Markdown file to write; standard output if none.") var out: String?

  /// A scene, its targets, and what is looked for.
  private struct Scene {
    var name: String
    var cube: Cube
    /// Whether each valid pixel is a target; nil for those that the target was taken from.
    var truth: [Bool?]
    var targets: SpectralLibrary?
  }

  func run() throws {
    let context = RunContext(memory: MemoryBudget(bytes: 8 << 30))
    let anomalies = try anomalyScenes(context)
    var text = """
      # Detectors on scenes with known targets

      Made by `\(CommandLine.arguments.joined(separator: " "))` with the defaults of every
      method. AUC is the area under the ROC curve; AUC to 0.01 the area up to a false-alarm rate of 0.01, as a share of the possible, which tells who finds the targets first. No choice was
      made on these scenes.

      ## Anomalies

      ABU airport-2 (AVIRIS, 100 × 100 × 205, 87 pixels of aeroplanes) and HYDICE Urban (80 × 100 × 162, 21 pixels of vehicles and roofs).


      """
    text += heading(anomalies.map(\.name))
    for type in Detectors.anomaly {
      try row(type.description.id, anomalies, &text) { scene in
        try type.init(in: scene.cube, MethodParameters([:], for: type.description), context)
      }
    }
    text += """

      ## Targets

      MUUFL Gulfport (CASI, 36 × 36 × 72): the spectrum and the truth that come with the crop. ABU and HYDICE: the spectrum is the mean
      of a quarter of the target pixels, drawn by seed; those pixels are not judged. AVIRIS with implants: 60 pixels of a 90 × 90
      × 224 scene hold 1, 3 or 10 % of a mineral of the USGS library, drawn by seed (bands with less than
      2 % of the light of the brightest are left out). Means over \(seeds) seeds.


      """
    let groups = try targetScenes(context)
    text += heading(groups.map { $0[0].name })
    for type in Detectors.target {
      var cells: [String] = []
      for group in groups {
        var sums = (area: 0.0, partial: 0.0)
        for scene in group {
          guard let targets = scene.targets else { continue }
          let detector = try type.init(
            targets, in: scene.cube, MethodParameters([:], for: type.description), context)
          let roc = try roc(detector, scene, context)
          sums.area += roc.area / Double(group.count)
          sums.partial += roc.partialArea(below: 0.01) / Double(group.count)
        }
        cells.append(String(format: "%.4f / %.3f", sums.area, sums.partial))
      }
      text += "| `\(type.description.id)` | " + cells.joined(separator: " | ") + " |\n"
    }
    text += """

      Each cell: AUC / AUC to 0.01. `mtmf` is judged by its first band; its infeasibility is for looking at what scores high.

      """
    if let out { try Data(text.utf8).write(to: URL(fileURLWithPath: out)) } else { print(text) }
  }

  private func heading(_ names: [String]) -> String {
    "| method | " + names.joined(separator: " | ") + " |\n|---|" + names.map { _ in "---|" }.joined() + "\n"
  }

  private func row(
    _ id: String, _ scenes: [Scene], _ text: inout String, _ make: (Scene) throws -> any Detector
  ) throws {
    let context = RunContext(memory: MemoryBudget(bytes: 8 << 30))
    let cells = try scenes.map { scene in
      let roc = try roc(make(scene), scene, context)
      return String(format: "%.4f / %.3f", roc.area, roc.partialArea(below: 0.01))
    }
    text += "| `\(id)` | " + cells.joined(separator: " | ") + " |\n"
  }

  private func roc(_ detector: any Detector, _ scene: Scene, _ context: RunContext) throws -> ROC {
    let (targets, background) = (ScoreHistogram(), ScoreHistogram())
    let columns = detector.bands.indices.filter { detector.bands[$0].isScore }
    let sign: Float = detector.sense == .lower ? -1 : 1
    var n = 0
    try detector.detect(in: scene.cube, context) { strip in
      guard let values = strip[.detection] else { return }
      for row in 0..<strip.count {
        let score = columns.map { sign * values[row, $0] }.max() ?? 0
        if let isTarget = scene.truth[n] { (isTarget ? targets : background).add(score) }
        n += 1
      }
    }
    return ROC(targets: targets, background: background)
  }

  // MARK: - Scenes

  private func load(_ path: String, variable: String, _ context: RunContext) throws -> Cube {
    var options = OpenOptions()
    options.variable = variable
    return try FileSource(
      RasterFormats.open(data + "/" + path, options: options, context: context), SelectionOptions(), context: context
    ).load(context)
  }

  private func truth(_ path: String, variable: String, _ context: RunContext) throws -> [Bool] {
    var request = LabelRequest(data + "/" + path)
    request.variable = variable
    return try request.read(context).map.ids.map { $0 != 0 }
  }

  private func anomalyScenes(_ context: RunContext) throws -> [Scene] {
    try [
      ("ABU airport-2", "aviris-anomaly/abu-airport-2.mat", "hsi", "hsi_gt"),
      ("HYDICE Urban", "hydice-urban/HYDICE_162.mat", "data", "map"),
    ].map { name, path, variable, map in
      let cube = try load(path, variable: variable, context)
      let all = try truth(path, variable: map, context)
      return Scene(name: name, cube: cube, truth: cube.positions.map { all[Int($0)] })
    }
  }

  /// One group of scenes per column: a scene per seed, or one.
  private func targetScenes(_ context: RunContext) throws -> [[Scene]] {
    let path = "muufl-crops/an_hsi_img_for_tgt_det_demo.mat"
    let cube = try load(path, variable: "hsi_sub", context)
    let all = try truth(path, variable: "gtImg_sub", context)
    var options = OpenOptions()
    options.variable = "tgt_spectra"
    var spectrum = try SpectralLibraryFile.read(data + "/" + path, options: options, context: context)
    spectrum.axis = cube.metadata.axis
    var groups = [
      [Scene(name: "MUUFL", cube: cube, truth: cube.positions.map { all[Int($0)] }, targets: spectrum)]
    ]
    for scene in try anomalyScenes(context) {
      groups.append((0..<seeds).map { drawn(from: scene, seed: UInt64($0)) })
    }
    let aviris = try load("aviris-90/a_hsi_img_for_VI_demo.mat", variable: "hsi_img", context)
    let usgs = try SpectralLibraryFile.read(data + "/usgs-library/USGS_1995_Library.mat", context: context)
    for share in [0.01, 0.03, 0.1] {
      groups.append(
        try (0..<seeds).map { try implanted(share, in: aviris, usgs, seed: UInt64($0)) })
    }
    return groups
  }

  /// A quarter of the targets gives the spectrum, the others are judged.
  private func drawn(from scene: Scene, seed: UInt64) -> Scene {
    var random = CounterRandom(seed: seed, stream: 91)
    var places = scene.truth.indices.filter { scene.truth[$0] == true }
    places.shuffle(using: &random)
    let taken = places.prefix(max(1, places.count / 4))
    let bands = scene.cube.shape.bands
    let mean = (0..<bands).map { b in
      taken.reduce(0.0) { $0 + Double(scene.cube.pixels[$1, b]) } / Double(taken.count)
    }
    var drawn = scene
    for place in taken { drawn.truth[place] = nil }
    drawn.targets = SpectralLibrary(names: ["target"], axis: scene.cube.metadata.axis, values: mean)
    return drawn
  }

  /// A scene some of whose pixels hold a share of a mineral, as bright as the scene is in the mean.
  private func implanted(_ share: Double, in cube: Cube, _ library: SpectralLibrary, seed: UInt64) throws -> Scene {
    var random = CounterRandom(seed: seed, stream: 92)
    let axis = cube.metadata.axis
    let minerals = try SpectralResampling.resample(library, to: axis, named: "the library")
    // Bands without light hold nothing but what is put in.
    let means = (0..<axis.count).map { b in
      (0..<cube.count).reduce(0.0) { $0 + Double(cube.pixels[$1, b]) } / Double(max(cube.count, 1))
    }
    let brightest = means.max() ?? 0
    let bands = (0..<axis.count).filter { minerals.covered[$0] && means[$0] > 0.02 * brightest }
    let pick = random.index(below: library.count)
    let pixels = PixelMatrix(rows: cube.count, columns: bands.count)
    for n in 0..<cube.count { for (b, band) in bands.enumerated() { pixels[n, b] = cube.pixels[n, band] } }
    var spectrum = bands.map { minerals.library.values[pick * axis.count + $0] }
    let level = pixels.values.reduce(0.0) { $0 + Double($1) } / Double(max(pixels.rows * bands.count, 1))
    let own = spectrum.reduce(0, +) / Double(max(spectrum.count, 1))
    spectrum = spectrum.map { $0 / max(own, 1e-12) * level }
    var truth = [Bool?](repeating: false, count: cube.count)
    var left = 60
    while left > 0 {
      let n = random.index(below: cube.count)
      guard truth[n] == false else { continue }
      truth[n] = true
      left -= 1
      for b in bands.indices {
        pixels[n, b] = Float((1 - share) * Double(pixels[n, b]) + share * spectrum[b])
      }
    }
    var metadata = cube.metadata.selecting(bands: bands)
    metadata.axis.good = [Bool](repeating: true, count: bands.count)
    let scene = Cube(
      shape: CubeShape(lines: cube.shape.lines, samples: cube.shape.samples, bands: bands.count), metadata: metadata,
      pixels: pixels, positions: cube.positions)
    return Scene(
      name: String(format: "AVIRIS, %g %%", 100 * share), cube: scene, truth: truth,
      targets: SpectralLibrary(names: [library.names[pick]], axis: metadata.axis, values: spectrum))
  }
}
