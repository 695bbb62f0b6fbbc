import HSICore

/// What a pixel is used for.
public enum PixelRole: UInt8, Sendable, Codable, CaseIterable {
  /// It has no class.
  case none = 0
  /// To learn from.
  case training = 1
  /// To choose settings by.
  case validation = 2
  /// To report accuracy on.
  case test = 3
  /// Labelled, but too near to a training or validation pixel to be tested on.
  case guardBand = 4

  /// Name in rasters and reports.
  public var name: String {
    switch self {
    case .none: "none"
    case .training: "training"
    case .validation: "validation"
    case .test: "test"
    case .guardBand: "guard"
    }
  }

  /// Colour in rasters.
  var colour: [UInt8] {
    switch self {
    case .none: [0, 0, 0]
    case .training: [213, 94, 0]
    case .validation: [230, 159, 0]
    case .test: [0, 114, 178]
    case .guardBand: [190, 190, 190]
    }
  }

  /// Names and colours by value.
  public static var entries: [ClassEntry] { allCases.map { ClassEntry(name: $0.name, colour: $0.colour) } }
}

/// How a split came about.
public struct SplitFacts: Sendable, Codable, Hashable {
  /// Name on the command line: `disjoint`, `random`, `fixed` or `file`.
  public var scheme: String
  /// What was asked for: `10%`, `500`, `50 per class`.
  public var training: String
  /// Share of validation pixels asked for, `0%` for none.
  public var validation: String
  /// No test pixel is nearer than this to a training or validation pixel, in pixels (Chebyshev distance); 0 for no guard.
  public var guardRadius: Int
  /// Seed of the draw.
  public var seed: UInt64

  /// Facts of a split.
  public init(scheme: String, training: String, validation: String, guardRadius: Int, seed: UInt64) {
    self.scheme = scheme
    self.training = training
    self.validation = validation
    self.guardRadius = guardRadius
    self.seed = seed
  }

  /// One line that goes into the description of a raster.
  public var text: String {
    "hsi split: scheme=\(scheme) training=\(training.replacing(" ", with: "_")) validation=\(validation) "
      + "guard=\(guardRadius) seed=\(seed)"
  }

  /// The facts in a description; nil where it is not of this kind.
  public init?(parsing text: String) {
    guard text.hasPrefix("hsi split: ") else { return nil }
    var values: [Substring: String] = [:]
    for part in text.dropFirst("hsi split: ".count).split(separator: " ") {
      let pair = part.split(separator: "=", maxSplits: 1)
      if pair.count == 2 { values[pair[0]] = String(pair[1]) }
    }
    guard let scheme = values["scheme"], let training = values["training"], let validation = values["validation"],
      let radius = values["guard"].flatMap({ Int($0) }), radius >= 0, let seed = values["seed"].flatMap({ UInt64($0) })
    else { return nil }
    self.init(
      scheme: scheme, training: training.replacing("_", with: " "), validation: validation, guardRadius: radius,
      seed: seed)
  }
}

/// Which labelled pixels are learned from and which are tested on.
public struct Split: Sendable, Equatable {
  /// Image rows.
  public let lines: Int
  /// Image columns.
  public let samples: Int
  /// Role of every pixel, row-major.
  public let roles: [PixelRole]
  /// How it came about.
  public var facts: SplitFacts

  /// A split; as many roles as pixels.
  public init(lines: Int, samples: Int, roles: [PixelRole], facts: SplitFacts) {
    precondition(roles.count == lines * samples)
    self.lines = lines
    self.samples = samples
    self.roles = roles
    self.facts = facts
  }

  /// The part inside a window of the image.
  public func cropped(to window: PixelWindow) -> Split {
    if window.pixels == roles.count { return self }
    let part = (window.line..<(window.line + window.lines)).flatMap { line in
      roles[(line * samples + window.sample)..<(line * samples + window.sample + window.samples)]
    }
    return Split(lines: window.lines, samples: window.samples, roles: part, facts: facts)
  }

  /// The labelled pixels of a role. Labels of the map that the split gives no role are left out.
  public func pixels(_ role: PixelRole, of labels: LabelMap) -> LabelledPixels {
    precondition(labels.lines == lines && labels.samples == samples)
    var result = LabelledPixels()
    for (place, index) in labels.indices.enumerated() where index >= 0 && roles[place] == role {
      result.positions.append(Int32(place))
      result.labels.append(Int(index))
    }
    return result
  }

  /// Pixels of a role in each class.
  public func counts(_ role: PixelRole, of labels: LabelMap) -> [Int] {
    var counts = [Int](repeating: 0, count: labels.classes.count)
    for label in pixels(role, of: labels).labels { counts[label] += 1 }
    return counts
  }

  /// Test pixels, and how many of them have a training pixel within `radius` (Chebyshev), that is in the neighbourhood that
  /// decides about them.
  public func overlap(radius: Int) -> (overlapping: Int, test: Int) {
    let near = Neighbourhood.dilated(roles.map { $0 == .training }, lines: lines, samples: samples, radius: radius)
    var (overlapping, test) = (0, 0)
    for (place, role) in roles.enumerated() where role == .test {
      test += 1
      if near[place] { overlapping += 1 }
    }
    return (overlapping, test)
  }

  /// Warns with `W-SPLIT-OVERLAP` where test pixels have training pixels in their neighbourhood of `radius`.
  public func warnOfOverlap(radius: Int, _ context: RunContext) {
    let (overlapping, test) = overlap(radius: radius)
    guard overlapping > 0 else { return }
    let tenths = (1000 * overlapping + test / 2) / test
    context.warn(
      "W-SPLIT-OVERLAP",
      "\(overlapping) of \(test) test pixels (\(tenths / 10).\(tenths % 10) %) have training pixels within \(radius) "
        + "pixels, inside the patch that decides about them: accuracy on them is too good (use \(option: "scheme") disjoint with \(option: "guard") \(radius))"
    )
  }
}

/// Neighbourhoods in an image.
enum Neighbourhood {
  /// True within `radius` (Chebyshev) of a true pixel. Cost: pixels.
  static func dilated(_ mask: [Bool], lines: Int, samples: Int, radius: Int) -> [Bool] {
    guard radius > 0 else { return mask }
    // Rows, then columns: a pixel is set when the last true one is at most `radius` behind or the next one ahead.
    func pass(_ mask: [Bool], outer: Int, inner: Int, _ place: (Int, Int) -> Int) -> [Bool] {
      var result = mask
      for o in 0..<outer {
        var last = -radius - 1
        for i in 0..<inner {
          if mask[place(o, i)] { last = i }
          if i - last <= radius { result[place(o, i)] = true }
        }
        last = inner + radius
        for i in stride(from: inner - 1, through: 0, by: -1) {
          if mask[place(o, i)] { last = i }
          if last - i <= radius { result[place(o, i)] = true }
        }
      }
      return result
    }
    let rows = pass(mask, outer: lines, inner: samples) { $0 * samples + $1 }
    return pass(rows, outer: samples, inner: lines) { $1 * samples + $0 }
  }
}
