import Foundation
import HSICore
import HSINumerics
import HSITransformer

/// What a classifier sees in place of spectra: MNF components, with their profiles where there are some.
struct SpatialView: Sendable {
  /// MNF components.
  let projection: Features
  /// Profiles beside them; nil for none.
  let profile: MorphologicalProfile?

  /// Values per pixel.
  var dimension: Int { projection.dimension + (profile?.added(to: projection.dimension) ?? 0) }

  /// Bytes per pixel while it is made.
  func bytesPerPixel(threads: Int) -> Int {
    4 * projection.dimension + (profile?.bytesPerPixel(columns: projection.dimension, threads: threads) ?? 0)
  }

  /// A scene as it is seen.
  func callAsFunction(_ scene: Cube) -> Cube {
    var values = projection.apply(scene.pixels)
    if let profile {
      values = profile.apply(values, scene.positions, lines: scene.shape.lines, samples: scene.shape.samples)
    }
    return Cube(
      shape: CubeShape(lines: scene.shape.lines, samples: scene.shape.samples, bands: values.columns),
      metadata: CubeMetadata(bands: values.columns), pixels: values, positions: scene.positions)
  }
}

/// Trained classifiers whose probabilities are averaged and, where that was chosen, smoothed along the edges of the scene.
struct Committee: TrainedClassifier {
  /// What a member sees.
  enum Sight: String, Sendable, Codable, CaseIterable {
    /// The bands.
    case spectra
    /// MNF components.
    case fractions = "MNF components"
    /// MNF components and their profiles.
    case profiles = "MNF components with morphological profiles"
  }

  /// A classifier and what it sees.
  struct Member: Sendable {
    var sight: Sight
    var classifier: any TrainedClassifier
  }

  /// Those that vote; at least one, with the same classes.
  let members: [Member]
  /// MNF components; nil where all members see spectra.
  let projection: Features?
  /// Profiles of the MNF components; nil where no member sees them.
  let profile: MorphologicalProfile?
  /// What becomes of the probabilities; nil for nothing.
  let smoothing: ProbabilitySmoothing?
  /// How it was chosen, for people; empty where it was not.
  let choice: String

  /// What smoothing and profiles draw on in the main.
  static let usualRadius = 7

  var id: String { AutomaticClassifier.description.id }
  var bands: Int { projection?.bands ?? members[0].classifier.bands }
  var classCount: Int { members[0].classifier.classCount }
  var curve: [TrainingPoint] { members.count == 1 ? members[0].classifier.curve : [] }
  var lineMultiple: Int { members.map(\.classifier.lineMultiple).max() ?? 1 }
  var patchRadius: Int { max(members.map(\.classifier.patchRadius).max() ?? 0, Committee.usualRadius) }
  var contextRadius: Int {
    (members.map(\.classifier.contextRadius).max() ?? 0) + (smoothing?.reach ?? 0) + (profile?.reach ?? 0)
  }

  func predictionBytes(samples: Int) -> (perLine: Int, fixed: Int) {
    var (perLine, fixed) = (0, 0)
    for member in members {
      let work = member.classifier.predictionBytes(samples: samples)
      (perLine, fixed) = (max(perLine, work.perLine), max(fixed, work.fixed))
    }
    var perPixel = members.count > 1 ? 4 * classCount : 0
    for sight in Set(members.map(\.sight)) { perPixel += view(sight)?.bytesPerPixel(threads: Parallel.threads) ?? 0 }
    if let smoothing { perPixel += smoothing.bytesPerPixel(classes: classCount, threads: Parallel.threads) }
    perLine += samples * perPixel
    // What is read on either side passes through all of it.
    return (perLine, fixed + 2 * contextRadius * perLine)
  }

  private func view(_ sight: Sight) -> SpatialView? {
    guard sight != .spectra, let projection else { return nil }
    return SpatialView(projection: projection, profile: sight == .profiles ? profile : nil)
  }

  func probabilities(_ scene: Cube, lines: Range<Int>, _ context: RunContext) throws -> PixelMatrix {
    let reach = smoothing?.reach ?? 0
    let wide = max(0, lines.lowerBound - reach)..<min(scene.shape.lines, lines.upperBound + reach)
    var mean: PixelMatrix?
    for sight in Sight.allCases {
      let voting = members.filter { $0.sight == sight }
      guard !voting.isEmpty else { continue }
      let seen = view(sight)?(scene) ?? scene
      for member in voting {
        let values = try member.classifier.probabilities(seen, lines: wide, context)
        guard let sum = mean else {
          mean = values
          continue
        }
        for i in 0..<(sum.rows * sum.columns) { sum.pointer[i] += values.pointer[i] }
      }
    }
    guard let mean else { preconditionFailure("a committee without members") }
    if members.count > 1 {
      let share = 1 / Float(members.count)
      for i in 0..<(mean.rows * mean.columns) { mean.pointer[i] *= share }
    }
    guard let smoothing else { return mean }
    let (rows, part) = (scene.rows(lines: wide), scene.rows(lines: lines))
    let bands = scene.shape.bands
    let pixels = PixelMatrix(rows: rows.count, columns: bands)
    pixels.pointer.update(from: scene.pixels.pointer + rows.lowerBound * bands, count: rows.count * bands)
    let first = Int32(wide.lowerBound * scene.shape.samples)
    return smoothing.apply(
      mean, guide: smoothing.guide(pixels), rows.map { scene.positions[$0] - first }, lines: wide.count,
      samples: scene.shape.samples, wanted: (part.lowerBound - rows.lowerBound)..<(part.upperBound - rows.lowerBound))
  }

  // MARK: - Model files

  /// A member in a file: the name of its classifier, what it sees, and the settings of its card.
  private struct StoredMember: Codable {
    var classifier: String
    var sight: Sight
    var settings: [String: String]
  }

  private enum Key {
    static let members = "members"
    static let profile = "profile"
    static let choice = "choice"
    static let projection = "projection"
    static func prefix(_ member: Int) -> String { "member\(member)." }
  }

  var contents: [(name: String, content: SafetensorsWriter.Content)] {
    var list = (projection?.contents(named: Key.projection) ?? []) + (smoothing?.contents ?? [])
    for (index, member) in members.enumerated() {
      list += member.classifier.contents.map { (Key.prefix(index) + $0.name, $0.content) }
    }
    return list
  }

  var configuration: [String: String] {
    func text(_ value: some Encodable) -> String? {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys]
      return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) }
    }
    var settings: [String: String] = [:]
    settings[Key.members] = text(
      members.map {
        StoredMember(classifier: $0.classifier.id, sight: $0.sight, settings: $0.classifier.configuration)
      })
    settings[Key.profile] = profile.flatMap { text($0) }
    if let smoothing { settings["smoothing_radius"] = "\(smoothing.radius)" }
    if !choice.isEmpty { settings[Key.choice] = choice }
    return settings
  }

  /// Reads what `contents` and `configuration` wrote.
  ///
  /// - Throws: the errors of reading the members, `ClassificationError.badModel`.
  init(_ file: WeightFile, _ card: ModelCard) throws {
    func require(_ isGood: Bool, _ reason: String) throws {
      if !isGood { throw ClassificationError.badModel(path: file.path, reason: reason) }
    }
    func decoded<Value: Decodable>(_ type: Value.Type, _ key: String) throws -> Value? {
      guard let json = card.configuration?[key] else { return nil }
      guard let value = try? JSONDecoder().decode(type, from: Data(json.utf8)) else {
        throw ClassificationError.badModel(path: file.path, reason: "`\(key)` of its card is not understood")
      }
      return value
    }
    let stored = try decoded([StoredMember].self, Key.members) ?? []
    try require((1...64).contains(stored.count), "its card names no classifiers that vote")
    members = try stored.enumerated().map { index, member in
      guard member.classifier != AutomaticClassifier.description.id,
        let entry = Classifiers.all.first(where: { $0.description.id == member.classifier })
      else {
        throw ClassificationError.badModel(path: file.path, reason: "its card names classifiers that there are not")
      }
      var own = card
      (own.architecture, own.configuration) = (member.classifier, member.settings)
      return Member(sight: member.sight, classifier: try entry.restore(file.part(Key.prefix(index)), own))
    }
    projection = file["\(Key.projection).mean"] == nil ? nil : try Features(file, named: Key.projection)
    profile = try decoded(MorphologicalProfile.self, Key.profile)
    try require(profile?.isSound ?? true, "the profiles of its card are not understood")
    smoothing = try ProbabilitySmoothing(file)
    choice = card.configuration?[Key.choice] ?? ""
    let (bands, classes) = (bands, classCount)
    for member in members {
      let seen = view(member.sight)?.dimension ?? bands
      let isThere = member.sight == .spectra || (projection != nil && (member.sight == .fractions || profile != nil))
      try require(
        isThere && member.classifier.bands == seen && member.classifier.classCount == classes
          && !member.classifier.takesAnyBands, "its classifiers do not fit each other")
    }
    try require(
      smoothing.map { $0.axis.count == bands } ?? true, "its smoothing is of other bands than its classifiers")
  }

  init(
    _ members: [Member], projection: Features? = nil, profile: MorphologicalProfile? = nil,
    smoothing: ProbabilitySmoothing?, choice: String = ""
  ) {
    precondition(!members.isEmpty)
    (self.members, self.projection, self.profile) = (members, projection, profile)
    (self.smoothing, self.choice) = (smoothing, choice)
  }
}

extension MorphologicalProfile {
  /// Whether sizes that a file names can be worked with.
  fileprivate var isSound: Bool {
    (1...64).contains(components) && (1...16).contains(radii.count) && radii.allSatisfy { (1...32).contains($0) }
      && (0...64).contains(steps)
  }
}
