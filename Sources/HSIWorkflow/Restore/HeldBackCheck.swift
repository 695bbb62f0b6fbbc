import HSICore
import HSINumerics
import HSIReport
import HSIRestoration

/// How far filled values can be trusted: some of those that are known are hidden, restored, and compared.
enum HeldBackCheck {
  /// At most this many values are hidden, and at most one in `share` of those that are known.
  private static let (most, share) = (200_000, 50)

  /// Hides values, restores the scene again and compares.
  ///
  /// Where bands are to be restored whole bands are hidden, at most three, none beside another; else values all over the scene,
  /// drawn from the seed of the context.
  ///
  /// - Returns: nil where too little is known to hide any of it.
  static func run(
    _ restorer: any Restorer, on scene: Cube, missing: MissingValues, noise: NoiseLevels?, hidesBands: Bool,
    _ context: RunContext
  ) throws -> RestoreBody.HeldBack? {
    let bands = scene.shape.bands
    let hidden = PixelMatrix(rows: scene.count, columns: bands, values: scene.pixels.values)
    let known = scene.count * bands - missing.count
    var random = CounterRandom(seed: context.seed, stream: 0x4845_4c44)
    var places: [Int] = []
    if hidesBands {
      let usable = missing.observed.indices.filter { missing.observed[$0] > scene.count / 2 }
      guard usable.count >= 8 else { return nil }
      var chosen: [Int] = []
      for _ in 0..<50 where chosen.count < 3 {
        let band = usable[1 + random.index(below: usable.count - 2)]
        if chosen.allSatisfy({ abs($0 - band) > 1 }) { chosen.append(band) }
      }
      for row in 0..<scene.count {
        for band in chosen where scene.pixels.pointer[row * bands + band].isFinite { places.append(row * bands + band) }
      }
    } else {
      let wanted = min(most, known / share)
      guard wanted >= 20 else { return nil }
      let rate = Double(wanted) / Double(known)
      for place in 0..<(scene.count * bands) where scene.pixels.pointer[place].isFinite && random.uniform() < rate {
        places.append(place)
      }
    }
    guard !places.isEmpty else { return nil }
    for place in places { hidden.pointer[place] = .nan }
    let tried = Cube(shape: scene.shape, metadata: scene.metadata, pixels: hidden, positions: scene.positions)
    let result = try restorer.restore(tried, noise: noise, context).scene
    guard result.positions == scene.positions, result.shape == scene.shape else { return nil }
    var (squares, energy, count) = (0.0, 0.0, 0)
    for place in places {
      let (truth, guess) = (Double(scene.pixels.pointer[place]), Double(result.pixels.pointer[place]))
      guard guess.isFinite else { continue }
      squares += (guess - truth) * (guess - truth)
      energy += truth * truth
      count += 1
    }
    guard count > 0 else { return nil }
    let rmse = (squares / Double(count)).squareRoot()
    return RestoreBody.HeldBack(values: count, rmse: rmse, relative: energy > 0 ? (squares / energy).squareRoot() : nil)
  }
}
