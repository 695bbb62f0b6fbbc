import Foundation
import HSICore
import HSITransformer
import Testing

@testable import HSIClassification

/// Files that claim to be classifiers.
@Suite struct ClassificationModelTests {
  private static func file() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID().uuidString).safetensors").path
  }

  private func bytes(of name: String) throws -> Data {
    let (task, _, _) = try TestTask.baselines()
    let trained = try Classifiers.named(name, name == "random-forest" ? ["trees": 3] : [:]).train(task, RunContext())
    let path = Self.file()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try ClassificationModel(
      trained, classes: ClassTable(values: [1, 2, 3], entries: TestTask.entries), axis: SpectralAxis(count: 6),
      trainingCounts: task.trainingCounts, split: nil
    ).write(to: path, overwrite: true)
    return try Data(contentsOf: URL(fileURLWithPath: path))
  }

  private func read(_ data: Data) throws -> ClassificationModel {
    let path = Self.file()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try data.write(to: URL(fileURLWithPath: path))
    return try ClassificationModel.read(path)
  }

  /// Damage is an error of the category `model` or harmless, and never ends the process.
  @Test(arguments: BaselineTests.names) func damagedFiles(name: String) throws {
    let whole = try bytes(of: name)
    let (task, test, _) = try TestTask.baselines()
    var random = CounterRandom(seed: 11)
    for round in 0..<60 {
      var data = whole
      if round % 6 == 0 {
        data = data.prefix(random.index(below: data.count))
      } else {
        for _ in 0..<(1 + round % 4) {
          data[random.index(below: round % 2 == 0 ? data.count : min(data.count, 4000))] = UInt8(
            truncatingIfNeeded: random.next())
        }
      }
      do {
        let model = try read(data)
        guard model.classifier.bands == 6 else { continue }
        _ = try model.classifier.probabilities(task.scene, lines: test, RunContext())
      } catch let error as any HSIError {
        #expect(error.category == .model)
      }
    }
  }

  @Test func weightsOfSomethingElse() throws {
    let path = Self.file()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var card = ModelCard(architecture: "HSDT")
    card.task = "denoising"
    for (card, part) in [(card, "it holds HSDT, made for denoising"), (nil, "it has no model card")] {
      try SafetensorsWriter.write(
        [("a", .floats(Tensor([1], repeating: 1)))], card: card, to: path, overwrite: true)
      let error = #expect(throws: ClassificationError.self) { _ = try ClassificationModel.read(path) }
      #expect(error?.problem.contains(part) == true && error?.category == .model)
    }
  }

  /// Trees that lead back to themselves would never end.
  @Test func forestsWithCyclesAreRefused() throws {
    let (task, _, _) = try TestTask.baselines()
    let trained = try Classifiers.named("random-forest", ["trees": 1]).train(task, RunContext())
    var contents = trained.contents
    let place = try #require(contents.firstIndex { $0.name == "forest.first" })
    guard case .integers(var values, let shape) = contents[place].content else { return }
    values[0] = 0
    contents[place].content = .integers(values, shape: shape)
    let path = Self.file()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try SafetensorsWriter.write(contents, card: ModelCard(architecture: "random-forest"), to: path, overwrite: true)
    let error = #expect(throws: ClassificationError.self) { _ = try ClassificationModel.read(path) }
    #expect(error?.problem.contains("its trees are damaged") == true)
  }

  @Test func unknownNames() {
    let error = #expect(throws: CoreError.self) { _ = try Classifiers.named("nonesuch") }
    #expect(error?.category == .usage && error?.problem.contains("svm") == true)
    #expect(throws: CoreError.self) { _ = try Classifiers.named("svm", ["trees": 3]) }
    #expect(throws: CoreError.self) { _ = try Classifiers.named("svm", ["C": -3]) }
    #expect(throws: Never.self) { _ = try Classifiers.named("RF") }
  }
}
