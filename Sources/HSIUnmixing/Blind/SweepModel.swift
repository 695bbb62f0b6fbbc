/// What a method of the multiplicative family minimises, in absolute units. With residual rows
/// `r_l = y_l − m_l A` and `C = I − 11ᵀ/K`:
///
///     J = loss + sparsity + δ/2 Σ_n (1 − Σ_k A_kn)² + graphWeight/2 Σ_{i<j} w_ij ‖a_i − a_j‖²
///
/// over `M ≥ 0, A ≥ 0` (and the guidance map of `.map`).
struct SweepModel: Sendable {
  /// How residuals are measured.
  enum Loss: Sendable {
    /// `½ Σ_l (‖r_l‖² + volume·‖m_l C‖²)`
    case quadratic
    /// `Σ_l sqrt(‖r_l‖² + volume·‖m_l C‖² + ε²)`: the ℓ2,1 norm over channels.
    case channels(epsilon: Double)
    /// `Σ_n sqrt(‖y_n − M a_n‖² + ε²)`: the ℓ2,1 norm over pixels. Without volume term.
    case samples(epsilon: Double)
  }

  /// The penalty on abundances.
  enum Sparsity: Sendable {
    case none
    /// `λ Σ A`
    case one(Double)
    /// `λ Σ A^½`, its slope held at that of `floor` below `floor`.
    case half(Double, floor: Double)
    /// `λ Σ (A_kn + ε)^(1−h_n)`; a learnt map adds `β/2 Σ (h − s)² + γ/2 Σ_{i<j} w_ij (h_i − h_j)²`.
    case map(Map)
  }

  /// Parameters of the guidance map.
  struct Map: Sendable {
    var lambda: Double
    var epsilon: Double
    var largest: Double
    var beta = 0.0
    var gamma = 0.0
    /// False keeps h at the prior s.
    var learnt: Bool
  }

  var loss: Loss
  var sparsity: Sparsity = .none
  /// δ
  var softSum: Double
  var graphWeight = 0.0
  var volume = 0.0
}

/// The terms of the objective that a sweep yields, without their weights.
struct SweepTerms {
  var sparsity = 0.0
  var softSum = 0.0
  var prior = 0.0
  var coupling = 0.0
  var graph = 0.0
  var sampleLoss = 0.0
}

extension SweepModel {
  /// J from the squared residuals of the channels (volume included) and the terms of the sweep.
  func objective(squares: [Double], _ terms: SweepTerms) -> Double {
    var value = softSum / 2 * terms.softSum + graphWeight / 2 * terms.graph
    switch loss {
    case .quadratic: value += squares.reduce(0, +) / 2
    case .channels(let epsilon): value += squares.reduce(0) { $0 + ($1 + epsilon * epsilon).squareRoot() }
    case .samples: value += terms.sampleLoss
    }
    switch sparsity {
    case .none: break
    case .one(let lambda), .half(let lambda, _): value += lambda * terms.sparsity
    case .map(let map):
      value += map.lambda * terms.sparsity + map.beta / 2 * terms.prior + map.gamma / 2 * terms.coupling
    }
    return value
  }
}
