import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import HSITransformer
import Testing

@testable import HSIClassification

/// Baselines against scikit-learn and formulas in double precision.
@Suite struct BaselineTests {
  /// Probabilities (test pixels × classes) and the share of test pixels with the right class.
  private func run(_ name: String, _ values: [String: Double] = [:], seed: UInt64 = 0) throws -> (
    probabilities: [Float], accuracy: Double, trained: any TrainedClassifier, fixture: Fixture
  ) {
    let (task, test, fixture) = try TestTask.baselines()
    let context = RunContext(seed: seed)
    let trained = try Classifiers.named(name, values).train(task, context)
    let result = try trained.probabilities(task.scene, lines: test, context)
    let truth = fixture["test_labels"].ints
    let hits = truth.indices.filter { Scores.largest(result.pointer + 3 * $0, count: 3) == truth[$0] }
    return (result.values, Double(hits.count) / Double(truth.count), trained, fixture)
  }

  @Test func gaussians() throws {
    let found = try run("gml", ["components": 4])
    #expect(TestTask.largestDifference(found.probabilities, found.fixture["gml.probabilities"].values) < 2e-4)
  }

  @Test func logisticRegression() throws {
    let found = try run("logistic", ["iterations": 2000])
    #expect(TestTask.largestDifference(found.probabilities, found.fixture["logistic.probabilities"].values) < 1e-3)
    let curve = found.trained.curve
    #expect(curve.count > 5 && zip(curve, curve.dropFirst()).allSatisfy { $1.loss <= $0.loss })
  }

  @Test func nearestNeighbours() throws {
    let found = try run("knn")
    #expect(TestTask.largestDifference(found.probabilities, found.fixture["knn.probabilities"].values) < 1e-3)
  }

  @Test func spectralAngles() throws {
    let found = try run("sam")
    let mapper = try #require(found.trained as? TrainedAngleMapper)
    let (test, reference) = (found.fixture["test"], found.fixture["sam.angles"].values)
    var angles = [Float](repeating: 0, count: 3)
    for n in 0..<test.shape[0] {
      mapper.angles(Array(test.floats[(6 * n)..<(6 * n + 6)]), into: &angles)
      #expect(TestTask.largestDifference(angles, Array(reference[(3 * n)..<(3 * n + 3)])) < 1e-3)
      // The smallest angle is the most probable class.
      let row = found.probabilities[(3 * n)..<(3 * n + 3)]
      #expect(
        Array(row).enumerated().max { $0.element < $1.element }?.offset
          == angles.enumerated().min { $0.element < $1.element }?.offset)
    }
  }

  /// libsvm stops within 1e-3 of the optimum: decisions of two runs may differ by a few thousandths.
  @Test func supportVectorMachine() throws {
    let found = try run("svm", ["C": 10, "gamma": 0.25])
    let machine = try #require(found.trained as? TrainedMachine)
    let (test, _) = (found.fixture["test"], 0)
    let features = machine.features.apply(PixelMatrix(rows: test.shape[0], columns: 6, values: test.floats))
    var scratch = [Float](repeating: 0, count: machine.decisions.scratch)
    var votes = [0, 0, 0]
    var own: [Float] = []
    for n in 0..<test.shape[0] {
      var decisions = [Float](repeating: 0, count: 3)
      machine.decisions.evaluate(features.pointer + 6 * n, count: 1, scratch: &scratch, into: &decisions)
      #expect(KernelDecisions.vote(decisions, classes: 3, &votes) == found.fixture["svm.predicted"].ints[n])
      own += decisions
    }
    #expect(TestTask.largestDifference(own, found.fixture["svm.decisions"].values) < 5e-3)
    #expect(machine.decisions.vectors == found.fixture["svm.vectors"].ints[0])
    #expect(found.accuracy > 0.9)
  }

  @Test func gridSearchFindsAGoodMachine() throws {
    #expect(try run("svm").accuracy >= 0.93)
  }

  @Test func forestIsAsGoodAsTheReference() throws {
    let accuracies = try (0..<3).map { try run("random-forest", seed: $0).accuracy }
    // Ten forests of scikit-learn scatter by 0.016.
    #expect(Spread(accuracies).mean > (try TestTask.fixture("baselines"))["forest.accuracy"].scalar - 0.04)
  }

  @Test func extraTreesAreAsGoodAsTheReference() throws {
    let accuracies = try (0..<3).map { try run("extra-trees", seed: $0).accuracy }
    // Ten forests of scikit-learn 1.9 have a mean of 0.963 and scatter by 0.013.
    #expect(Spread(accuracies).mean > 0.963 - 0.03)
  }

  /// `sklearn.covariance.ledoit_wolf` 1.9 on the residuals of the standardised classes, then the discriminant by hand.
  @Test func shrinkageDiscriminant() throws {
    let found = try run("lda")
    let reference = [
      0.1816767, 0.78022087, 0.03810243, 0.5905216, 0.28822232, 0.12125607, 0.38709129, 0.54707428, 0.06583443,
      0.65396501,
      0.12853215, 0.21750285,
    ]
    #expect(TestTask.largestDifference(Array(found.probabilities.prefix(12)), reference) < 1e-4)
    #expect(abs(found.accuracy - 0.8833333) < 1e-6)
  }

  /// The shrinkage by its definition, `Σ_n ‖x_n x_nᵀ − S‖² / N²` over `‖S − m I‖²`, and its limits.
  @Test func shrinkageByDefinition() {
    var random = CounterRandom(seed: 3)
    let (count, bands) = (40, 5)
    let rows = Matrix<Double>(rows: count, columns: bands) { _, b in random.normal() * Double(b + 1) }
    let plain = Matrix<Double>(rows: bands, columns: bands) { i, j in
      (0..<count).reduce(0) { $0 + rows[$1, i] * rows[$1, j] } / Double(count)
    }
    let level = (0..<bands).reduce(0) { $0 + plain[$1, $1] } / Double(bands)
    var (scatter, distance) = (0.0, 0.0)
    for i in 0..<bands {
      for j in 0..<bands {
        for n in 0..<count { scatter += pow(rows[n, i] * rows[n, j] - plain[i, j], 2) / Double(count * count) }
        distance += pow(plain[i, j] - (i == j ? level : 0), 2)
      }
    }
    let share = scatter / distance
    #expect(share > 0 && share < 1)
    let found = ShrinkageDiscriminant.shrunk(rows)
    for i in 0..<bands {
      for j in 0..<bands {
        let expected = (1 - share) * plain[i, j] + (i == j ? share * level : 0)
        #expect(abs(found[i, j] - expected) < 1e-7 * level)
      }
    }
    let nothing = ShrinkageDiscriminant.shrunk(Matrix(rows: 3, columns: 2))
    #expect(nothing.values == [1, 0, 0, 1])
  }

  /// A tree that tries all bands on all pixels separates pixels that can be separated, by the best first split.
  @Test func treeByHand() {
    // Band 0 says nothing, band 1 separates 0 from the rest at 3.5, then 1 from 2 at 7.
    let pixels = PixelMatrix(
      rows: 8, columns: 2, values: [5, 1, 5, 2, 5, 3, 5, 4, 5, 5, 5, 9, 5, 9, 5, 10])
    let labels = [0, 0, 0, 1, 1, 2, 2, 2]
    let table = BinnedPixels(pixels, labels: labels, classes: 3)
    let cuts = BestCuts(table, tried: 2, leaf: 1, random: CounterRandom(seed: 0))
    var grower = TreeGrower(cuts, (0..<8).map { $0 }, labels: labels, classes: 3, leaf: 1, depth: 64)
    let tree = grower.grow()
    #expect(tree.band == [1, -1, 1, -1, -1])
    #expect(tree.threshold[0] == 3.5 && tree.threshold[2] == 7)
    #expect(tree.shares == [1, 0, 0, 0, 1, 0, 0, 0, 1])
  }

  @Test func sigmoid() throws {
    let fixture = try TestTask.fixture("baselines")
    let fitted = PairwiseCoupling.Sigmoid.fit(
      fixture["sigmoid.decisions"].values, isFirst: fixture["sigmoid.first"].ints.map { $0 == 1 })
    #expect(abs(fitted.a - fixture["sigmoid.ab"].values[0]) < 1e-3)
    #expect(abs(fitted.b - fixture["sigmoid.ab"].values[1]) < 1e-3)
    #expect(PairwiseCoupling.Sigmoid.fit([1, 2], isFirst: [true, true]) == .plain)
    #expect(PairwiseCoupling.Sigmoid(a: -1, b: 0)(800) == 1 && PairwiseCoupling.Sigmoid(a: -1, b: 0)(-800) == 0)
  }

  /// Pairs that agree with each other, `r_ij = p_i / (p_i + p_j)`, give back p.
  @Test func couplingIsExactForConsistentPairs() {
    let truth = [0.5, 0.3, 0.15, 0.05]
    var pairs: [Double] = []
    for i in 0..<4 { for j in (i + 1)..<4 { pairs.append(truth[i] / (truth[i] + truth[j])) } }
    var (matrix, products, found) = (
      [Double](repeating: 0, count: 16), [Double](repeating: 0, count: 4), [Double](repeating: 0, count: 4)
    )
    PairwiseCoupling.couple(pairs, classes: 4, matrix: &matrix, products: &products, into: &found)
    #expect(abs(found.reduce(0, +) - 1) < 1e-12)
    for (a, b) in zip(found, truth) { #expect(abs(a - b) < 5e-3) }
  }

  static let names = Classifiers.descriptions.map(\.id).filter { id in
    !["lola", "cnn", "less"].contains { id.hasPrefix($0) }
  }

  /// The contract of all classifiers but networks.
  @Test(arguments: names) func contract(name: String) throws {
    let (scene, labels) = TestTask.fields()
    let split = try SplitRequest(scheme: .random, training: .share(0.3)).split(labels, RunContext(seed: 2))
    let task = ClassificationTask(
      scene: scene, training: split.pixels(.training, of: labels), classes: labels.classes.entries)
    let context = RunContext(seed: 4)
    let classifier = try Classifiers.named(name)
    let trained = try classifier.train(task, context)
    #expect(trained.id == name && trained.classCount == 3 && trained.bands == 8)
    #expect(trained.patchRadius == classifier.patchRadius && (trained.patchRadius == 0) == (name != "auto"))
    let whole = try trained.probabilities(scene, lines: 0..<18, context)
    #expect(whole.rows == scene.count)
    for n in 0..<whole.rows {
      let row = whole.row(n)
      #expect(abs(row.reduce(0, +) - 1) < 1e-5 && row.allSatisfy { $0 >= 0 })
    }
    // Fields of three spectra with little noise are easily told apart.
    let (rows, truth) = task.rows(of: split.pixels(.test, of: labels))
    let hits = zip(rows, truth).filter { Scores.largest(whole.pointer + 3 * $0.0, count: 3) == $0.1 }
    #expect(Double(hits.count) > 0.95 * Double(truth.count))
    // Lines in pieces, a run with another number of threads, and a model that was in a file say the same to the bit.
    let pieces = try [0..<5, 5..<6, 6..<18].flatMap { try trained.probabilities(scene, lines: $0, context).values }
    #expect(pieces == whole.values)
    var other = context
    other.threads = context.threads == 1 ? 2 : 1
    let again = try Classifiers.named(name).train(task, other).probabilities(scene, lines: 0..<18, other)
    #expect(again.values == whole.values)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID().uuidString).safetensors")
    defer { try? FileManager.default.removeItem(at: file) }
    let axis = SpectralAxis(wavelengths: (0..<8).map { 400 + 10 * Double($0) }, fwhm: [Double](repeating: 9, count: 8))
    let model = ClassificationModel(
      trained, classes: labels.classes, axis: axis, trainingCounts: task.trainingCounts, split: split.facts)
    try model.write(to: file.path, overwrite: false)
    let read = try ClassificationModel.read(file.path)
    #expect(read.classes == labels.classes && read.split == split.facts && read.axis.fwhm == axis.fwhm)
    #expect(read.axis.wavelengths == axis.wavelengths && read.trainingCounts == task.trainingCounts)
    #expect(read.curve.count == trained.curve.count)
    #expect(try read.classifier.probabilities(scene, lines: 0..<18, context).values == whole.values)
  }

  @Test(arguments: names) func aClassWithoutPixelsIsNamed(name: String) throws {
    var (task, _, _) = try TestTask.baselines()
    task.training.labels = task.training.labels.map { $0 == 1 ? 0 : $0 }
    let error = #expect(throws: ClassificationError.self) {
      _ = try Classifiers.named(name).train(task, RunContext())
    }
    #expect(error?.problem.hasPrefix("class b has 0 pixels but") == true)
  }
}
