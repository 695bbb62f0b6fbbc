import HSICore

extension Initialisation {
  /// Moves a generator on as `draw` does, without drawing: constant time, but where values are cut that may occur.
  func skip(_ shape: [Int], _ random: inout CounterRandom) {
    let count = shape.reduce(1, *)
    switch self {
    case .constant: break
    // Box–Muller numbers of 53-bit uniform ones end at 8.6 standard deviations.
    case .truncatedNormal(let deviation) where 8.6 * deviation > 2: _ = draw(shape, &random)
    case .normal, .truncatedNormal, .kaimingNormalFanOut, .xavierNormal: random.skipNormals(count)
    case .uniform, .unitUniform, .xavierUniform, .fanInUniform: random.skip(count)
    }
  }
}
