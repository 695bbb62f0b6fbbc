import HSICore

/// A sample of the pixels of a scene with some of their values held back.
struct HeldValues {
  /// The sample, values held back missing.
  let part: Cube
  private var held: [(place: Int, value: Float)] = []

  /// - Parameter share: chance of a value to be held back, a function of seed, pixel and band.
  init(_ scene: Cube, most: Int, share: Double, seed: UInt64) {
    let (bands, stride) = (scene.shape.bands, max((scene.count + most - 1) / most, 1))
    let rows = Swift.stride(from: 0, to: scene.count, by: stride).map { $0 }
    let sample = PixelMatrix(rows: rows.count, columns: bands)
    for (n, row) in rows.enumerated() {
      var random = CounterRandom(seed: seed, stream: UInt64(row))
      for b in 0..<bands {
        let value = scene.pixels[row, b]
        let isHeld = random.uniform() < share && value.isFinite
        sample[n, b] = isHeld ? .nan : value
        if isHeld { held.append((n * bands + b, value)) }
      }
    }
    part = Cube(
      shape: scene.shape, metadata: scene.metadata, pixels: sample, positions: rows.map { scene.positions[$0] })
  }

  /// The sum of the squared errors of a prediction at the values held back, over the variances of their bands.
  func error(of prediction: PixelMatrix, scales bands: [Int], _ variances: [Double]) -> Double {
    var inverse = [Double](repeating: 0, count: prediction.columns)
    for (b, band) in bands.enumerated() { inverse[band] = 1 / variances[b] }
    return held.reduce(0) { sum, entry in
      let scale = inverse[entry.place % prediction.columns]
      let difference = Double(prediction.pointer[entry.place] - entry.value)
      return scale > 0 ? sum + difference * difference * scale : sum
    }
  }
}
