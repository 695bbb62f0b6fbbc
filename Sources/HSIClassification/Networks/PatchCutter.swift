import HSICore
import HSINetworks
import HSINumerics
import HSITransformer

/// Cuts patches around pixels and scales them: the input of a patch network, `[B, components, side, side, 1]`.
///
/// What lies beyond the image is zero, as missing pixels are. With `.patch` every component of every patch becomes
/// `(x − mean) / (deviation + 1e-8)`, deviation with N − 1; zeros outside the image count as pixels, as in the released code.
public struct PatchCutter: Sendable {
  /// Side, odd.
  public let side: Int
  /// How patches are scaled.
  public let standardisation: PatchStandardisation

  /// A cutter of patches of an odd side.
  public init(side: Int, standardisation: PatchStandardisation) {
    self.side = side
    self.standardisation = standardisation
  }

  /// The patches around some places.
  ///
  /// - Parameters:
  ///   - places: `line · samples + sample` in the image.
  ///   - orientations: for each patch one of the eight symmetries of the square: bit 0 exchanges lines and samples, bits 1
  ///     and 2 turn them round.
  ///   - isScaled: false leaves the scaling to a later call of `scale`.
  public func patches(
    _ image: FeatureImage, _ places: [Int], orientations: [Int]? = nil, isScaled: Bool = true
  ) -> Tensor {
    let (count, area) = (image.components, side * side)
    var result = Tensor(uninitialised: [places.count, count, side, side, 1])
    let target = result.output
    Parallel.forEach(places.count) { b in
      cut(image, places[b], orientation: orientations?[b] ?? 0, target + b * count * area)
    }
    if isScaled { scale(&result) }
    return result
  }

  /// Scales patches as `standardisation` says.
  func scale(_ patches: inout Tensor) {
    guard standardisation == .patch else { return }
    let (planes, area) = (patches.shape[0] * patches.shape[1], side * side)
    patches.withMutableValues { values in
      guard let base = values.baseAddress else { return }
      let target = base
      Parallel.forEachChunk(of: planes, chunk: 64) { _, range in
        for plane in range { standardise(target + plane * area, count: area) }
      }
    }
  }

  private func cut(_ image: FeatureImage, _ place: Int, orientation: Int, _ patch: UnsafeMutablePointer<Float>) {
    let (radius, area, components) = (side / 2, side * side, image.components)
    let (line, sample) = (place / image.samples, place % image.samples)
    for r in 0..<side {
      for c in 0..<side {
        var (u, v) = orientation & 1 == 0 ? (r, c) : (c, r)
        if orientation & 2 != 0 { u = side - 1 - u }
        if orientation & 4 != 0 { v = side - 1 - v }
        let (i, j) = (line + u - radius, sample + v - radius)
        let target = patch + r * side + c
        guard i >= 0, i < image.lines, j >= 0, j < image.samples else {
          for k in 0..<components { target[k * area] = 0 }
          continue
        }
        let source = image.values.pointer + (i * image.samples + j) * components
        for k in 0..<components { target[k * area] = source[k] }
      }
    }
  }

  private func standardise(_ x: UnsafeMutablePointer<Float>, count: Int) {
    var sum = 0.0
    for i in 0..<count { sum += Double(x[i]) }
    let mean = sum / Double(count)
    var squares = 0.0
    for i in 0..<count {
      let d = Double(x[i]) - mean
      squares += d * d
    }
    let factor = 1 / ((squares / Double(max(count - 1, 1))).squareRoot() + 1e-8)
    for i in 0..<count { x[i] = Float((Double(x[i]) - mean) * factor) }
  }
}
