import Foundation
import HSICore
import HSINumerics
import HSITransformer
import Testing

@testable import HSIClassification

/// The choice of a classifier, and what it rests on.
@Suite(.serialized) struct AutomaticClassifierTests {
  /// Noise has unit variance in MNF components, which are uncorrelated; units of bands do not matter.
  @Test func noiseFractions() throws {
    let (rows, bands) = (400, 6)
    var random = CounterRandom(seed: 21)
    let pixels = PixelMatrix(rows: rows, columns: bands)
    let mixing = (0..<(2 * bands)).map { _ in random.normal() }
    for pair in 0..<(rows / 2) {
      let signal = [random.normal(), random.normal()]
      for row in [2 * pair, 2 * pair + 1] {
        for band in 0..<bands {
          let clean = signal[0] * mixing[band] + signal[1] * mixing[bands + band]
          pixels[row, band] = Float(5 + clean + 0.1 * Double(band + 1) * random.normal())
        }
      }
    }
    let pairs = (0..<(rows / 2)).map { (2 * $0, 2 * $0 + 1) }
    let features = try #require(try Features.noiseFractions(4, pixels, pairs: pairs))
    #expect(features.dimension == 4)
    let values = features.apply(pixels)
    for k in 0..<4 {
      let noise = pairs.reduce(0.0) { sum, pair in
        let d = Double(values[pair.0, k] - values[pair.1, k])
        return sum + d * d / 2
      }
      #expect(abs(noise / Double(pairs.count) - 1) < 0.15)
      for l in 0..<k {
        let mean = (0..<rows).reduce(0.0) { $0 + Double(values[$1, k]) * Double(values[$1, l]) } / Double(rows)
        #expect(abs(mean) < 0.02 * (features.variances[k] * features.variances[l]).squareRoot())
      }
    }
    // Two signals in six bands: the third fraction is noise.
    #expect(features.variances[1] > 5 && features.variances[2] < 1.5)
    let other = PixelMatrix(rows: rows, columns: bands)
    for row in 0..<rows { for band in 0..<bands { other[row, band] = pixels[row, band] * Float(1 << band) } }
    let again = try #require(try Features.noiseFractions(4, other, pairs: pairs)).apply(other)
    #expect(zip(again.values, values.values).allSatisfy { abs($0 - $1) < 1e-2 * (1 + abs($1)) })
    #expect(try Features.noiseFractions(4, pixels, pairs: Array(pairs.prefix(7))) == nil)
  }

  /// Blocks stay whole, scattered pixels are cut into compact parts, a single pixel is in no fold.
  @Test func folds() {
    // Five blocks of 3 × 3 of class 0 with gaps, a row of 40 pixels of class 1, one pixel of class 2.
    var (positions, labels): ([Int32], [Int]) = ([], [])
    for block in 0..<5 {
      for n in 0..<9 {
        positions.append(Int32((n / 3) * 60 + 8 * block + n % 3))
        labels.append(0)
      }
    }
    for sample in 0..<40 {
      positions.append(Int32(20 * 60 + sample))
      labels.append(1)
    }
    positions.append(Int32(40 * 60))
    labels.append(2)
    let folds = SpatialFolds(positions, labels: labels, samples: 60, count: 5).folds
    for block in 0..<5 { #expect(Set(folds[(9 * block)..<(9 * block + 9)]).count == 1) }
    #expect(Set(folds[..<45]).count == 5)
    // Runs of eight, each in one fold.
    let row = Array(folds[45..<85])
    #expect(Set(row).count == 5 && zip(row, row.dropFirst()).count { $0 != $1 } == 4)
    #expect(folds[85] == -1)
  }

  /// A choice is made on folds, is the same for any number of threads, and comes back from its file.
  @Test func choiceAndFile() throws {
    let small = SmallScene(lines: 24, samples: 20, bands: 10)
    let task = small.task(step: 4)
    let trained = try Classifiers.named("auto", ["components": 4]).train(task, RunContext(seed: 2))
    let choice = try #require(trained.configuration["choice"])
    #expect(choice.contains("held-out training pixels: ") && choice.contains(" far away); next "))
    #expect(trained.configuration["members"]?.contains("extra-trees") ?? false)
    #expect(try small.accuracy(trained) > 0.95)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("auto-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let classes = ClassTable(values: [1, 2, 3], entries: small.classes)
    try ClassificationModel(
      trained, classes: classes, axis: small.scene.metadata.axis, trainingCounts: task.trainingCounts, split: nil
    ).write(to: path, overwrite: false)
    let model = try ClassificationModel.read(path)
    let lines = 0..<small.scene.shape.lines
    #expect(
      try model.classifier.probabilities(small.scene, lines: lines, RunContext()).values
        == trained.probabilities(small.scene, lines: lines, RunContext()).values)
  }

  /// Planes that do not fit the memory are not compared: spectra and MNF components vote.
  @Test func scenesThatAreTooLarge() throws {
    let small = SmallScene(lines: 24, samples: 20, bands: 10)
    var context = RunContext(seed: 2)
    context.memory = MemoryBudget(bytes: 100_000)
    let trained = try Classifiers.named("auto", ["components": 4]).train(small.task(step: 4), context)
    #expect(trained.contextRadius == 0)
    #expect(try small.accuracy(trained) > 0.9)
  }

  /// With and without smoothing where it is told; `auto` smooths fields of noisy spectra.
  @Test func refinements() throws {
    let (scene, labels) = Self.fields()
    let kept = stride(from: 0, to: labels.count, by: 7)
    let task = ClassificationTask(
      scene: scene, training: LabelledPixels(positions: kept.map { Int32($0) }, labels: kept.map { labels[$0] }),
      classes: [ClassEntry(name: "dark", colour: [0, 0, 0]), ClassEntry(name: "bright", colour: [255, 255, 255])])
    func accuracy(_ trained: any TrainedClassifier) throws -> Double {
      let found = try trained.probabilities(scene, lines: 0..<scene.shape.lines, RunContext())
      return Double(labels.indices.count { (found[$0, 1] > found[$0, 0] ? 1 : 0) == labels[$0] }) / Double(labels.count)
    }
    func trained(_ refinement: Refinement) throws -> any TrainedClassifier {
      try AutomaticClassifier.refining(Classifiers.named("lda"), refinement).train(task, RunContext())
    }
    let (plain, smoothed, chosen) = try (trained(.none), trained(.epf), trained(.auto))
    #expect(plain.id == "lda" && smoothed.id == "auto" && smoothed.contextRadius == 6)
    let gain = try accuracy(smoothed) - accuracy(plain)
    #expect(gain > 0.05, "\(gain)")
    #expect(chosen.contextRadius == 6 && chosen.configuration["choice"]?.contains("lda, smoothed") ?? false)
    #expect(throws: ClassificationError.self) {
      try AutomaticClassifier.refining(Classifiers.named("less-tiny"), .epf)
    }
    // A network that is refined keeps its session; the choice has none.
    let session = TrainingSession(statePath: "/nowhere/x", resumes: false, timeLimit: 1)
    #expect(throws: ClassificationError.self) {
      try Classifiers.train(Classifiers.named("auto"), task, session, RunContext())
    }
  }

  /// Four fields of 15 × 15 of two brightnesses, all pixels valid, with noise.
  private static func fields() -> (scene: Cube, labels: [Int]) {
    var random = CounterRandom(seed: 8)
    let pixels = PixelMatrix(rows: 900, columns: 12)
    let labels = (0..<900).map { ($0 / 30 / 15 + $0 % 30 / 15) % 2 }
    for n in 0..<900 {
      for band in 0..<12 { pixels[n, band] = Float(0.5 + 0.075 * Double(labels[n]) + 0.1 * random.normal()) }
    }
    return (Cube(lines: 30, samples: 30, pixels: pixels), labels)
  }

  /// A class that a fold leaves with too few pixels for the classifier is no error: that fold is not judged.
  @Test func foldsThatLeaveTooLittle() throws {
    let (scene, labels) = Self.fields()
    let bright = labels.indices.filter { labels[$0] == 1 }
    let kept = labels.indices.filter { labels[$0] == 0 && $0 % 7 == 0 } + [bright[0], bright[bright.count - 1]]
    let training = kept.sorted()
    let task = ClassificationTask(
      scene: scene,
      training: LabelledPixels(positions: training.map { Int32($0) }, labels: training.map { labels[$0] }),
      classes: [ClassEntry(name: "dark", colour: [0, 0, 0]), ClassEntry(name: "bright", colour: [255, 255, 255])])
    let svm = try Classifiers.named("svm", ["C": 10, "gamma": 1])
    let trained = try AutomaticClassifier.refining(svm, .auto).train(task, RunContext())
    #expect(trained.configuration["members"]?.contains("svm") ?? false)
  }

  /// Files whose parts contradict each other are refused.
  @Test func contradictions() throws {
    let small = SmallScene(lines: 24, samples: 20, bands: 10)
    let trained = try #require(
      try AutomaticClassifier.refining(Classifiers.named("lda"), .epf).train(small.task(), RunContext()) as? Committee)
    let smoothing = try #require(trained.smoothing)
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("auto-\(UUID()).safetensors").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    func refused(
      _ change: ([(name: String, content: SafetensorsWriter.Content)]) -> [(
        name: String, content: SafetensorsWriter.Content
      )], _ settings: [String: String] = [:]
    ) throws -> Bool {
      var card = ModelCard(architecture: "auto")
      card.configuration = trained.configuration.merging(settings) { $1 }
      try SafetensorsWriter.write(change(trained.contents), card: card, to: path, overwrite: true)
      let file = try WeightFile.open(path)
      do {
        _ = try Committee(file, file.card() ?? card)
        return false
      } catch let error as any HSIError { return error.category == .model }
    }
    #expect(try !refused({ $0 }))
    func member(_ classifier: String, _ sight: String) -> [String: String] {
      ["members": "[{\"classifier\":\"\(classifier)\",\"settings\":{},\"sight\":\"\(sight)\"}]"]
    }
    #expect(try !refused({ $0 }, member("lda", "spectra")))
    for settings in [
      member("auto", "spectra"), member("", "spectra"), member("svm", "spectra"), member("lda", "MNF components"),
      member("lda", "elsewhere"), ["members": "[]"], ["members": "{"], ["profile": "{}"],
      ["profile": "{\"components\":4,\"radii\":[-1],\"steps\":6}"],
    ] {
      #expect(try refused({ $0 }, settings), "\(settings)")
    }
    func settings(_ values: [Float]) -> (String, SafetensorsWriter.Content) {
      ("smoothing.settings", .floats(Tensor([3], values)))
    }
    for values in [[smoothing.offset, 0, 0.01], [smoothing.offset, 1e9, 0.01], [smoothing.offset, 3, 0]] {
      #expect(try refused { $0.filter { $0.name != "smoothing.settings" } + [settings(values)] })
    }
    let short = SafetensorsWriter.Content.floats(Tensor([9], Array(smoothing.axis.dropLast())))
    #expect(try refused { $0.filter { $0.name != "smoothing.axis" } + [("smoothing.axis", short)] })
  }
}
