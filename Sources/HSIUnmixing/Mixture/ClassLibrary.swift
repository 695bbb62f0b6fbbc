import HSICore

/// A spectral library whose spectra belong to classes: several spectra of roofs, several of grass …
///
/// ```swift
/// let library = try ClassLibrary(spectra, classes: ["roof", "roof", "grass"])
/// library.classes        // ["roof", "grass"]
/// ```
public struct ClassLibrary: Sendable {
  /// The spectra, class by class in the order of `classes`.
  public let spectra: SpectralLibrary
  /// Names of the classes, in the order in which they first occur.
  public let classes: [String]
  /// Class of every spectrum, ascending.
  public let membership: [Int]
  /// Place of every spectrum in the library that it comes from.
  public let places: [Int]

  /// A library of classes.
  ///
  /// - Parameters:
  ///   - spectra: in any order, no NaN.
  ///   - names: the class of every spectrum; names that differ in the case of letters only are one.
  /// - Throws: `UnmixingError.invalidSpectra`, `CoreError.invalidParameter` for as many classes as there are not.
  public init(_ spectra: SpectralLibrary, classes names: [String]) throws {
    guard names.count == spectra.count, spectra.count > 0 else {
      throw CoreError.invalidParameter(
        name: "classes", value: "\(names.count)", requirement: "one for each of the \(spectra.count) spectra")
    }
    for i in 0..<spectra.count where spectra[i].contains(where: { !$0.isFinite }) {
      throw UnmixingError.invalidSpectra(name: spectra.names[i])
    }
    var (classes, numbers, own): ([String], [String: Int], [Int]) = ([], [:], [])
    for name in names {
      let key = name.lowercased()
      if numbers[key] == nil {
        numbers[key] = classes.count
        classes.append(name)
      }
      own.append(numbers[key] ?? 0)
    }
    let order = spectra.names.indices.sorted { (own[$0], $0) < (own[$1], $1) }
    self.init(spectra: spectra.selecting(order), classes: classes, membership: order.map { own[$0] }, places: order)
  }

  private init(spectra: SpectralLibrary, classes: [String], membership: [Int], places: [Int]) {
    self.spectra = spectra
    self.classes = classes
    self.membership = membership
    self.places = places
  }

  /// Where the spectra of the classes begin, and the end of the last: one value more than classes.
  public var starts: [Int] {
    var counts = [Int](repeating: 0, count: classes.count + 1)
    for c in membership { counts[c + 1] += 1 }
    for c in 0..<classes.count { counts[c + 1] += counts[c] }
    return counts
  }

  /// The mean spectrum of every class, under its name.
  public var means: SpectralLibrary {
    let bands = spectra.bands
    var values = [Double](repeating: 0, count: classes.count * bands)
    let starts = starts
    for (i, c) in membership.enumerated() {
      let weight = 1 / Double(starts[c + 1] - starts[c])
      for l in 0..<bands { values[c * bands + l] += weight * spectra.values[i * bands + l] }
    }
    return SpectralLibrary(names: classes, axis: spectra.axis, values: values)
  }

  /// As many spectra of every class as it has, drawn with replacement; of one that is drawn more than once there is one.
  ///
  /// The draws follow from the seed and the number of the replicate alone (Philox).
  public func resampled(seed: UInt64, replicate: Int) -> ClassLibrary {
    var random = CounterRandom(seed: seed, stream: UInt64(clamping: replicate))
    let starts = starts
    var kept: Set<Int> = []
    for c in classes.indices {
      let size = starts[c + 1] - starts[c]
      for _ in 0..<size { kept.insert(starts[c] + random.index(below: size)) }
    }
    let order = kept.sorted()
    return ClassLibrary(
      spectra: spectra.selecting(order), classes: classes, membership: order.map { membership[$0] },
      places: order.map { places[$0] })
  }
}
