import HSICore
import HSINumerics

extension Features {
  /// Fits the components of the minimum noise fraction (MNF): directions in which pixels vary most in units of the noise, which comes out with unit variance.
  ///
  /// The directions are `NoiseFractions` of bands of unit deviation. The noise is that of the differences of neighbouring pixels of one
  /// class over √2, its covariance shrunk after Ledoit and Wolf, so that few pairs will do. Cost N L² + 20 L³.
  ///
  /// - Parameters:
  ///   - wanted: at most so many components.
  ///   - pixels: pixels × bands.
  ///   - pairs: rows of neighbouring pixels of one class.
  /// - Returns: nil for fewer than eight pairs, or equal ones, from which no noise can be told.
  /// - Throws: `ClassificationError.constantSpectra` when no band varies.
  /// Source: A. A. Green et al., IEEE TGRS 26(1), 1988.
  static func noiseFractions(_ wanted: Int, _ pixels: PixelMatrix, pairs: [(Int, Int)]) throws -> Features? {
    guard pairs.count >= 8 else { return nil }
    let scaling = try fit(.standardised, pixels)
    let bands = pixels.columns
    let values = scaling.apply(pixels)
    let differences = Matrix<Double>(rows: pairs.count, columns: bands) { row, band in
      Double(values[pairs[row].0, band] - values[pairs[row].1, band]) / 2.0.squareRoot()
    }
    guard differences.values.contains(where: { $0 != 0 }) else { return nil }
    let accumulator = StatisticsAccumulator(bands: bands, precision: .double)
    accumulator.add(values)
    let fractions = try NoiseFractions(
      covariance: accumulator.finish().covariance, noise: ShrinkageDiscriminant.shrunk(differences))
    let count = min(wanted, fractions.values.prefix { $0 > 1e-12 * max(fractions.values[0], 0) }.count)
    guard count > 0 else { throw ClassificationError.constantSpectra }
    let components = Matrix<Float>(rows: count, columns: bands) { k, band in Float(fractions.directions[band, k]) }
    return Features(
      mean: scaling.mean, factor: scaling.factor, components: components,
      variances: Array(fractions.values.prefix(count)))
  }
}

extension ClassificationTask {
  /// Rows of the spectra of the training pixels (`spectra(of: training)`) that lie beside or below each other and have one class.
  var trainingPairs: [(Int, Int)] {
    let (rows, labels) = rows(of: training)
    var place: [Int32: Int] = [:]
    for (n, row) in rows.enumerated() { place[scene.positions[row]] = n }
    let samples = Int32(scene.shape.samples)
    var pairs: [(Int, Int)] = []
    for (n, row) in rows.enumerated() {
      let position = scene.positions[row]
      for other in [(position % samples + 1 < samples) ? position + 1 : -1, position + samples] {
        if let m = place[other], labels[m] == labels[n] { pairs.append((n, m)) }
      }
    }
    return pairs
  }
}
