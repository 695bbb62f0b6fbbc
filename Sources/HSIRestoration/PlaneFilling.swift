import HSICore
import HSINumerics

extension Cube {
  /// For every place of the image the row of its pixel, or −1 where it is missing.
  func rowOfPlace() -> [Int32] {
    var grid = [Int32](repeating: -1, count: shape.pixels)
    for (row, place) in positions.enumerated() { grid[Int(place)] = Int32(row) }
    return grid
  }
}

/// Images from values at valid pixels, holes filled.
///
/// A hole takes the mean of the valid pixels of the smallest cell of a pyramid that has any: 2 × 2 pixels, 4
/// × 4, and so on, interpolated linearly between the centres of cells that hold values. Only the computation
/// sees these values.
struct PlaneFilling: Sendable {
  /// Size of the image.
  let lines, samples: Int
  /// Places of the valid pixels.
  private let positions: [Int32]
  /// Nothing is missing, so values are an image already.
  let isComplete: Bool

  init(_ scene: Cube) {
    self.init(lines: scene.shape.lines, samples: scene.shape.samples, positions: scene.positions)
  }

  /// Filling from some places of an image, ascending.
  init(lines: Int, samples: Int, positions: [Int32]) {
    (self.lines, self.samples, self.positions) = (lines, samples, positions)
    isComplete = positions.count == lines * samples
  }

  /// For every place whether its pixel is valid.
  var valid: [Bool] {
    var result = [Bool](repeating: false, count: lines * samples)
    for place in positions { result[Int(place)] = true }
    return result
  }

  /// Writes the image of `values` (one per valid pixel) to `plane`, lines × samples. The two may be the same
  /// memory only when nothing is missing.
  func spread(_ values: UnsafePointer<Float>, into plane: UnsafeMutablePointer<Float>) {
    guard !isComplete else {
      if UnsafePointer(plane) != values { plane.update(from: values, count: lines * samples) }
      return
    }
    var weights = [Float](repeating: 0, count: lines * samples)
    var image = [Float](repeating: 0, count: lines * samples)
    for (row, place) in positions.enumerated() {
      weights[Int(place)] = 1
      image[Int(place)] = values[row]
    }
    fill(&image, &weights, lines, samples)
    for i in 0..<(lines * samples) { plane[i] = image[i] }
  }

  /// Reads the valid pixels of an image.
  func gather(_ plane: UnsafePointer<Float>, into values: UnsafeMutablePointer<Float>) {
    if isComplete {
      values.update(from: plane, count: lines * samples)
    } else {
      for (row, place) in positions.enumerated() { values[row] = plane[Int(place)] }
    }
  }

  /// Gives every place of weight 0 the value of the next coarser level there.
  private func fill(_ image: inout [Float], _ weights: inout [Float], _ lines: Int, _ samples: Int) {
    guard weights.contains(0), lines > 1 || samples > 1 else { return }
    let (coarseLines, coarseSamples) = ((lines + 1) / 2, (samples + 1) / 2)
    var coarse = [Float](repeating: 0, count: coarseLines * coarseSamples)
    var coarseWeights = coarse
    for line in 0..<lines {
      for sample in 0..<samples where weights[line * samples + sample] > 0 {
        let cell = line / 2 * coarseSamples + sample / 2
        coarse[cell] += image[line * samples + sample]
        coarseWeights[cell] += 1
      }
    }
    for cell in coarse.indices where coarseWeights[cell] > 0 {
      coarse[cell] /= coarseWeights[cell]
      coarseWeights[cell] = 1
    }
    fill(&coarse, &coarseWeights, coarseLines, coarseSamples)
    for line in 0..<lines {
      for sample in 0..<samples where weights[line * samples + sample] == 0 {
        // The nearer cell has weight 3/4 along either axis.
        let (y, x) = (line / 2, sample / 2)
        let y2 = min(max(line % 2 == 0 ? y - 1 : y + 1, 0), coarseLines - 1)
        let x2 = min(max(sample % 2 == 0 ? x - 1 : x + 1, 0), coarseSamples - 1)
        let near = 0.75 * coarse[y * coarseSamples + x] + 0.25 * coarse[y * coarseSamples + x2]
        let far = 0.75 * coarse[y2 * coarseSamples + x] + 0.25 * coarse[y2 * coarseSamples + x2]
        image[line * samples + sample] = 0.75 * near + 0.25 * far
      }
    }
  }
}
