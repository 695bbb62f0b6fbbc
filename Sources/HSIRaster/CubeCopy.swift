import HSICore

/// Copies a cube, or a window and some bands of it, from a reader to a writer: stored samples unchanged.
public enum CubeCopy {
  /// Copies strip by strip.
  ///
  /// - Parameters:
  ///   - window: the part to copy; its size is that of the writer.
  ///   - bands: bands of the reader in the order of the writer.
  ///
  /// Memory: strips of an eighth of the budget; lines longer than a quarter of it are copied in parts.
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
    let pieces = StripPiece.of(
      0..<window.lines, samples: 0..<window.samples, height: height,
      bytesPerPixel: bands.count * reader.sampleType.size,
      room: max(1 << 16, context.memory.bytes / 4))
    do {
      context.progress.report(phase: "converting", fraction: 0)
      for piece in pieces {
        try context.checkCancellation()
        try reader.read(window.part(piece), bands: bands, into: block)
        try writer.write(block, lines: piece.lines, samples: piece.samples)
        context.progress.report(phase: "converting", fraction: Double(piece.lines.upperBound) / Double(window.lines))
      }
      return try writer.finish()
    } catch {
      writer.discard()
      throw error
    }
  }
}

extension PixelWindow {
  /// A part of this window, in the coordinates of the cube.
  func part(_ piece: StripPiece) -> PixelWindow {
    PixelWindow(
      line: line + piece.lines.lowerBound, sample: sample + piece.samples.lowerBound, lines: piece.lines.count,
      samples: piece.samples.count)
  }
}
