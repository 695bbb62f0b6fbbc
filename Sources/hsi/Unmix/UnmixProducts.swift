import Foundation
import HSIKit

/// Takes unmixed strips in order and writes the maps; keeps reduced maps and statistics for pictures and reports.
final class UnmixProducts {
  private let abundanceWriter: ResultWriter
  private let residualWriter: ResultWriter?
  private var spectraWriter: ResultWriter?
  private var guidanceWriter: ResultWriter?
  private let extras: [Extra]
  private let count: Int
  private let row: PixelMatrix
  private let single: PixelMatrix
  private let spectra: PixelMatrix
  /// Reduced maps: K abundances, residual, guidance.
  private(set) var previews: PreviewMaps
  private(set) var statistics: AbundanceStatistics.Accumulator
  private(set) var validPixels = 0
  private(set) var negativePixels = 0
  private(set) var hasGuidance = false
  /// What the abundance file holds, in the geometry of the scene.
  let abundanceShape: CubeShape
  let abundanceMetadata: CubeMetadata

  /// Extra bands of the abundance file.
  enum Extra: String, CaseIterable {
    case rmse, sum, shade

    func value(abundances: UnsafeMutableBufferPointer<Float>, rmse: Float) -> Float {
      switch self {
      case .rmse: rmse
      case .sum: abundances.reduce(0, +)
      case .shade: 1 - abundances.reduce(0, +)
      }
    }
  }

  /// Opens the writers.
  init(
    paths: ProductPaths, shape: CubeShape, metadata: CubeMetadata, names: [String], extras: [Extra],
    writesGuidance: Bool, output: WritingOptions, inputs: [String],
    grid: OrthoGrid? = nil, _ context: RunContext
  ) throws {
    self.extras = extras
    let labels = names.map { "abundance: \($0)" } + extras.map(\.rawValue)
    var described = metadata.replacingBands(names: labels, quantity: .abundance)
    described.nodata = [Double?](repeating: output.outNodata ?? .nan, count: labels.count)
    abundanceMetadata = described
    abundanceShape = CubeShape(lines: shape.lines, samples: shape.samples, bands: labels.count)
    count = names.count
    row = PixelMatrix(rows: 0, columns: count + extras.count)
    single = PixelMatrix(rows: 0, columns: 1)
    spectra = PixelMatrix(rows: 0, columns: shape.bands)
    previews = PreviewMaps(shape: shape, layers: count + 2)
    statistics = AbundanceStatistics.Accumulator(endmembers: count)
    func writer(_ path: String, _ names: [String], _ quantity: Quantity, product: String) throws
      -> ResultWriter
    {
      var bands = metadata.replacingBands(names: names, quantity: quantity)
      bands.extra = [HeaderField("HSI_PRODUCT", product)]
      return try output.resultWriter(
        path, lines: shape.lines, samples: shape.samples, metadata: bands, inputs: inputs,
        grid: grid, context)
    }
    abundanceWriter = try writer(
      paths.abundances, labels, .abundance, product: "abundance")
    do {
      residualWriter = try paths.residual.map { try writer($0, ["rmse"], .unknown, product: "rmse") }
    } catch {
      abundanceWriter.discard()
      throw error
    }
    do {
      if writesGuidance {
        guidanceWriter = try paths.guidance.map {
          try writer($0, ["guidance h"], .unknown, product: "guidance")
        }
      }
      if let path = paths.residualSpectra {
        var bands = metadata
        bands.nodata = [Double?](repeating: output.outNodata ?? .nan, count: shape.bands)
        bands.extra = [HeaderField("HSI_PRODUCT", "residual")]
        spectraWriter = try output.resultWriter(
          path, lines: shape.lines, samples: shape.samples, metadata: bands, inputs: inputs, grid: grid, context)
      }
    } catch {
      abundanceWriter.discard()
      residualWriter?.discard()
      guidanceWriter?.discard()
      throw error
    }
  }

  /// Writes one strip.
  func add(_ strip: UnmixedStrip) throws {
    let n = strip.positions.count
    validPixels += n
    statistics.add(strip.abundances)
    if extras.isEmpty {
      try abundanceWriter.write(strip.abundances, positions: strip.positions, window: strip.window)
    } else {
      row.reshape(rows: n, columns: count + extras.count)
      for i in 0..<n {
        let source = strip.abundances.row(i)
        let target = row.row(i)
        for k in 0..<count { target[k] = source[k] }
        for (e, extra) in extras.enumerated() {
          target[count + e] = extra.value(abundances: source, rmse: strip.rmse[i])
        }
      }
      try abundanceWriter.write(row, positions: strip.positions, window: strip.window)
    }
    try write(strip.rmse, with: residualWriter, strip)
    try writeSpectra(strip)
    if let guidance = strip.guidance {
      hasGuidance = true
      try write(guidance, with: guidanceWriter, strip)
    }
    for i in 0..<n where strip.abundances.row(i).contains(where: { $0 < 0 }) { negativePixels += 1 }
    previews.add(window: strip.window, positions: strip.positions) { i, layer in
      if layer < count { return strip.abundances[i, layer] }
      return layer == count ? strip.rmse[i] : strip.guidance?[i] ?? .nan
    }
  }

  private func write(_ values: [Float], with writer: ResultWriter?, _ strip: UnmixedStrip) throws {
    guard let writer else { return }
    single.reshape(rows: values.count, columns: 1)
    values.withUnsafeBufferPointer {
      if let p = $0.baseAddress { single.pointer.update(from: p, count: $0.count) }
    }
    try writer.write(single, positions: strip.positions, window: strip.window)
  }

  /// Bytes of residual spectra that are held at a time, or one line.
  private static let spectraBytes = 8 << 20

  private func writeSpectra(_ strip: UnmixedStrip) throws {
    guard let spectraWriter else { return }
    let window = strip.window
    let height = max(1, Self.spectraBytes / (4 * spectra.columns * window.samples))
    var first = 0
    for line in stride(from: 0, to: window.lines, by: height) {
      let lines = min(height, window.lines - line)
      let end = (line + lines) * window.samples
      let last = strip.positions[first...].firstIndex { Int($0) >= end } ?? strip.positions.count
      strip.residual(first..<last, spectra)
      let start = Int32(line * window.samples)
      try spectraWriter.write(
        spectra, positions: strip.positions[first..<last].map { $0 - start },
        window: PixelWindow(
          line: window.line + line, sample: window.sample, lines: lines, samples: window.samples))
      first = last
    }
  }

  /// Completes the rasters.
  ///
  /// - Returns: the files written with what they hold.
  func finish() throws -> [UnmixingReport.Output] {
    var outputs: [UnmixingReport.Output] = []
    for (writer, content) in [
      (abundanceWriter, "abundances"), (residualWriter, "rmse"), (spectraWriter, "residual spectra"),
      (guidanceWriter, "guidance"),
    ] {
      guard let writer else { continue }
      outputs += try writer.finish().map { UnmixingReport.Output(path: $0, content: content) }
    }
    return outputs
  }

  /// Deletes what was written so far.
  func discard() {
    abundanceWriter.discard()
    residualWriter?.discard()
    spectraWriter?.discard()
    guidanceWriter?.discard()
  }
}
