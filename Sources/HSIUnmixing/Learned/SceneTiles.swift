import HSICore
import HSITransformer

/// The valid pixels of a scene as images for a network: scores, the logarithms of starting abundances and spectra of any rectangle.
///
/// Lines without a valid pixel are left out, but for one between others, so that a scene of which a sample of lines was read takes no more memory than
/// they do and nothing becomes a neighbour that was none. Missing pixels are zero in scores and prior.
struct SceneTiles {
  /// Lines and samples of the grid.
  let lines: Int
  let samples: Int
  /// Row of every place of the grid in the pixels, −1 for none.
  private let rows: [Int32]
  /// Place of every valid pixel in the grid.
  private let places: [Int32]
  private let scores: [Float]
  private let prior: [Float]
  private let pixels: PixelMatrix
  private let components: Int
  private let count: Int

  /// - Parameters:
  ///   - scores: N × components.
  ///   - prior: N × K.
  init(_ scene: Cube, scores: [Float], components: Int, prior: [Float], count: Int) {
    let samples = scene.shape.samples
    var lineOf: [Int: Int] = [:]
    var (next, last) = (0, -2)
    for place in scene.positions {
      let line = Int(place) / samples
      guard line != last else { continue }
      // A gap stays one.
      if next > 0, line > last + 1 { next += 1 }
      lineOf[line] = next
      (next, last) = (next + 1, line)
    }
    var rows = [Int32](repeating: -1, count: next * samples)
    var places: [Int32] = []
    places.reserveCapacity(scene.count)
    for (n, place) in scene.positions.enumerated() {
      let (line, sample) = (Int(place) / samples, Int(place) % samples)
      let own = (lineOf[line] ?? 0) * samples + sample
      rows[own] = Int32(n)
      places.append(Int32(own))
    }
    (lines, self.samples, self.rows, self.places) = (next, samples, rows, places)
    (self.scores, self.prior, self.components, self.count) = (scores, prior, components, count)
    pixels = scene.pixels
  }

  /// A rectangle of the grid.
  struct Tile {
    var line: Int
    var sample: Int
    var lines: Int
    var samples: Int
  }

  /// A square about a valid pixel, moved into the image; smaller where the image is.
  func square(of side: Int, about pixel: Int) -> Tile {
    let (height, width) = (min(side, lines), min(side, samples))
    let place = Int(places[pixel])
    return Tile(
      line: min(max(0, place / samples - height / 2), lines - height),
      sample: min(max(0, place % samples - width / 2), samples - width), lines: height, samples: width)
  }

  /// The rectangle with one line and sample more on each side where there are any.
  func widened(_ tile: Tile) -> Tile {
    let (line, sample) = (max(0, tile.line - 1), max(0, tile.sample - 1))
    return Tile(
      line: line, sample: sample, lines: min(lines, tile.line + tile.lines + 1) - line,
      samples: min(samples, tile.sample + tile.samples + 1) - sample)
  }

  /// The grid cut into squares, at most `limit` of them, spread evenly.
  func squares(of side: Int, limit: Int = .max) -> [Tile] {
    let all = stride(from: 0, to: lines, by: side).flatMap { line in
      stride(from: 0, to: samples, by: side).map { sample in
        Tile(line: line, sample: sample, lines: min(side, lines - line), samples: min(side, samples - sample))
      }
    }.filter { tile in valid(tile).rows.contains { $0 >= 0 } }
    guard all.count > limit else { return all }
    return (0..<limit).map { all[(2 * $0 + 1) * all.count / (2 * limit)] }
  }

  /// Scores `[1, H, W, components]` and prior `[1, H, W, K]` of a rectangle.
  func input(_ tile: Tile) -> (scores: Tensor, prior: Tensor) {
    let area = [1, tile.lines, tile.samples]
    let (x, p) = (Tensor.zeros(area + [components]), Tensor.zeros(area + [count]))
    var (x1, p1) = (x, p)
    x1.withMutableValues { x in
      p1.withMutableValues { p in
        forEachPlace(tile) { index, row in
          guard row >= 0 else { return }
          for d in 0..<components { x[index * components + d] = scores[row * components + d] }
          for k in 0..<count { p[index * count + k] = prior[row * count + k] }
        }
      }
    }
    return (x1, p1)
  }

  /// The places of the valid pixels in a rectangle, and their rows in the scene; `isFull` where all are.
  func valid(_ tile: Tile) -> (places: [Int32], rows: [Int], isFull: Bool) {
    var (found, own): ([Int32], [Int]) = ([], [])
    forEachPlace(tile) { index, row in
      guard row >= 0 else { return }
      found.append(Int32(index))
      own.append(row)
    }
    return (found, own, own.count == tile.lines * tile.samples)
  }

  /// Spectra of some pixels, `[n, bands]`.
  func spectra(_ rows: [Int]) -> Tensor {
    let bands = pixels.columns
    var result = Tensor(uninitialised: [rows.count, bands])
    result.withMutableValues { values in
      guard let target = values.baseAddress else { return }
      for (i, n) in rows.enumerated() { (target + i * bands).update(from: pixels.pointer + n * bands, count: bands) }
    }
    return result
  }

  private func forEachPlace(_ tile: Tile, _ body: (_ index: Int, _ row: Int) -> Void) {
    var index = 0
    for line in tile.line..<(tile.line + tile.lines) {
      for sample in tile.sample..<(tile.sample + tile.samples) {
        body(index, Int(rows[line * samples + sample]))
        index += 1
      }
    }
  }
}
