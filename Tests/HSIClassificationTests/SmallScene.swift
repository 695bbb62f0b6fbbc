import HSICore
import HSINumerics

@testable import HSIClassification

/// A scene of fields whose spectra differ a little, with noise and some missing pixels.
struct SmallScene {
  let scene: Cube
  let labels: LabelledPixels
  let classes: [ClassEntry]

  init(
    lines: Int = 20, samples: Int = 18, bands: Int = 12, classes count: Int = 3, missing: Bool = true, seed: UInt64 = 1
  ) {
    var random = CounterRandom(seed: seed)
    let spectra = (0..<count).map { _ in (0..<bands).map { _ in random.uniform(0.2, 0.8) } }
    var (positions, values, labels): ([Int32], [Float], [Int]) = ([], [], [])
    for line in 0..<lines {
      for sample in 0..<samples {
        let kind = (line / 5 + sample / 6) % count
        let pixel = spectra[kind].map { Float($0 + 0.03 * random.normal()) }
        if missing, random.uniform() < 0.05 { continue }
        positions.append(Int32(line * samples + sample))
        values += pixel
        labels.append(kind)
      }
    }
    let shape = CubeShape(lines: lines, samples: samples, bands: bands)
    var metadata = CubeMetadata(bands: bands)
    metadata.axis = SpectralAxis(wavelengths: (0..<bands).map { 450 + 20 * Double($0) })
    scene = Cube(
      shape: shape, metadata: metadata,
      pixels: PixelMatrix(rows: positions.count, columns: bands, values: values), positions: positions)
    self.labels = LabelledPixels(positions: positions, labels: labels)
    classes = (0..<count).map { ClassEntry(name: "field \($0)", colour: [UInt8(80 * $0), 0, 0]) }
  }

  /// Every `step`-th pixel to learn from, the next ones to validate on.
  func task(step: Int = 5) -> ClassificationTask {
    func part(_ offset: Int) -> LabelledPixels {
      let indices = stride(from: offset, to: labels.count, by: step)
      return LabelledPixels(positions: indices.map { labels.positions[$0] }, labels: indices.map { labels.labels[$0] })
    }
    return ClassificationTask(scene: scene, training: part(0), validation: part(1), classes: classes)
  }

  /// Share of all labelled pixels that a classifier gets right.
  func accuracy(_ classifier: any TrainedClassifier, _ context: RunContext = RunContext()) throws -> Double {
    let probabilities = try classifier.probabilities(scene, lines: 0..<scene.shape.lines, context)
    let right = labels.labels.indices.filter { n in
      Scores.largest(probabilities.pointer + n * classes.count, count: classes.count) == labels.labels[n]
    }
    return Double(right.count) / Double(labels.count)
  }
}
