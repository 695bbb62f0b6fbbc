import Foundation
import HSICore
import HSINumerics

/// Bands of another instrument, and how far those of a scene make them up.
///
/// Bands are described by centres and widths (`SpectralResampling`), or by tables of their responses. A band of the target is kept where the
/// scene *covers* it, 95 % of its response lying between good bands without a gap, and *resolves* it: the bands of the scene there are not
/// wider than it is. Bands that are equal within 1 % of their width are copied.
///
/// ```swift
/// let bands = try BandResolution(from: scene.metadata.axis, to: .bands(enmap), interpolating: false)
/// bands.weights.apply(scene.pixels, into: result)
/// ```
public struct BandResolution: Sendable {
  /// What is asked for.
  public enum Target: Sendable {
    /// Centres and widths.
    case bands(SpectralAxis)
    /// Responses: one spectrum per band, in any scale, 0 where there is no value.
    case responses(SpectralLibrary)
  }

  /// 0-based bands of the target that come out.
  public let kept: [Int]
  /// Bands that the scene does not cover, or that carry no signal on the target.
  public let uncovered: [Int]
  /// Bands that the scene covers with wider ones; left out, or interpolated where that was asked for.
  public let unresolved: [Int]
  /// How the bands that come out are made.
  public let weights: BandWeights

  /// A band of a scene may be wider than that of the target by this share.
  private static let tolerance = 0.05
  /// Share of a response that must be covered.
  private static let share = 0.95

  /// - Parameters:
  ///   - scene: the bands of the scene, of which the good ones are used.
  ///   - interpolating: whether bands that are narrower than those of the scene are interpolated, rather than left out.
  ///   - name: of the target, for messages.
  ///   - owner: whose bands it is made of, for messages.
  /// - Throws: `SpectralError.inconsistent` where an axis has no wavelengths, or no band is left.
  public init(
    from scene: SpectralAxis, to target: Target, interpolating: Bool, named name: String, owner: String = "the scene"
  ) throws {
    let own = try scene.places(for: name)
    let order = scene.ascending.filter { scene.good[$0] && own[$0].isFinite && own[$0] > 0 }
    guard !order.isEmpty else {
      throw SpectralError.inconsistent(name: name, reason: "\(owner) has no good bands", advice: "choose other bands")
    }
    let cover = Coverage(
      places: order.map { own[$0] }, widths: scene.fwhm.map { all in order.map { all[$0] } })
    let responses: [Response]
    var axis: SpectralAxis
    switch target {
    case .bands(let bands):
      let centres = try BandResolution.places(of: bands, name)
      let widths = bands.fwhm ?? Coverage.steps(centres)
      responses = centres.indices.map { .gaussian(centre: centres[$0], width: widths[$0]) }
      axis = bands
      axis.fwhm = widths
    case .responses(let table):
      responses = try BandResolution.tables(table, name)
      axis = SpectralAxis(
        wavelengths: responses.map(\.centre), fwhm: responses.map(\.width), unit: table.axis.unit)
    }
    var (kept, uncovered, unresolved): ([Int], [Int], [Int]) = ([], [], [])
    for (band, response) in responses.enumerated() {
      let same = order.contains { other in
        let isThere = abs(own[other] - response.centre) <= 0.01 * max(response.width, 0.1)
        return isThere && (scene.fwhm.map { abs($0[other] - response.width) <= 0.05 * response.width } ?? false)
      }
      if !axis.good[band] || cover.share(of: response) < BandResolution.share, !(axis.good[band] && same) {
        uncovered.append(band)
      } else if !same, cover.width(at: response.centre) > (1 + BandResolution.tolerance) * response.width {
        unresolved.append(band)
        if interpolating { kept.append(band) }
      } else {
        kept.append(band)
      }
    }
    var columns = Matrix<Double>(rows: order.count, columns: 0)
    switch target {
    case .bands:
      // Centres beyond the first and last band of the scene are not extrapolated.
      let found = SpectralResampling.weights(from: scene.selecting(order), to: axis.selecting(kept))
      let places = found?.kept ?? []
      uncovered = (uncovered + kept.indices.filter { !places.contains($0) }.map { kept[$0] }).sorted()
      kept = places.map { kept[$0] }
      unresolved = unresolved.filter { !uncovered.contains($0) }
      columns = found?.weights ?? columns
    case .responses:
      columns = Matrix(rows: order.count, columns: kept.count, values: cover.integrals(kept.map { responses[$0] }))
    }
    guard !kept.isEmpty else {
      let reason =
        unresolved.isEmpty
        ? "the good bands of \(owner), \(cover.text), cover none of its \(responses.count) bands"
        : "its \(unresolved.count) bands within reach are narrower than those of \(owner)"
      throw SpectralError.inconsistent(
        name: name, reason: reason,
        advice: unresolved.isEmpty ? "choose another instrument" : "\(option: "interpolate") makes them nevertheless")
    }
    var weights = Matrix<Double>(rows: scene.count, columns: kept.count)
    for (row, band) in order.enumerated() { for k in 0..<kept.count { weights[band, k] = columns[row, k] } }
    (self.kept, self.uncovered, self.unresolved) = (kept, uncovered, unresolved)
    self.weights = BandWeights(weights, axis: axis.selecting(kept))
  }

  private static func places(of axis: SpectralAxis, _ name: String) throws -> [Double] {
    guard let places = axis.wavelengths, places.allSatisfy({ $0.isFinite && $0 > 0 }),
      axis.fwhm?.allSatisfy({ $0.isFinite && $0 > 0 }) ?? true
    else {
      throw SpectralError.inconsistent(
        name: name, reason: "its centres and widths are not all numbers above 0", advice: "check the table")
    }
    return places
  }

  /// The responses of a table, ascending by wavelength.
  private static func tables(_ library: SpectralLibrary, _ name: String) throws -> [Response] {
    guard let places = library.axis.wavelengths, places.allSatisfy({ $0.isFinite && $0 > 0 }) else {
      throw SpectralError.inconsistent(
        name: name, reason: "its responses have no wavelengths", advice: "put them into the first column, in nm or µm")
    }
    let order = library.axis.ascending
    return try (0..<library.count).map { index in
      let values = order.map { band -> Double in
        let value = library[index][library[index].startIndex + band]
        return value.isFinite ? max(0, value) : 0
      }
      guard let response = Response(places: order.map { places[$0] }, values: values) else {
        throw SpectralError.inconsistent(
          name: name,
          reason: "the response of \(library.names[index]) is 0 everywhere, or has fewer than 2 wavelengths",
          advice: "remove that column")
      }
      return response
    }
  }
}

/// How sensitive a band is over wavelength.
struct Response: Sendable {
  let centre: Double
  /// Full width at half maximum.
  let width: Double
  /// Where the response is known, ascending and each once, and its values.
  let places: [Double]
  let values: [Double]

  /// 129 points out to 1.5 widths on both sides, where a Gaussian is 2⁻⁹ of its height.
  static func gaussian(centre: Double, width: Double) -> Response {
    let offsets = (0...128).map { (Double($0) / 64 - 1) * 1.5 }
    return Response(
      centre: centre, width: width, places: offsets.map { centre + $0 * width },
      values: offsets.map { exp2(-4 * $0 * $0) })
  }

  private init(centre: Double, width: Double, places: [Double], values: [Double]) {
    (self.centre, self.width, self.places, self.values) = (centre, width, places, values)
  }

  /// A response of a table: its centre is its mean wavelength, its width that between the outermost places at half its maximum.
  init?(places all: [Double], values given: [Double]) {
    var (places, values): ([Double], [Double]) = ([], [])
    for (place, value) in zip(all, given) where places.last.map({ place > $0 }) ?? true {
      places.append(place)
      values.append(value)
    }
    guard places.count > 1, let most = values.max(), most > 0, most.isFinite,
      let first = values.firstIndex(where: { 2 * $0 >= most }), let last = values.lastIndex(where: { 2 * $0 >= most })
    else { return nil }
    func crossing(_ inside: Int, _ outside: Int) -> Double {
      guard places.indices.contains(outside), values[inside] > values[outside] else { return places[inside] }
      let share = (values[inside] - most / 2) / (values[inside] - values[outside])
      return places[inside] + share * (places[outside] - places[inside])
    }
    let (low, high) = (crossing(first, first - 1), crossing(last, last + 1))
    var (area, moment) = (0.0, 0.0)
    for i in 1..<places.count {
      let step = places[i] - places[i - 1]
      area += 0.5 * step * (values[i] + values[i - 1])
      moment += 0.5 * step * (values[i] * places[i] + values[i - 1] * places[i - 1])
    }
    guard area > 0 else { return nil }
    self.init(
      centre: moment / area, width: max(high - low, 1e-6), places: places, values: values)
  }
}

/// Where a scene has values.
struct Coverage {
  /// Centres, ascending.
  let places: [Double]
  private let widths: [Double]
  /// Usual step near every band.
  private let steps: [Double]

  init(places: [Double], widths: [Double]?) {
    self.places = places
    steps = Coverage.steps(places)
    self.widths = widths ?? steps
  }

  /// The usual step around every centre, in the order of the centres: the median of the eight next to it, so that neither gaps nor
  /// detectors that overlap count; 1 for a single centre.
  static func steps(_ centres: [Double]) -> [Double] {
    let order = centres.indices.sorted { (centres[$0], $0) < (centres[$1], $1) }
    let all = zip(order, order.dropFirst()).map { centres[$1] - centres[$0] }
    var steps = [Double](repeating: 1, count: centres.count)
    for (place, band) in order.enumerated() {
      let near = all[max(0, place - 4)..<min(all.count, place + 4)].filter { $0 > 0 }.sorted()
      if !near.isEmpty { steps[band] = near[near.count / 2] }
    }
    return steps
  }

  /// `400–2500 nm`
  var text: String {
    "\(PlainNumber.rounded(places.first ?? 0))–\(PlainNumber.rounded(places.last ?? 0)) nm"
  }

  /// Index of the first centre at or above a wavelength.
  private func above(_ wavelength: Double) -> Int {
    var (low, high) = (0, places.count)
    while low < high {
      let middle = (low + high) / 2
      if places[middle] < wavelength { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Width of the bands near a wavelength.
  func width(at wavelength: Double) -> Double {
    let next = above(wavelength)
    let near = [next - 1, next].filter(places.indices.contains)
    return near.map { widths[$0] }.max() ?? .infinity
  }

  /// Share of a response that lies between bands without a gap, or within half a step of the first or last.
  func share(of response: Response) -> Double {
    var (inside, total) = (0.0, 0.0)
    for (place, value) in zip(response.places, response.values) where value > 0 {
      total += value
      let next = above(place)
      let isCovered: Bool
      if next == 0 {
        isCovered = places[0] - place <= 0.5 * steps[0]
      } else if next == places.count {
        isCovered = place - places[next - 1] <= 0.5 * steps[next - 1]
      } else {
        let gap = places[next] - places[next - 1]
        isCovered = gap <= max(2.5 * min(steps[next - 1], steps[next]), response.width / 4)
      }
      if isCovered { inside += value }
    }
    return total > 0 ? inside / total : 0
  }

  /// Weights of bands in `∫ R(λ) y(λ) dλ / ∫ R(λ) dλ`, with y linear between centres and constant beyond, R linear between its places:
  /// exact for such spectra. Bands × responses, row by row.
  func integrals(_ responses: [Response]) -> [Double] {
    var weights = [Double](repeating: 0, count: places.count * responses.count)
    for (column, response) in responses.enumerated() {
      let first = response.places[0]
      let last = response.places[response.places.count - 1]
      let nodes = (response.places + places.filter { $0 > first && $0 < last }).sorted()
      var (total, index) = (0.0, 0)
      func value(_ place: Double) -> Double {
        while index + 2 < response.places.count, response.places[index + 1] < place { index += 1 }
        let step = response.places[index + 1] - response.places[index]
        let share = min(max((place - response.places[index]) / step, 0), 1)
        return response.values[index] + share * (response.values[index + 1] - response.values[index])
      }
      for (low, high) in zip(nodes, nodes.dropFirst()) where high > low {
        // Simpson's rule is exact for the product of two straight lines.
        for (place, factor) in [(low, 1.0), ((low + high) / 2, 4), (high, 1)] {
          let weight = factor / 6 * (high - low) * value(place)
          guard weight > 0 else { continue }
          total += weight
          let next = above(place)
          if next == 0 || next == places.count {
            weights[min(next, places.count - 1) * responses.count + column] += weight
          } else {
            let share = (place - places[next - 1]) / (places[next] - places[next - 1])
            weights[(next - 1) * responses.count + column] += weight * (1 - share)
            weights[next * responses.count + column] += weight * share
          }
        }
      }
      for row in places.indices where total > 0 { weights[row * responses.count + column] /= total }
    }
    return weights
  }
}
