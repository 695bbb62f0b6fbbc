import CKernels
import Foundation
import HSICore

/// Which weights of a network stay when it is pruned: what users write as `2:4` or `density=0.3`.
public enum PruningPattern: Sendable, Equatable {
  /// Of every `group` neighbouring inputs of an output the `kept` of largest magnitude; inputs that are left over stay.
  case groups(kept: Int, of: Int)
  /// A share of all weights that can be pruned, above 0 and below 1. Matrices get shares by their sizes (`ErdosRenyi`).
  case density(Double)

  /// What can be written.
  public static let grammar = "KEPT:GROUP such as 2:4 (GROUP from 2 to 64), or density=SHARE above 0 and below 1"

  /// Reads what a user wrote.
  ///
  /// - Parameter option: what the text was given for, named in errors.
  /// - Throws: `CoreError.invalidParameter`.
  public init(_ text: String, option: String) throws {
    let groups = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    if groups.count == 2, let kept = groups[0], let group = groups[1], (2...64).contains(group),
      (1..<group).contains(kept)
    {
      self = .groups(kept: kept, of: group)
      return
    }
    let parts = text.split(separator: "=", omittingEmptySubsequences: false)
    if parts.count == 2, parts[0] == "density", let share = Double(parts[1]), share > 0, share < 1 {
      self = .density(share)
      return
    }
    throw CoreError.invalidParameter(name: option, value: text, requirement: PruningPattern.grammar)
  }

  /// The same as a user would write it.
  public var text: String {
    switch self {
    case .groups(let kept, let group): "\(kept):\(group)"
    case .density(let share): "density=\(share)"
    }
  }
}

/// What of one matrix or kernel `[out, in, …]` stays.
public enum PruningRule: Sendable, Equatable {
  /// Of every `group` neighbours along the inputs the `kept` largest.
  case groups(kept: Int, of: Int)
  /// So many of the largest.
  case largest(Int)

  /// The weights with zeros in place of those that do not stay. Cost: see `hsi_keep_largest`.
  public func kept(_ weights: Tensor) -> Tensor {
    let result = Tensor(uninitialised: weights.shape)
    switch self {
    case .groups(let kept, let group):
      hsi_keep_largest_of_groups(
        weights.pointer, weights.shape[0], weights.shape[1], weights.shape.dropFirst(2).reduce(1, *), kept, group,
        result.output)
    case .largest(let count):
      let scratch = Tensor(uninitialised: [weights.count])
      hsi_keep_largest(weights.pointer, weights.count, count, scratch.output, result.output)
    }
    return result
  }
}

/// Shares of the weights of layers under an overall share: `p_l = ε · Σ extents / Π extents`, so that small layers stay denser (ERK).
///
/// ε follows from `Σ p_l n_l = p Σ n_l`; layers that would get more than all stay dense, and the others make up for it.
/// Source: Evci et al. 2020, "Rigging the lottery", ICML; Liu et al. 2022, "The unreasonable effectiveness of random pruning",
/// ICLR, arXiv 2202.02643.
public enum ErdosRenyi {
  /// The share of every layer.
  ///
  /// - Parameters:
  ///   - shapes: extents of the layers, none of them empty.
  ///   - density: the overall share, from 0 to 1.
  public static func densities(_ shapes: [[Int]], density: Double) -> [Double] {
    let sizes = shapes.map { Double($0.reduce(1, *)) }
    let raw = zip(shapes, sizes).map { Double($0.reduce(0, +)) / $1 }
    let wanted = density * sizes.reduce(0, +)
    var dense = Set<Int>()
    while true {
      let rest = shapes.indices.filter { !dense.contains($0) }
      let left = wanted - dense.reduce(0) { $0 + sizes[$1] }
      let weight = rest.reduce(0) { $0 + raw[$1] * sizes[$1] }
      guard weight > 0, left > 0 else {
        // So many layers are small that nothing is left for the large ones: all get the same.
        return left > 0 || rest.isEmpty ? shapes.map { _ in 1 } : shapes.map { _ in density }
      }
      let epsilon = left / weight
      guard let largest = rest.map({ raw[$0] }).max(), epsilon * largest > 1 else {
        return shapes.indices.map { dense.contains($0) ? 1 : epsilon * raw[$0] }
      }
      dense.formUnion(rest.filter { raw[$0] == largest })
    }
  }
}
