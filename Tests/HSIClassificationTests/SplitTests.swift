import Foundation
import HSIClassification
import HSICore
import HSITestSupport
import Logging
import Testing

@Suite struct SplitTests {
  /// A map whose classes have given sizes, in bands of lines.
  private func map(_ sizes: [Int], samples: Int) -> LabelMap {
    var ids = sizes.enumerated().flatMap { [UInt16](repeating: UInt16($0 + 1), count: $1) }
    while ids.count % samples != 0 { ids.append(0) }
    return LabelMap(lines: ids.count / samples, samples: samples, ids: ids)
  }

  @Test func countsAreThoseOfTheReference() throws {
    let fixture = try TestTask.fixture("split_counts")
    let sizes = fixture["in.class_sizes"].ints
    for (share, name) in [(0.1, "test0.9"), (0.02, "test0.98")] {
      let labels = map(sizes, samples: 500)
      let split = try SplitRequest(scheme: .random, training: .share(share)).split(labels, RunContext())
      let counts = split.counts(.training, of: labels)
      #expect(counts.reduce(0, +) == fixture["out.n_train_\(name)"].ints[0])
      for (own, reference) in zip(counts, fixture["out.train_counts_\(name)"].ints) {
        #expect(abs(own - reference) <= 1)
      }
      #expect(zip(zip(counts, split.counts(.test, of: labels)), sizes).allSatisfy { $0.0 + $0.1 == $1 })
    }
  }

  @Test func fixedNumberPerClassAndValidation() throws {
    let labels = map([100, 60, 30], samples: 19)
    let request = SplitRequest(scheme: .fixed, training: .count(10), validation: 0.1)
    let split = try request.split(labels, RunContext(seed: 5))
    #expect(split.counts(.training, of: labels) == [10, 10, 10])
    #expect(split.counts(.validation, of: labels) == [10, 6, 3])
    #expect(split.facts.text == "hsi split: scheme=fixed training=10_per_class validation=10% guard=0 seed=5")
    #expect(SplitFacts(parsing: split.facts.text) == split.facts)
    #expect(try request.split(labels, RunContext(seed: 5)) == split)
    #expect(try request.split(labels, RunContext(seed: 6)) != split)
  }

  /// So many of every class, in blocks too.
  @Test func numberOfEveryClass() throws {
    #expect(SplitRequest.Amount("10/class") == .perClass(10) && SplitRequest.Amount("0/class") == nil)
    #expect(SplitRequest.Amount("x/class") == nil && SplitRequest.Amount("10%/class") == nil)
    let labels = map([200, 120, 80], samples: 20)
    let split = try SplitRequest(training: .perClass(6), guardRadius: 1).split(labels, RunContext(seed: 5))
    #expect(split.counts(.training, of: labels) == [6, 6, 6] && split.facts.guardRadius == 1)
    #expect(split.facts.training == "6 per class" && SplitFacts(parsing: split.facts.text) == split.facts)
    #expect(throws: ClassificationError.self) {
      _ = try SplitRequest(training: .perClass(80)).split(labels, RunContext())
    }
  }

  @Test func classesThatAreTooSmall() {
    let labels = map([100, 1], samples: 10)
    for request in [SplitRequest(), SplitRequest(scheme: .random), SplitRequest(scheme: .fixed, training: .count(2))] {
      let error = #expect(throws: ClassificationError.self) { _ = try request.split(labels, RunContext()) }
      #expect(error?.problem.hasPrefix("class 2 has 1 pixel but a split with") == true)
    }
    let error = #expect(throws: ClassificationError.self) {
      _ = try SplitRequest().split(map([50], samples: 10), RunContext())
    }
    #expect(error?.identifier == "E-CLASSES")
  }

  /// No test pixel has a training or validation pixel within the guard radius, by looking at every pair.
  @Test(arguments: [0, 1, 3, 5], [UInt64(0), 1, 2]) func guardBandHolds(radius: Int, seed: UInt64) throws {
    // Four fields and scattered pixels of two rare classes.
    var random = CounterRandom(seed: 9)
    let (lines, samples) = (44, 40)
    var ids = [UInt16](repeating: 0, count: lines * samples)
    for place in ids.indices {
      let field = UInt16(1 + 2 * (place / samples / 22) + place % samples / 20)
      let draw = random.uniform()
      ids[place] = draw < 0.03 ? 5 : draw < 0.06 ? 6 : draw < 0.8 ? field : 0
    }
    let labels = LabelMap(lines: lines, samples: samples, ids: ids)
    let request = SplitRequest(training: .share(0.1), validation: 0.04, guardRadius: radius)
    let split = try request.split(labels, RunContext(seed: seed))
    let chosen = split.roles.indices.filter { split.roles[$0] == .training || split.roles[$0] == .validation }
    for place in split.roles.indices where split.roles[place] == .test || split.roles[place] == .guardBand {
      let nearest =
        chosen.map { max(abs($0 / samples - place / samples), abs($0 % samples - place % samples)) }.min() ?? .max
      #expect((nearest > radius) == (split.roles[place] == .test))
    }
    #expect(split.overlap(radius: radius).overlapping == 0)
    let (training, test) = (split.counts(.training, of: labels), split.counts(.test, of: labels))
    #expect(training == (try SplitRequest(scheme: .random).split(labels, RunContext())).counts(.training, of: labels))
    #expect(split.counts(.validation, of: labels).allSatisfy { $0 > 0 })
    #expect(test.allSatisfy { $0 > 0 })
    #expect(labels.ids.indices.allSatisfy { (labels.ids[$0] == 0) == (split.roles[$0] == .none) })
  }

  @Test func overlapIsCountedAndTold() throws {
    // One line: training at 0 and 20; test pixels within 2 of them are 1, 2, 18, 19, 21, 22.
    var roles = [PixelRole](repeating: .test, count: 24)
    roles[0] = .training
    roles[20] = .training
    let facts = SplitFacts(scheme: "random", training: "10%", validation: "0%", guardRadius: 0, seed: 0)
    let split = Split(lines: 1, samples: 24, roles: roles, facts: facts)
    #expect(split.overlap(radius: 2) == (6, 22))
    #expect(split.overlap(radius: 0) == (0, 22))
    let context = RunContext()
    split.warnOfOverlap(radius: 0, context)
    #expect(context.warnings.warnings.isEmpty)
    split.warnOfOverlap(radius: 2, context)
    #expect(context.warnings.warnings.map(\.identifier) == ["W-SPLIT-OVERLAP"])
    #expect(context.warnings.warnings[0].message.hasPrefix("6 of 22 test pixels (27.3 %)"))
  }

  @Test func aClassWithoutTestPixelsIsNamed() throws {
    // Class 2 is a spot of 9 pixels: a guard band of 7 leaves none.
    var ids = [UInt16](repeating: 1, count: 900)
    for i in 10..<13 { for j in 10..<13 { ids[i * 30 + j] = 2 } }
    let context = RunContext()
    _ = try SplitRequest().split(LabelMap(lines: 30, samples: 30, ids: ids), context)
    #expect(context.warnings.warnings.map(\.identifier) == ["W-SPLIT-CLASS"])
    #expect(context.warnings.warnings[0].message.hasPrefix("class 2 (9 pixels) has no test pixels"))
  }

  @Test func publishedMaps() throws {
    let training = LabelMap(lines: 1, samples: 4, ids: [1, 0, 0, 0])
    let test = LabelMap(lines: 1, samples: 4, ids: [0, 2, 1, 0])
    let split = try PublishedSplit.make(training: training, test: test, labels: nil, paths: ("a", "b"))
    #expect(split.roles == [.training, .test, .test, .none])
    let both = LabelMap(lines: 1, samples: 4, ids: [1, 2, 1, 0])
    let error = #expect(throws: ClassificationError.self) {
      _ = try PublishedSplit.make(training: training, test: both, labels: nil, paths: ("a", "b"))
    }
    #expect(error?.problem.contains("line 0, sample 0 is a training pixel too") == true)
    #expect(throws: ClassificationError.self) {
      _ = try PublishedSplit.make(
        training: training, test: test, labels: LabelMap(lines: 1, samples: 4, ids: [1, 1, 1, 0]), paths: ("a", "b"))
    }
  }

  @Test(arguments: [("10%", "10%"), ("0.25", "25%"), ("40", "40"), ("12.5%", "12.5%")])
  func amounts(text: String, shown: String) {
    #expect(SplitRequest.Amount(text)?.description == shown)
  }

  @Test(arguments: ["0", "0%", "100%", "-5", "x", "1.5", "", "nan%"]) func badAmounts(text: String) {
    #expect(SplitRequest.Amount(text) == nil)
  }
}
