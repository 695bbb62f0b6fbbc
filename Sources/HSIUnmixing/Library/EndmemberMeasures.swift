import Foundation
import HSICore
import HSINumerics

/// How well every spectrum of a library of classes models every other one, and what follows from that for which ones to keep.
///
/// Spectrum i modelled by spectrum j and photometric shade: fraction `f = ⟨i, j⟩ / ⟨j, j⟩`, brought to the limits where it is beyond them,
/// RMSE `‖i − f j‖ / √L`, angle between i and j. i *is modelled* where f keeps the limits by itself and the RMSE is at most `maxRMSE`.
///
/// - EAR of j (endmember average RMSE): mean RMSE of the other spectra of its class.
/// - MASA of j (minimum average spectral angle): mean angle to them, radians.
/// - CoB of j (count based): how many of them it models, and how many of other classes.
///
/// Memory 24 m² bytes for m spectra, cost 2 L m² flops.
/// Sources: P. E. Dennison and D. A. Roberts, Remote Sensing of Environment 87, 2003 (EAR); P. E. Dennison, K. Q. Halligan and D. A.
/// Roberts, RSE 93, 2004 (MASA); D. A. Roberts et al., IEEE TGRS 41(6), 2003 (CoB).
///
/// ```swift
/// let measures = EndmemberMeasures(library, maxRMSE: 0.025)
/// let kept = measures.best(3, by: .ear)        // places in library.spectra
/// ```
public struct EndmemberMeasures: Sendable {
  /// What spectra are chosen by.
  public enum Criterion: String, CaseIterable, Sendable {
    /// Least average RMSE.
    case ear
    /// Least average angle.
    case masa
    /// Most spectra of the own class modelled, then fewest of others, then least EAR.
    case cob
    /// The set that classifies the library best.
    case ies
  }

  /// The library.
  public let library: ClassLibrary
  /// RMSE of spectrum i modelled by j, m × m.
  public let rmse: Matrix<Double>
  /// Angle between i and j in radians.
  public let angle: Matrix<Double>
  /// Whether i is modelled by j.
  public let isModelled: [Bool]

  /// Measures all pairs.
  ///
  /// - Parameters:
  ///   - maxRMSE: in the units of the library.
  ///   - fractions: limits of f.
  public init(_ library: ClassLibrary, maxRMSE: Double, fractions: ClosedRange<Double> = -0.05...1.05) {
    self.library = library
    let (count, bands) = (library.spectra.count, library.spectra.bands)
    let rows = Matrix(rows: count, columns: bands, values: library.spectra.values)
    let gram = rows.multiplied(by: rows, .none, .transposed)
    var rmse = Matrix<Double>(rows: count, columns: count)
    var angle = rmse
    var modelled = [Bool](repeating: false, count: count * count)
    for i in 0..<count {
      for j in 0..<count {
        let length = gram[j, j]
        let free = length > 0 ? gram[i, j] / length : 0
        let fraction = min(max(free, fractions.lowerBound), fractions.upperBound)
        let square = gram[i, i] - 2 * fraction * gram[i, j] + fraction * fraction * length
        rmse[i, j] = (max(0, square) / Double(max(bands, 1))).squareRoot()
        let lengths = (gram[i, i] * length).squareRoot()
        angle[i, j] = lengths > 0 ? acos(min(1, max(-1, gram[i, j] / lengths))) : 0
        modelled[i * count + j] = length > 0 && fraction == free && rmse[i, j] <= maxRMSE
      }
    }
    (self.rmse, self.angle, isModelled) = (rmse, angle, modelled)
  }

  /// The other spectra of the class of j.
  private func peers(_ j: Int) -> [Int] {
    library.membership.indices.filter { $0 != j && library.membership[$0] == library.membership[j] }
  }

  /// EAR of every spectrum; 0 for one that is alone in its class.
  public var averageRMSE: [Double] { average(rmse) }

  /// MASA of every spectrum, radians; 0 for one that is alone in its class.
  public var averageAngle: [Double] { average(angle) }

  private func average(_ values: Matrix<Double>) -> [Double] {
    library.membership.indices.map { j in
      let peers = peers(j)
      return peers.reduce(0) { $0 + values[$1, j] } / Double(max(1, peers.count))
    }
  }

  /// CoB of every spectrum: others of its class that it models, and spectra of other classes.
  public var counts: (inside: [Int], outside: [Int]) {
    let count = library.spectra.count
    var (inside, outside) = ([Int](repeating: 0, count: count), [Int](repeating: 0, count: count))
    for j in 0..<count {
      for i in 0..<count where i != j && isModelled[i * count + j] {
        if library.membership[i] == library.membership[j] { inside[j] += 1 } else { outside[j] += 1 }
      }
    }
    return (inside, outside)
  }

  /// The best spectra of every class (`ies`: the set that classifies best, however many), as places in `library.spectra`, ascending.
  public func best(_ perClass: Int, by criterion: Criterion) -> [Int] {
    if criterion == .ies { return classifyingSet() }
    let (ear, masa, counts) = (averageRMSE, averageAngle, counts)
    func key(_ j: Int) -> (Double, Double, Double, Int) {
      switch criterion {
      case .ear, .ies: (ear[j], 0, 0, j)
      case .masa: (masa[j], 0, 0, j)
      case .cob: (-Double(counts.inside[j]), Double(counts.outside[j]), ear[j], j)
      }
    }
    return library.classes.indices.flatMap { c in
      library.membership.indices.filter { library.membership[$0] == c }.sorted { key($0) < key($1) }.prefix(
        max(1, perClass))
    }.sorted()
  }

  // MARK: - Iterative endmember selection

  /// Iterative endmember selection: the set that gives the other spectra of the library their classes with the highest kappa.
  ///
  /// Every spectrum takes the class of the member of the set, other than itself, that models it with the least RMSE; none where no member does.
  /// The set grows by the spectrum that raises kappa most, and loses members whose loss does not lower it, until nothing raises it. Cost m² per
  /// round.
  /// Source: A. N. Schaaf, P. E. Dennison et al., Remote Sensing of Environment 115, 2011; K. L. Roth et al., RSE 127, 2012.
  private func classifyingSet() -> [Int] {
    let count = library.spectra.count
    var set: [Int] = []
    var kappa = -Double.infinity
    for _ in 0..<count {
      var (best, value) = (-1, kappa)
      let now = assignment(set)
      for candidate in 0..<count where !set.contains(candidate) {
        // Only what the candidate models better than the set changes.
        var classes = now.classes
        for i in 0..<count where i != candidate && isModelled[i * count + candidate] && rmse[i, candidate] < now.rmse[i]
        {
          classes[i] = library.membership[candidate]
        }
        let found = self.kappa(of: classes)
        if found > value { (best, value) = (candidate, found) }
      }
      guard best >= 0 else { break }
      set.append(best)
      kappa = value
      var isSmaller = true
      while isSmaller, set.count > 1 {
        isSmaller = false
        for member in set where member != best {
          let without = set.filter { $0 != member }
          let found = self.kappa(without)
          if found >= kappa {
            (set, kappa, isSmaller) = (without, found, true)
            break
          }
        }
      }
    }
    return set.sorted()
  }

  /// The class that a set gives every spectrum, as many as there are for none, and the RMSE.
  private func assignment(_ set: [Int]) -> (classes: [Int], rmse: [Double]) {
    let count = library.spectra.count
    var classes = [Int](repeating: library.classes.count, count: count)
    var least = [Double](repeating: .infinity, count: count)
    for i in 0..<count {
      for j in set where j != i && isModelled[i * count + j] && rmse[i, j] < least[i] {
        (least[i], classes[i]) = (rmse[i, j], library.membership[j])
      }
    }
    return (classes, least)
  }

  /// Cohen's kappa of the classes that a set gives; spectra that it does not model count as a class of their own.
  public func kappa(_ set: [Int]) -> Double { kappa(of: assignment(set).classes) }

  private func kappa(of found: [Int]) -> Double {
    let (count, classes) = (library.spectra.count, library.classes.count)
    var table = [Double](repeating: 0, count: classes * (classes + 1))
    for i in 0..<count { table[library.membership[i] * (classes + 1) + found[i]] += 1 }
    let total = Double(count)
    var (agreed, expected) = (0.0, 0.0)
    for c in 0..<classes {
      let row = (0...classes).reduce(0.0) { $0 + table[c * (classes + 1) + $1] }
      let column = (0..<classes).reduce(0.0) { $0 + table[$1 * (classes + 1) + c] }
      agreed += table[c * (classes + 1) + c] / total
      expected += row * column / (total * total)
    }
    return expected < 1 ? (agreed - expected) / (1 - expected) : 1
  }
}
