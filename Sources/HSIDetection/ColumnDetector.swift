import HSICore
import HSINumerics

/// A detector whose background is a mean and a covariance, so that every group of columns of a scene can have one of its own.
public protocol CovarianceDetector: PixelDetector {}

extension MatchedFilter: CovarianceDetector {}
extension CEM: CovarianceDetector {}
extension ACE: CovarianceDetector {}
extension AMF: CovarianceDetector {}
extension GLRT: CovarianceDetector {}
extension MTMF: CovarianceDetector {}
extension RX: CovarianceDetector {}

/// A detector that learns a background for every group of columns: for push-broom sensors, each column of which is seen by an element of
/// the detector with a gain and an offset of its own.
///
/// S columns are cut into G = max(1, ⌊S / w⌋) groups of neighbours as equal as can be, none narrower than w: group g holds the columns
/// from ⌊g S / G⌋ to before ⌊(g + 1) S / G⌋. The scores of a group are those that the detector gives a scene of its pixels alone, so
/// that w = S gives the scores without groups.
///
/// The pixels of a group are few: with less than two per band an estimated covariance costs more than half of the signal-to-noise ratio
/// (Reed, Mallett, Brennan, "Rapid convergence rate in adaptive arrays", IEEE Trans. Aerosp. Electron. Syst. 10(6), 1974), and targets
/// are a larger part of it. A warning (`W-COLUMN-FEW`) tells of such groups and of the width that would do. Groups that tell nothing have
/// no scores, NaN, and are told of (`W-COLUMN-NONE`): those of fewer than 3 pixels, those whose pixels are all the same, and where nothing
/// regularises the covariance (`mtmf`, shrinkage 0) those of fewer than two pixels per band.
///
/// ```swift
/// let parameters = try MethodParameters([:], for: ACE.description)
/// let detector = try ColumnDetector<ACE>(in: cube, width: 4, parameters, context) { group, context in
///   try ACE(library, in: group, parameters, context)
/// }
/// try detector.detect(in: cube, context) { strip in print(strip[.detection]!.values.max() ?? 0) }
/// ```
///
/// Source: Thompson et al., "Real-time remote detection and measurement for airborne imaging spectroscopy", Atmos. Meas. Tech. 8, 2015,
/// who do so for plumes. Cost: that of the detector, an eigendecomposition per group, and G matrices of L² numbers in memory.
public struct ColumnDetector<Base: CovarianceDetector>: Detector {
  public static var description: MethodDescription { Base.description }
  public let bands: [DetectionBand]
  public let sense: ScoreSense
  public let facts: [String: Double]

  /// Detector of every group; nil where a group tells nothing.
  private let detectors: [Base?]
  /// Group of every column.
  private let groups: [Int]

  /// Pixels per band below which a background is said to be poor.
  private static var enough: Int { 2 }
  /// Fewest pixels of any background.
  private static var fewest: Int { 3 }

  /// Learns the backgrounds, as many groups at a time as the memory budget allows, each lot with a reading of the scene.
  ///
  /// - Parameters:
  ///   - source: the scene; its columns are those of the sensor, not of a map.
  ///   - width: columns per group, at least 1.
  ///   - parameters: those of the detector.
  ///   - make: the detector of a scene that holds the pixels of one group.
  /// - Throws: `CoreError.invalidParameter` for a width below 1; `DetectionError.tooFewInColumns` where no group has enough pixels,
  ///   what `make` throws for a target, and for a group where it throws for all; the errors of reading; `CoreError.memory`, `.cancelled`.
  public init(
    in source: any StripSource, width: Int, _ parameters: MethodParameters, _ context: RunContext,
    make: (any StripSource, RunContext) throws -> Base
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    BLAS.prepare()
    guard width >= 1 else {
      throw CoreError.invalidParameter(name: "\(option: "column group")", value: "\(width)", requirement: "at least 1")
    }
    let shape = source.shape
    let count = max(1, shape.samples / width)
    let edges = (0...count).map { $0 * shape.samples / count }
    // Without regularisation a covariance of few pixels is inverted where it is nothing but rounding.
    let isRegularised =
      Base.description.parameters.contains { $0.name == BackgroundParameters.shrinkage.name }
      && parameters[BackgroundParameters.shrinkage.name] != 0
    let least = isRegularised ? Self.fewest : max(Self.fewest, Int.product(Self.enough, shape.bands))
    var (found, sizes): ([Base?], [Int]) = ([], [])
    var failure: (any Error)?
    let lots = try Self.lots(edges, shape, context)
    for lot in lots {
      let cubes = try ColumnCubes.read(source, edges: Array(edges[lot.lowerBound...lot.upperBound]), context)
      // Groups are learnt side by side and report nothing each.
      var quiet = context
      quiet.progress = SilentProgress()
      var results = [Result<Base?, any Error>](repeating: .success(nil), count: cubes.count)
      results.withUnsafeMutableBufferPointer { results in
        let out = results.baseAddress!
        Parallel.forEach(cubes.count) { index in
          guard !context.cancellation.isCancelled, cubes[index].count >= least else { return }
          out[index] = Result {
            guard ColumnCubes.varies(cubes[index]) else { throw DetectionError.noVariation }
            return try make(cubes[index], quiet)
          }
        }
      }
      try context.checkCancellation()
      for (cube, result) in zip(cubes, results) {
        sizes.append(cube.count)
        do {
          found.append(try result.get())
        } catch DetectionError.noVariation {
          failure = failure ?? DetectionError.noVariation
          found.append(nil)
        } catch let error as NumericsError {
          failure = failure ?? error
          found.append(nil)
        }
      }
    }
    let total = sizes.reduce(0, +)
    let wider = Self.width(for: Int.product(Self.enough, shape.bands), pixels: total, samples: shape.samples)
    guard let first = found.compactMap({ $0 }).first else {
      if let failure { throw failure }
      throw DetectionError.tooFewInColumns(
        most: sizes.max() ?? 0, needed: least, width: total >= least ? wider ?? shape.samples : nil)
    }
    detectors = found
    (bands, sense) = (first.bands, first.sense)
    groups = (0..<count).flatMap { group in [Int](repeating: group, count: edges[group + 1] - edges[group]) }
    let used = sizes.indices.filter { found[$0] != nil }
    let shrinkages = found.compactMap { $0?.facts["shrinkage"] }.sorted()
    var facts: [String: Double] = [
      "backgroundPixels": found.reduce(0) { $0 + ($1?.facts["backgroundPixels"] ?? 0) }, "columnGroups": Double(count),
      "groupsWithoutScores": Double(count - used.count),
      "fewestBackgroundPixels": Double(used.map { sizes[$0] }.min() ?? 0),
    ]
    if let highest = shrinkages.last {
      facts["shrinkage"] = shrinkages[shrinkages.count / 2]
      facts["highestShrinkage"] = highest
    }
    self.facts = facts
    Self.warn(sizes, found.map { $0 != nil }, edges, bands: shape.bands, wider: wider, context)
  }

  public func detect(
    in source: any StripSource, _ context: RunContext, deliver: (ProductStrip) throws -> Void
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    let shape = source.shape
    precondition(shape.samples == groups.count, "\(shape.samples) columns for \(groups.count)")
    let (width, samples, count) = (bands.count, shape.samples, detectors.count)
    let working = detectors.lazy.compactMap { $0?.workingBytesPerPixel }.first ?? 0
    let values = PixelMatrix(rows: 0, columns: width)
    let bytes = 4 * shape.bands + 8 * width + 8 + working
    try source.forEachStrip(context, label: "detecting", extraBytesPerPixel: bytes) { strip in
      values.reshape(rows: strip.count, columns: width)
      values.pointer.update(repeating: .nan, count: strip.count * width)
      // Rows of the strip, group by group.
      var starts = [Int](repeating: 0, count: count + 1)
      for position in strip.positions { starts[groups[Int(position) % samples] + 1] += 1 }
      for group in 0..<count { starts[group + 1] += starts[group] }
      var (next, order) = (starts, [Int32](repeating: 0, count: strip.count))
      for (n, position) in strip.positions.enumerated() {
        let group = groups[Int(position) % samples]
        order[next[group]] = Int32(n)
        next[group] += 1
      }
      let (pixels, out) = (strip.pixels.pointer, values.pointer)
      Parallel.forEach(count) { group in
        let rows = order[starts[group]..<starts[group + 1]]
        guard let detector = detectors[group], !rows.isEmpty else { return }
        let members = PixelMatrix(rows: rows.count, columns: shape.bands)
        let scores = PixelMatrix(rows: rows.count, columns: width)
        for (i, n) in rows.enumerated() {
          (members.pointer + i * shape.bands).update(from: pixels + Int(n) * shape.bands, count: shape.bands)
        }
        detector.score(members, into: scores)
        for (i, n) in rows.enumerated() {
          (out + Int(n) * width).update(from: scores.pointer + i * width, count: width)
        }
      }
      var result = ProductStrip(window: strip.window, positions: strip.positions)
      result[.detection] = values
      try deliver(result)
    }
  }

  /// Groups that are learnt together: their pixels, beside what all detectors keep, fit into the budget.
  private static func lots(_ edges: [Int], _ shape: CubeShape, _ context: RunContext) throws -> [Range<Int>] {
    let count = edges.count - 1
    let kept = Int.product(count, shape.bands, Int.sum(shape.bands, 64), 4)
    let perColumn = Int.product(shape.lines, Int.sum(Int.product(shape.bands, 4), 4))
    let widest = (0..<count).map { edges[$0 + 1] - edges[$0] }.max() ?? 0
    let room = context.memory.bytes - kept
    guard Int.product(widest, perColumn) <= room else {
      throw CoreError.memory(
        purpose: kept > context.memory.bytes / 2
          ? "the backgrounds of \(count) groups of columns (wider groups take less)"
          : "the pixels of \(widest) columns (narrower groups take less)",
        needed: Int.sum(kept, Int.product(widest, perColumn)), budget: context.memory.bytes)
    }
    guard Int.product(widest, shape.lines) <= Int(Int32.max) else {
      throw CoreError.invalidParameter(
        name: "\(option: "column group")", value: "\(widest) columns of \(shape.lines) lines",
        requirement: "at most \(Int32.max) pixels")
    }
    var (lots, first): ([Range<Int>], Int) = ([], 0)
    for group in 1...count where group == count || Int.product(edges[group + 1] - edges[first], perColumn) > room {
      lots.append(first..<group)
      first = group
    }
    return lots
  }

  /// Columns per group that give every one as many pixels as are needed, if pixels are spread evenly; nil where the scene has too few.
  private static func width(for needed: Int, pixels: Int, samples: Int) -> Int? {
    guard pixels >= needed, samples > 0 else { return nil }
    let width = (Double(needed) * Double(samples) / Double(pixels)).rounded(.up)
    return min(samples, max(1, Int(clamping: width)))
  }

  /// Says which groups have few pixels, and which none to speak of.
  private static func warn(
    _ sizes: [Int], _ areLearnt: [Bool], _ edges: [Int], bands: Int, wider: Int?, _ context: RunContext
  ) {
    let count = sizes.count
    let without = (0..<count).filter { !areLearnt[$0] && sizes[$0] > 0 }
    if let first = without.first {
      context.warn(
        "W-COLUMN-NONE",
        "\(without.count) of \(count) groups of columns have no scores, the first at sample \(edges[first]): their pixels are "
          + "too few (\(without.map { sizes[$0] }.min() ?? 0)) or all the same. Raise \(option: "column group")")
    }
    let few = (0..<count).filter { areLearnt[$0] && sizes[$0] < Int.product(enough, bands) }
    guard !few.isEmpty else { return }
    let remedy =
      wider.map { "raise \(option: "column group") to \($0) or more" }
      ?? "the whole scene has too few as well, so leave \(option: "columns") out, or use fewer bands"
    context.warn(
      "W-COLUMN-FEW",
      "\(few.count) of \(count) groups of columns have fewer than \(enough) pixels per band (\(few.map { sizes[$0] }.min() ?? 0) "
        + "for \(bands) bands), so that their backgrounds are mostly regularisation and targets hide in them: \(remedy)"
    )
  }
}

/// Pixels of a scene, cut into groups of neighbouring columns.
enum ColumnCubes {
  /// Whether a pixel differs from the first one.
  static func varies(_ cube: Cube) -> Bool {
    let (first, bands) = (cube.pixels.pointer, cube.shape.bands)
    return (1..<max(1, cube.count)).contains { n in
      let pixel = first + n * bands
      return (0..<bands).contains { pixel[$0] != first[$0] }
    }
  }

  /// The valid pixels of every group as a cube, group g from column `edges[g]` to before `edges[g + 1]`.
  static func read(_ source: any StripSource, edges: [Int], _ context: RunContext) throws -> [Cube] {
    let (lines, samples, bands) = (source.shape.lines, source.shape.samples, source.shape.bands)
    let count = edges.count - 1
    var owners = [Int](repeating: -1, count: samples)
    for group in 0..<count { for sample in edges[group]..<edges[group + 1] { owners[sample] = group } }
    let matrices = (0..<count).map { PixelMatrix(rows: lines * (edges[$0 + 1] - edges[$0]), columns: bands) }
    var positions = [[Int32]](repeating: [], count: count)
    try source.forEachStrip(context, label: "background") { strip in
      for n in 0..<strip.count {
        let (line, sample) = (Int(strip.positions[n]) / samples, Int(strip.positions[n]) % samples)
        let group = owners[sample]
        guard group >= 0 else { continue }
        (matrices[group].pointer + positions[group].count * bands).update(
          from: strip.pixels.pointer + n * bands, count: bands)
        positions[group].append(
          Int32((strip.window.line + line) * (edges[group + 1] - edges[group]) + sample - edges[group]))
      }
    }
    return (0..<count).map { group in
      matrices[group].reshape(rows: positions[group].count, columns: bands)
      return Cube(
        shape: CubeShape(lines: lines, samples: edges[group + 1] - edges[group], bands: bands),
        metadata: CubeMetadata(bands: bands), pixels: matrices[group], positions: positions[group])
    }
  }
}

extension Detectors {
  /// Ids of the detectors that can learn a background for every group of columns.
  public static var withColumns: [String] {
    target.descriptions.filter { target.find($0.id) is any CovarianceDetector.Type }.map(\.id)
      + anomaly.descriptions.filter { anomaly.find($0.id) is any CovarianceDetector.Type }.map(\.id)
  }

  /// A detector of known spectra with a background for every group of columns.
  ///
  /// - Parameters:
  ///   - id: the detector, one of `withColumns`.
  ///   - targets: spectra on the bands of `source`, in its units.
  ///   - width: columns per group, at least 1.
  /// - Throws: `CoreError.unknownMethod`, `.invalidParameter` for another detector; the errors of `ColumnDetector`.
  public static func targetByColumns(
    _ id: String, _ targets: SpectralLibrary, in source: any StripSource, columnsPerGroup width: Int,
    _ parameters: MethodParameters, _ context: RunContext
  ) throws -> any Detector {
    let claim = context.claimThreads()
    defer { claim.release() }
    func make<D: CovarianceDetector & TargetDetector>(_ type: D.Type) throws -> any Detector {
      try ColumnDetector<D>(in: source, width: width, parameters, context) {
        try D(targets, in: $0, parameters, $1)
      }
    }
    guard let type = try target.entry(id) as? any (CovarianceDetector & TargetDetector).Type else {
      throw needsCovariance(id)
    }
    return try make(type)
  }

  /// A detector of anomalies with a background for every group of columns.
  ///
  /// - Parameters:
  ///   - id: the detector, one of `withColumns`.
  ///   - width: columns per group, at least 1.
  /// - Throws: `CoreError.unknownMethod`, `.invalidParameter` for another detector; the errors of `ColumnDetector`.
  public static func anomalyByColumns(
    _ id: String, in source: any StripSource, columnsPerGroup width: Int, _ parameters: MethodParameters,
    _ context: RunContext
  ) throws -> any Detector {
    let claim = context.claimThreads()
    defer { claim.release() }
    func make<D: CovarianceDetector & AnomalyDetector>(_ type: D.Type) throws -> any Detector {
      try ColumnDetector<D>(in: source, width: width, parameters, context) { try D(in: $0, parameters, $1) }
    }
    guard let type = try anomaly.entry(id) as? any (CovarianceDetector & AnomalyDetector).Type else {
      throw needsCovariance(id)
    }
    return try make(type)
  }

  /// What is said to those who want columns of another detector.
  public static func needsCovariance(_ id: String) -> CoreError {
    .invalidParameter(
      name: "\(option: "columns")", value: id,
      requirement: "used with a method whose background is a mean and a covariance: "
        + withColumns.joined(separator: ", "))
  }
}
