import ArgumentParser
import Foundation
import HSICore
import HSINumerics
import HSISpectral
import HSIUnmixing

/// Accuracy of all blind methods on scenes with known truth: writes the table of the documentation.
struct Accuracy: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Abundance and endmember errors of every blind method, clean and with corrupted channels.")

  @Option(help: "Folder with the data sets.") var data: String
  @Option(help: "Markdown file to write; a .json of the same name is written beside it.") var out: String
  @Option(help: "Seeds per scene and condition.") var seeds = 10
  @Option(help: "Corrupted channels, separated by commas.") var bad = "0,5,10,20,30"
  @Option(help: "Scenes, separated by commas; DrawnEven, DrawnRelief and DrawnVaried are drawn whole by the seed.")
  var scenes = SceneCollection.names.joined(separator: ",")
  @Flag(help: "Two seeds, 0 and 20 bad channels, no full-size Urban.") var quick = false

  @Flag(help: "Only the row of what runs by default.") var defaultOnly = false

  @Flag(help: "Keep the runs that the .json file already holds, and add what is missing.") var resume = false

  @Option(help: "Rows to measure, separated by commas; all by default.") var methods: String?

  /// The row of what `hsi unmix --count K` runs; it chooses raw or unit-length pixels itself.
  static let defaultLabel = "default"

  /// One run of one method.
  struct Record: Codable {
    var scene: String
    var seed: Int
    var bad: Int
    var unitLength: Bool
    var method: String
    /// Abundance RMSE.
    var rmse: Double
    /// Mean spectral angle on uncorrupted channels, radians.
    var sad: Double
    var seconds: Double
  }

  static let methods: [(label: String, method: (any BlindUnmixer)?)] = {
    let fixed = UnmixingMethods.blind.filter { $0 != AutomaticUnmixing.self }
    let blind: [(String, (any BlindUnmixer)?)] = fixed.compactMap { type in
      (try? type.init([:])).map { (type.description.id, $0) }
    }
    return [("VCA + FCLS", nil), ("VCA + NNLS", nil)] + blind
  }()

  func run() throws {
    let began = Date()
    let collection = SceneCollection(folder: data)
    var names = scenes.split(separator: ",").map(String.init)
    var counts = bad.split(separator: ",").compactMap { Int($0) }
    var seeds = self.seeds
    if quick {
      names.removeAll { $0 == "UrbanSim" }
      counts = [0, 20]
      seeds = min(seeds, 2)
    }
    var records = resume ? try earlier() : []
    let asked = methods.map { Set($0.split(separator: ",").map(String.init)) }
    let wanted = Set(Accuracy.methods.map(\.label).filter { asked?.contains($0) ?? true })
    guard !wanted.isEmpty else { throw ValidationError("--methods: there is no row of these names") }
    for seed in 0..<seeds {
      for name in names {
        func missing(_ count: Int, _ unitLength: Bool) -> Set<String> {
          let have = records.filter {
            $0.scene == name && $0.seed == seed && $0.bad == count && $0.unitLength == unitLength
          }
          return wanted.subtracting(have.map(\.method))
        }
        func hasDefault(_ count: Int) -> Bool {
          records.contains {
            $0.scene == name && $0.seed == seed && $0.bad == count && $0.method == Accuracy.defaultLabel
          }
        }
        let open = defaultOnly ? [] : counts.filter { !missing($0, false).isEmpty || !missing($0, true).isEmpty }
        let undecided = methods == nil ? counts.filter { !hasDefault($0) } : []
        guard !open.isEmpty || !undecided.isEmpty else { continue }
        let clean = try collection.scene(name, seed: UInt64(1000 + seed))
        for count in undecided {
          let (scene, bad) = clean.corrupted(channels: count, seed: UInt64(31 * seed + count))
          records.append(try measureDefault(scene, bad, seed: seed, count: count))
        }
        for count in open {
          let (scene, bad) = clean.corrupted(channels: count, seed: UInt64(31 * seed + count))
          for unitLength in [false, true] {
            records += try measure(
              scene, bad, seed: seed, count: count, unitLength: unitLength, only: missing(count, unitLength))
          }
        }
        note("seed \(seed), \(name): \(Int(Date().timeIntervalSince(began))) s")
        // After every scene, so that an interrupted run leaves what it has.
        try write(records, seeds: seeds, began: began)
      }
    }
  }

  /// The runs in the JSON file of an earlier call; none where there is no file.
  private func earlier() throws -> [Record] {
    let path = (out.hasSuffix(".md") ? String(out.dropLast(3)) : out) + ".json"
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    return try JSONDecoder().decode([Record].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

  private func measureDefault(_ scene: LabelledScene, _ bad: Set<Int>, seed: Int, count: Int) throws -> Record {
    let context = RunContext(seed: UInt64(seed))
    let begin = Date()
    let fit = try BlindUnmixing.factorise(
      scene.cube, AutomaticUnmixing(), count: scene.count, unitLength: nil, context)
    let abundances = PixelMatrix(rows: scene.pixels.rows, columns: scene.count)
    try fit.deliver(context) { strip in
      abundances.pointer.update(from: strip.abundances.pointer, count: abundances.rows * abundances.columns)
    }
    let seconds = Date().timeIntervalSince(begin)
    let endmembers = Matrix(rows: scene.count, columns: scene.bands, values: fit.endmembers.values)
    return record(
      Accuracy.defaultLabel, scene, bad, abundances, endmembers, seed: seed, count: count, unitLength: fit.unitLength,
      seconds: seconds)
  }

  private func measure(
    _ scene: LabelledScene, _ bad: Set<Int>, seed: Int, count: Int, unitLength: Bool, only labels: Set<String>
  ) throws -> [Record] {
    guard !labels.isEmpty else { return [] }
    let context = RunContext(seed: UInt64(seed))
    let cube = scene.cube
    if unitLength {
      // On a copy: the raw scene is still needed.
      let kept = try ChannelHealth(scene.pixels).best(count: scene.count)
      let copy = PixelMatrix(rows: scene.pixels.rows, columns: scene.bands)
      copy.pointer.update(from: scene.pixels.pointer, count: copy.rows * copy.columns)
      RobustStart.normalise(copy, kept: kept)
      return try measure(
        scene, Cube(lines: scene.lines, samples: scene.samples, pixels: copy), bad, seed: seed, count: count,
        unitLength: true, only: labels, context)
    }
    RobustStart.clipNegatives(cube.pixels)
    return try measure(scene, cube, bad, seed: seed, count: count, unitLength: false, only: labels, context)
  }

  private func measure(
    _ scene: LabelledScene, _ cube: Cube, _ bad: Set<Int>, seed: Int, count: Int, unitLength: Bool,
    only labels: Set<String>, _ context: RunContext
  ) throws -> [Record] {
    let start = try RobustStart().make(cube, count: scene.count, unitLength: unitLength, context)
    return try Accuracy.methods.filter { labels.contains($0.label) }.map { label, method in
      let begin = Date()
      let (abundances, endmembers) = try solve(label, method, cube, start, scene.count, context)
      return record(
        label, scene, bad, abundances, endmembers, seed: seed, count: count, unitLength: unitLength,
        seconds: Date().timeIntervalSince(begin))
    }
  }

  private func record(
    _ label: String, _ scene: LabelledScene, _ bad: Set<Int>, _ abundances: PixelMatrix, _ endmembers: Matrix<Double>,
    seed: Int, count: Int, unitLength: Bool, seconds: Double
  ) -> Record {
    let good = (0..<scene.bands).filter { !bad.contains($0) }
    let order = Matching.byAbundance(abundances, scene.abundances)
    var errors = AbundanceErrors(endmembers: scene.count)
    errors.add(abundances, scene.abundances, order: order)
    var angle = 0.0
    for (k, match) in order.enumerated() {
      guard let match else { continue }
      angle += SpectralDistance.angle(good.map { endmembers[match, $0] }, good.map { scene.endmembers[k, $0] })
    }
    return Record(
      scene: scene.name, seed: seed, bad: count, unitLength: unitLength, method: label, rmse: errors.rmse,
      sad: angle / Double(scene.count), seconds: seconds)
  }

  /// Abundances N × K and endmembers K × L of one method from the common start.
  private func solve(
    _ label: String, _ method: (any BlindUnmixer)?, _ cube: Cube, _ start: BlindStart, _ count: Int,
    _ context: RunContext
  ) throws -> (PixelMatrix, Matrix<Double>) {
    if let method {
      let result = try method.unmix(cube, count: count, start: start, context)
      return (
        result.abundances,
        Matrix(rows: count, columns: cube.shape.bands, values: result.endmembers.values)
      )
    }
    let spectra = start.endmembers.map(Double.init)
    let library = SpectralLibrary(
      names: (0..<count).map { "\($0)" }, axis: cube.metadata.axis, values: spectra.values)
    let weights = start.keptChannels.map { $0 ? 1.0 : 0.0 }
    let abundances = PixelMatrix(rows: 0, columns: count)
    if label == "VCA + FCLS" {
      try FCLS().prepare(library, weights: weights).solve(cube.pixels, into: abundances)
    } else {
      try NNLS().prepare(library, weights: weights).solve(cube.pixels, into: abundances)
      for n in 0..<abundances.rows {
        let row = abundances.row(n)
        let sum = row.reduce(0, +)
        for k in row.indices { row[k] = sum > 0 ? row[k] / sum : 1 / Float(count) }
      }
    }
    return (abundances, spectra)
  }

  private func write(_ records: [Record], seeds: Int, began: Date) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let base = out.hasSuffix(".md") ? String(out.dropLast(3)) : out
    try encoder.encode(records).write(to: URL(fileURLWithPath: base + ".json"))
    let table = AccuracyTable(
      records: records, command: CommandLine.arguments.joined(separator: " "), date: began)
    try Data(table.markdown.utf8).write(to: URL(fileURLWithPath: out))
  }
}
