import HSICore
import HSINetworks
import HSITransformer

/// What a network makes of hidden patches: a picture, a window in each row.
///
/// From the left: a band of which patches were shown (hidden ones dark), the same with what the network put in, the truth; a band of which
/// nothing was shown as the network has it, the truth.
enum PretrainExamples {
  /// Windows that are shown.
  private static let most = 6
  /// Pixels between pictures.
  private static let gap = 4

  static func picture<N: PretrainableNetwork>(_ network: N, _ windows: SceneWindows, _ sampler: BandSampler)
    -> RGBImage?
  {
    let samples = windows.examples(sampler, most: most)
    guard !samples.isEmpty else { return nil }
    let side = windows.side
    let factor = max(1, 96 / side)
    let (tile, columns) = (side * factor, 5)
    var image = RGBImage(
      width: columns * tile + (columns - 1) * gap, height: samples.count * tile + (samples.count - 1) * gap)
    for (number, batch) in samples.enumerated() {
      var random = CounterRandom(seed: 3, stream: UInt64(number))
      let result = network.reconstruction(batch, &random)
      let (bands, pixels) = (batch.images.shape[1], side * side)
      func isHidden(_ band: Int) -> Bool {
        (0..<pixels).allSatisfy { result.hidden.pointer[band * pixels + $0] > 0 }
      }
      let shown = (0..<bands).first { !isHidden($0) } ?? 0
      let hidden = (0..<bands).last { isHidden($0) } ?? bands - 1
      let (truth, made) = (batch.images.pointer, result.images.pointer)
      let top = number * (tile + gap)
      func draw(_ column: Int, _ value: (Int) -> Float?) {
        for y in 0..<tile {
          for x in 0..<tile {
            let p = 4 * ((top + y) * image.width + column * (tile + gap) + x)
            let found = value(y / factor * side + x / factor)
            let level = UInt8(min(max(found ?? 0, 0), 1) * 255)
            image.pixels[p] = found == nil ? 40 : level
            image.pixels[p + 1] = found == nil ? 44 : level
            image.pixels[p + 2] = found == nil ? 60 : level
            image.pixels[p + 3] = 255
          }
        }
      }
      draw(0) { result.hidden.pointer[shown * pixels + $0] > 0 ? nil : truth[shown * pixels + $0] }
      draw(1) { made[shown * pixels + $0] }
      draw(2) { truth[shown * pixels + $0] }
      draw(3) { made[hidden * pixels + $0] }
      draw(4) { truth[hidden * pixels + $0] }
    }
    return image
  }
}
