import HSICore

/// Maps of a scene of any size reduced to a size fit for pictures: every `step`-th line and sample is kept.
///
/// Fed strip by strip; pixels that never arrive (nodata) stay NaN. Memory: 4 bytes · layers · width · height.
public struct PreviewMaps: Sendable {
  /// Size in preview pixels.
  public let width: Int
  public let height: Int
  /// One pixel is kept of `step × step`.
  public let step: Int
  /// One map per layer, row-major, `width · height` values, NaN where there is no data.
  public private(set) var layers: [[Float]]

  /// Maps for a scene of `shape`, at most `longestSide` preview pixels on the longer side.
  public init(shape: CubeShape, layers count: Int, longestSide: Int = 800) {
    step = max(1, (max(shape.lines, shape.samples) + longestSide - 1) / longestSide)
    width = (shape.samples + step - 1) / step
    height = (shape.lines + step - 1) / step
    layers = [[Float]](repeating: [Float](repeating: .nan, count: width * height), count: count)
  }

  /// Takes the values of some valid pixels: `positions[i]` is the place in `window` of the pixel whose layer values
  /// are `value(i, layer)`.
  public mutating func add(window: PixelWindow, positions: [Int32], value: (Int, Int) -> Float) {
    guard window.samples > 0 else { return }
    for (i, position) in positions.enumerated() {
      let line = window.line + Int(position) / window.samples
      let sample = window.sample + Int(position) % window.samples
      guard line % step == 0, sample % step == 0 else { continue }
      let place = line / step * width + sample / step
      for layer in layers.indices { layers[layer][place] = value(i, layer) }
    }
  }
}
