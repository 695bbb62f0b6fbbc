import CKernels
import HSICore
import HSINumerics

/// The valid pixels of a source in order, numbered 0 … `count` − 1, for methods that pass over a scene several times
/// and finally want some pixels back. A cube in memory is used in place.
final class SceneReader {
  let source: any StripSource
  private let context: RunContext
  /// Number of the first valid pixel of every line, known after the first pass.
  private var lineStart: [Int] = []
  /// Pixels of a cube in memory that are offered at a time.
  private static let cubeBlock = 1 << 16

  init(_ source: any StripSource, _ context: RunContext) {
    self.source = source
    self.context = context
  }

  var bands: Int { source.shape.bands }

  /// Calls `body(pixels, count, first)` with consecutive pixels, `count × bands`; `first` is the number of the first.
  func forEach(
    label: String, extraBytesPerPixel: Int = 0, _ body: (UnsafePointer<Float>, Int, Int) throws -> Void
  ) throws {
    if let cube = source as? Cube {
      context.progress.report(phase: label, fraction: 0)
      for first in stride(from: 0, to: cube.count, by: SceneReader.cubeBlock) {
        try context.checkCancellation()
        let count = min(SceneReader.cubeBlock, cube.count - first)
        try body(cube.pixels.pointer + first * bands, count, first)
        context.progress.report(phase: label, fraction: Double(first + count) / Double(cube.count))
      }
      return
    }
    let counting = lineStart.isEmpty
    let samples = max(1, source.shape.samples)
    var first = 0
    try source.forEachStrip(context, label: label, extraBytesPerPixel: extraBytesPerPixel) { strip in
      if counting {
        var i = 0
        for line in 0..<strip.window.lines {
          lineStart.append(first + i)
          while i < strip.count, Int(strip.positions[i]) < (line + 1) * samples { i += 1 }
        }
      }
      try body(strip.pixels.pointer, strip.count, first)
      first += strip.count
    }
  }

  /// Statistics and number of the valid pixels in one pass.
  func statistics(precision: SceneStatistics.Precision = .single) throws -> SceneStatistics {
    let accumulator = StatisticsAccumulator(bands: bands, precision: precision)
    try forEach(label: "statistics") { pixels, count, _ in accumulator.add(pixels, count: count) }
    return accumulator.finish()
  }

  /// Throws unless `bytes` fit the memory budget.
  func requireMemory(_ bytes: Int, purpose: String) throws {
    guard bytes <= context.memory.bytes else {
      throw CoreError.memory(purpose: purpose, needed: bytes, budget: context.memory.bytes)
    }
  }

  /// `out[n, k] = Σ_l y_nl w_lk − offset_k` for all pixels: N × `stride` with `columns` values written per row.
  func project(
    _ weights: Matrix<Double>, offset: [Double]? = nil, count: Int, into scores: PixelMatrix, label: String
  ) throws {
    var scratch = [Double](repeating: 0, count: hsi_project_scratch_size(bands, weights.columns))
    let columns = weights.columns
    try forEach(label: label) { pixels, n, first in
      let target = scores.pointer + first * scores.columns
      hsi_project(pixels, bands, n, bands, weights.values, columns, target, scores.columns, &scratch)
      guard let offset else { return }
      let stride = scores.columns
      Parallel.forEachChunk(of: n, chunk: 8192) { _, range in
        for i in range { for k in 0..<columns { target[i * stride + k] -= Float(offset[k]) } }
      }
    }
  }

  /// The pixels with the given numbers: places and spectra.
  func pick(_ numbers: [Int]) throws -> (positions: [PixelPosition], spectra: [[Double]]) {
    var positions: [PixelPosition] = []
    var spectra: [[Double]] = []
    let samples = source.shape.samples
    if let cube = source as? Cube {
      for n in numbers {
        let place = Int(cube.positions[n])
        positions.append(PixelPosition(line: place / samples, sample: place % samples))
        spectra.append(cube.pixels.row(n).map(Double.init))
      }
      return (positions, spectra)
    }
    let strip = Strip()
    for n in numbers {
      try context.checkCancellation()
      var (low, high) = (0, lineStart.count)
      while high - low > 1 {
        let middle = (low + high) / 2
        if lineStart[middle] <= n { low = middle } else { high = middle }
      }
      try source.read(lines: low..<(low + 1), into: strip)
      let row = n - lineStart[low]
      positions.append(PixelPosition(line: low, sample: Int(strip.positions[row])))
      spectra.append(strip.pixels.row(row).map(Double.init))
    }
    return (positions, spectra)
  }

  /// The pixels with the given numbers as a library of endmembers.
  func library(_ numbers: [Int]) throws -> SpectralLibrary {
    let (positions, spectra) = try pick(numbers)
    return SpectralLibrary(
      names: endmemberNames(numbers.count), axis: source.metadata.axis, values: spectra.flatMap { $0 },
      pixels: positions)
  }
}

/// `endmember 1`, `endmember 2`, …
func endmemberNames(_ count: Int) -> [String] { (0..<count).map { "endmember \($0 + 1)" } }

extension SceneReader {
  /// Throws `UnmixingError.tooManyEndmembers` unless the pixels span so many directions beyond the rounding of single precision.
  ///
  /// Only where the smallest of them has less than a millionth of all variance, as in scenes without noise, is the scene read once
  /// more, for moments in double precision.
  ///
  /// - Parameters:
  ///   - variances: of the directions, largest first.
  ///   - needed: directions that are used.
  ///   - isCentred: whether they are those about the mean, which span one endmember more.
  func requireDimensions(_ variances: [Double], needed: Int, isCentred: Bool, count: Int) throws {
    let total = variances.reduce(0) { $0 + max($1, 0) }
    guard needed > 0, variances[needed - 1] <= 1e-6 * total else { return }
    let exact = try statistics(precision: .double)
    let values = try (isCentred ? exact.covariance : exact.correlation).symmetricEigen().values
    let power = (0..<exact.mean.count).reduce(0) { $0 + exact.correlation[$1, $1] }
    // Values of single precision are off by 3e-8 of themselves, in every direction.
    let found = values.prefix(needed).count { $0 > 1e-13 * power }
    guard found < needed else { return }
    let dimensions = found + (isCentred ? 1 : 0)
    throw UnmixingError.tooManyEndmembers(
      count: count, limit: dimensions, reason: "the pixels span only \(dimensions) dimensions")
  }
}

/// Checks what every extractor needs: a positive count, enough bands and pixels, and a scene that is not constant.
func requireExtractable(_ statistics: SceneStatistics, count: Int, limit: Int, reason: String) throws {
  guard count >= 1 else {
    throw CoreError.invalidParameter(
      name: "the number of endmembers", value: "\(count)", requirement: "at least 1")
  }
  guard count <= limit else {
    throw UnmixingError.tooManyEndmembers(count: count, limit: limit, reason: reason)
  }
  try requirePixels(statistics, count, purpose: "extracting \(count) endmembers")
  let bands = statistics.mean.count
  let variance = (0..<bands).reduce(0) { $0 + statistics.covariance[$1, $1] }
  let power = variance + statistics.mean.reduce(0) { $0 + $1 * $1 }
  guard count == 1 || variance > 1e-12 * power else {
    throw UnmixingError.noVariation(detail: "all pixels have the same spectrum")
  }
}
