import HSICore

/// Copies a cube, or a window and some bands of it, from a reader to a writer: stored samples unchanged.
public enum CubeCopy {
  /// Copies strip by strip.
  ///
  /// - Parameters:
  ///   - window: the part to copy; its size is that of the writer.
  ///   - bands: bands of the reader in the order of the writer.
  /// - Returns: the files written.
  public static func run(
    from reader: any CubeReader, window: PixelWindow, bands: [Int], to writer: any CubeWriter,
    _ context: RunContext
  ) throws -> [String] {
    let claim = context.claimThreads()
    defer { claim.release() }
    precondition(
      writer.shape == CubeShape(lines: window.lines, samples: window.samples, bands: bands.count)
        && writer.sampleType == reader.sampleType)
    let perLine = window.samples * bands.count * reader.sampleType.size
    let unit = max(reader.blockLines, writer.blockLines)
    // What was read should still be in the cache when it is written; whole rows of blocks come before that.
    let wanted = max(8 << 20, unit * perLine)
    let height = StripHeight.lines(bytesPerLine: perLine, unit: unit, most: min(64 << 20, wanted), context)
    let block = StoredBlock()
    do {
      var line = 0
      context.progress.report(phase: "converting", fraction: 0)
      while line < window.lines {
        try context.checkCancellation()
        let end = min(window.lines, line + height)
        try reader.read(
          PixelWindow(
            line: window.line + line, sample: window.sample, lines: end - line, samples: window.samples),
          bands: bands, into: block)
        try writer.write(block, lines: line..<end)
        line = end
        context.progress.report(phase: "converting", fraction: Double(line) / Double(window.lines))
      }
      return try writer.finish()
    } catch {
      writer.discard()
      throw error
    }
  }
}
