import HSITransformer

/// The two losses of the masked autoencoder of LESS ViT: a mean over hidden positions plus a mean over hidden bands.
///
/// Where nothing is hidden, or nothing valid, a mean is 0. Source: Si et al., arXiv 2503.12843; arXiv 2605.18541.
public enum LESSLoss {
  /// Of one instrument:
  ///
  ///     e[b, c, n] = Σ_k v |rec − tgt|^p / (Σ_k v + 10⁻⁸),    v = [tgt ≠ 0]
  ///     L = Σ_bn w_bn mean_c e / Σ w + Σ_bc u_bc mean_n e / Σ u
  ///
  /// w is 1 at hidden positions and u at hidden bands, where any value is valid.
  ///
  /// - Parameters:
  ///   - patches: `[B, C, N, p²]`.
  ///   - target: of the same shape.
  ///   - hiddenBands: `[B, C]`, 1 = hidden.
  ///   - hiddenPositions: `[B, N]`, 1 = hidden.
  public static func valid(
    _ patches: Variable, _ target: Variable, hiddenBands: Tensor, hiddenPositions: Tensor, isAbsolute: Bool = false,
    _ tape: Tape
  ) -> Variable {
    let shape = patches.shape
    let (batch, bands, positions, width) = (shape[0], shape[1], shape[2], shape[3])
    let places = Tensor.zeros([batch, positions])
    let channels = Tensor.zeros([batch, bands])
    for b in 0..<batch {
      for c in 0..<bands {
        for n in 0..<positions {
          let start = ((b * bands + c) * positions + n) * width
          guard (start..<(start + width)).contains(where: { target.value.pointer[$0] != 0 }) else { continue }
          channels.output[b * bands + c] = hiddenBands.pointer[b * bands + c]
          places.output[b * positions + n] = hiddenPositions.pointer[b * positions + n]
        }
      }
    }
    let weights = Tensor.zeros([batch, bands, positions])
    add(places, channels, bands: 0..<bands, share: 1, to: weights)
    return tape.weightedVectorError(
      patches, target, weights: weights, isAbsolute: isAbsolute, skipsZeros: true)
  }

  /// Of optical and radar channels together: both means for each group, averaged over the groups that have a hidden channel; all values
  /// are valid.
  ///
  /// - Parameter radarBands: how many of the bands, the last ones, are radar.
  public static func grouped(
    _ patches: Variable, _ target: Variable, hiddenBands: Tensor, hiddenPositions: Tensor, radarBands: Int,
    isAbsolute: Bool = false, _ tape: Tape
  ) -> Variable {
    let (batch, bands, positions) = (patches.shape[0], patches.shape[1], patches.shape[2])
    let groups = [0..<(bands - radarBands), (bands - radarBands)..<bands].filter { group in
      (0..<batch).contains { b in group.contains { hiddenBands.pointer[b * bands + $0] != 0 } }
    }
    let weights = Tensor.zeros([batch, bands, positions])
    for group in groups {
      add(hiddenPositions, hiddenBands, bands: group, share: 1 / Double(groups.count), to: weights)
    }
    return tape.weightedVectorError(patches, target, weights: weights, isAbsolute: isAbsolute)
  }

  /// Adds what the error of every patch of some bands weighs in both means.
  private static func add(
    _ places: Tensor, _ channels: Tensor, bands group: Range<Int>, share: Double, to weights: Tensor
  ) {
    let (batch, bands, positions) = (weights.shape[0], weights.shape[1], weights.shape[2])
    func factor(_ sum: Double, _ others: Int) -> Double { sum > 0 ? share / (sum * Double(others)) : 0 }
    let perPlace = factor(places.values.reduce(0) { $0 + Double($1) }, group.count)
    var sum = 0.0
    for b in 0..<batch { for c in group { sum += Double(channels.pointer[b * bands + c]) } }
    let perBand = factor(sum, positions)
    for b in 0..<batch {
      for c in group {
        for n in 0..<positions {
          weights.output[(b * bands + c) * positions + n] += Float(
            perPlace * Double(places.pointer[b * positions + n]) + perBand * Double(channels.pointer[b * bands + c]))
        }
      }
    }
  }
}
