import HSICore
import HSINumerics
import HSITransformer

/// A trained classifier that looks at the spectrum of a pixel alone.
protocol SpectralModel: TrainedClassifier {
  /// How a spectrum becomes features.
  var features: Features { get }
  /// Floats of scratch per pixel beside features and probabilities.
  var scratchPerPixel: Int { get }
  /// Probabilities (count × classes) of rows of features. Serial, at most `Features.chunk` rows; the result of a row does
  /// not depend on the others.
  func classify(
    _ values: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>,
    into probabilities: UnsafeMutablePointer<Float>)
}

extension SpectralModel {
  var patchRadius: Int { 0 }
  var bands: Int { features.bands }
  var curve: [TrainingPoint] { [] }

  func predictionBytes(samples: Int) -> (perLine: Int, fixed: Int) {
    let perChunk = 4 * Features.chunk * (features.bands + features.dimension + scratchPerPixel)
    return (4 * samples * classCount, Parallel.threads * perChunk)
  }

  func probabilities(_ scene: Cube, lines: Range<Int>, _ context: RunContext) throws -> PixelMatrix {
    precondition(scene.shape.bands == bands)
    let rows = scene.rows(lines: lines)
    let result = PixelMatrix(rows: rows.count, columns: classCount)
    let (source, target) = (scene.pixels.pointer + rows.lowerBound * bands, result.pointer)
    let (dimension, classes) = (features.dimension, classCount)
    Parallel.forEachChunk(of: rows.count, chunk: Features.chunk) { _, chunk in
      let perPixel = dimension + max(1, scratchPerPixel)
      withUnsafeTemporaryAllocation(of: Float.self, capacity: chunk.count * perPixel) { memory in
        guard let values = memory.baseAddress else { return }
        features.apply(source + chunk.lowerBound * bands, count: chunk.count, into: values)
        classify(
          values, count: chunk.count, scratch: values + chunk.count * dimension,
          into: target + chunk.lowerBound * classes)
      }
    }
    return result
  }
}

extension Cube {
  /// The rows of `pixels` that lie in some lines.
  public func rows(lines: Range<Int>) -> Range<Int> {
    func lowerBound(_ position: Int) -> Int {
      var (low, high) = (0, positions.count)
      while low < high {
        let middle = (low + high) / 2
        if Int(positions[middle]) < position { low = middle + 1 } else { high = middle }
      }
      return low
    }
    return lowerBound(lines.lowerBound * shape.samples)..<lowerBound(lines.upperBound * shape.samples)
  }
}

/// Small helpers of scores and probabilities.
enum Scores {
  /// Turns `count` rows of scores into probabilities, `exp(s) / Σ exp(s)`.
  static func softmax(_ rows: UnsafeMutablePointer<Float>, count: Int, classes: Int) {
    for n in 0..<count {
      let row = rows + n * classes
      var largest = row[0]
      for c in 1..<classes where row[c] > largest { largest = row[c] }
      var sum: Float = 0
      for c in 0..<classes {
        row[c] = exponential(row[c] - largest)
        sum += row[c]
      }
      for c in 0..<classes { row[c] /= sum }
    }
  }

  /// Index of the largest value, the first one in a tie.
  static func largest(_ row: UnsafePointer<Float>, count: Int) -> Int {
    var best = 0
    for c in 1..<max(count, 1) where row[c] > row[best] { best = c }
    return best
  }

  static func exponential(_ x: Float) -> Float { Float(_exponential(Double(x))) }
}

#if canImport(Glibc)
  import Glibc
  func _exponential(_ x: Double) -> Double { Glibc.exp(x) }
  func _logarithm(_ x: Double) -> Double { Glibc.log(x) }
#else
  import Foundation
  func _exponential(_ x: Double) -> Double { Foundation.exp(x) }
  func _logarithm(_ x: Double) -> Double { Foundation.log(x) }
#endif
