import Foundation
import HSIClassification
import HSICore
import HSINumerics
import HSITransformer

/// What every classifier promises (see `Classifier`), checked on a small task. Returns what is broken, in words.
///
/// - Parameters:
///   - entry: the line of the register.
///   - values: parameters that keep it small.
public func checkClassifier(
  _ entry: Classifiers.Entry, _ values: [String: Double] = [:], task: ClassificationTask
) throws -> [String] {
  let id = entry.description.id
  var broken: [String] = []
  func expect(_ isGood: Bool, _ problem: String) { if !isGood { broken.append("\(id): \(problem)") } }
  let classifier = try entry.make(
    MethodParameters(values, method: id, parameters: entry.description.parameters))
  func bits(_ trained: any TrainedClassifier) throws -> [Float] {
    try trained.probabilities(task.scene, lines: 0..<task.scene.shape.lines, RunContext()).values
  }
  let trained = try classifier.train(task, RunContext(seed: 3))
  expect(trained.id == id, "what it learned is called \(trained.id)")
  expect(trained.bands == task.scene.shape.bands, "it learned \(trained.bands) bands")
  expect(trained.classCount == task.classes.count, "it learned \(trained.classCount) classes")
  expect(trained.patchRadius == classifier.patchRadius, "it looks further after training than it said")
  let all = try bits(trained)
  let classes = task.classes.count
  expect(all.count == task.scene.count * classes, "it tells of \(all.count / max(classes, 1)) pixels")
  for row in 0..<(all.count / classes) {
    let row = all[(row * classes)..<((row + 1) * classes)]
    if !row.allSatisfy({ $0 >= 0 }) || abs(row.reduce(0, +) - 1) > 1e-4 {
      expect(false, "probabilities \(Array(row))")
      break
    }
  }

  // Strips that hold no more than the promised neighbourhood, and begin where they may.
  let (shape, multiple) = (task.scene.shape, trained.lineMultiple)
  let radius = (trained.contextRadius + multiple - 1) / multiple * multiple
  let step = (2 + multiple) / multiple * multiple
  var pieces: [Float] = []
  for line in stride(from: 0, to: shape.lines, by: step) {
    let end = min(line + step, shape.lines)
    let offered = max(0, line - radius)..<min(shape.lines, end + radius)
    let rows = task.scene.rows(lines: offered)
    let pixels = PixelMatrix(
      rows: rows.count, columns: shape.bands, values: rows.flatMap { Array(task.scene.pixels.row($0)) })
    let strip = Cube(
      shape: CubeShape(lines: offered.count, samples: shape.samples, bands: shape.bands), metadata: task.scene.metadata,
      pixels: pixels, positions: task.scene.positions[rows].map { $0 - Int32(offered.lowerBound * shape.samples) })
    pieces += try trained.probabilities(
      strip, lines: (line - offered.lowerBound)..<(end - offered.lowerBound), RunContext()
    ).values
  }
  expect(pieces == all, "strips give other bits")

  // A file.
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("classifier-\(UUID()).safetensors").path
  defer { try? FileManager.default.removeItem(atPath: path) }
  var card = ModelCard(architecture: id)
  card.configuration = trained.configuration
  try SafetensorsWriter.write(trained.contents, card: card, to: path, overwrite: false)
  let file = try WeightFile.open(path)
  expect(
    try bits(entry.restore(file, file.card() ?? card)) == all,
    "a file gives other results than what it was written from")

  // Threads and seed.
  for count in [1, 3] {
    expect(
      try bits(classifier.train(task, RunContext(threads: count, seed: 3))) == all, "\(count) threads give other bits")
  }
  let cancelled = RunContext()
  cancelled.cancellation.cancel()
  do {
    _ = try classifier.train(task, cancelled)
    expect(false, "it does not stop when cancelled")
  } catch { expect(error as? CoreError != nil, "cancelled, it throws \(error)") }
  return broken
}
