import HSICore
import HSINumerics
import HSITransformer

/// What the encoder of a LESS ViT makes of every patch of a scene: the tokens of the positions in the row of class entries, which sum
/// up all bands.
///
/// Windows lie on a grid of half their side and are blended linearly where they overlap, so that features depend on neither memory nor
/// threads. Of more than `mostBands` bands as many are taken, evenly spread.
public struct LESSEmbedding {
  /// The encoder.
  public let encoder: LESSEncoder
  /// Side of a window in pixels, a multiple of two patches.
  public let side: Int
  /// Most bands of a pass.
  public let mostBands: Int
  /// Windows that go through the encoder together.
  private static let batch = 4

  /// An encoder and its windows; 8 patches on either side, 16 pixels at the least, where no side is given.
  public init(_ encoder: LESSEncoder, side: Int? = nil, mostBands: Int = 48) {
    let patch = encoder.configuration.patch
    let wanted = side ?? max(8 * patch, 16)
    self.side = max(wanted / (2 * patch), 1) * 2 * patch
    (self.encoder, self.mostBands) = (encoder, mostBands)
  }

  /// Rows and columns of patches of a scene; the last ones may reach beyond it.
  public func grid(_ shape: CubeShape) -> (rows: Int, columns: Int) {
    let patch = encoder.configuration.patch
    return ((shape.lines + patch - 1) / patch, (shape.samples + patch - 1) / patch)
  }

  /// Bytes of a pass and of the rows that are being blended.
  public func workingBytes(_ shape: CubeShape) -> Int {
    let patches = side / encoder.configuration.patch
    let tokens = Int.product(.sum(mostBands, 1), patches * patches + 1)
    let values = Int.sum(.product(16, LESSEmbedding.batch, tokens), .product(grid(shape).columns, 2, patches))
    return .sum(.product(4, encoder.configuration.width, values), .product(8, encoder.configuration.parameterCount))
  }

  /// Features of all patches, row by row of the grid, `columns × width` each.
  ///
  /// - Throws: `CoreError.cancelled`, what `deliver` throws.
  public func run(
    _ scene: NormalisedScene, _ context: RunContext, _ deliver: (_ row: Int, _ features: PixelMatrix) throws -> Void
  ) throws {
    let claim = context.claimThreads()
    defer { claim.release() }
    let (patch, width) = (encoder.configuration.patch, encoder.configuration.width)
    let (rows, columns) = grid(scene.shape)
    let patches = side / patch
    let step = patches / 2
    let bands = scene.evenBands(mostBands)
    let lefts = Array(stride(from: -step, to: columns, by: step))
    func weight(_ place: Int) -> Float { Float(min(place, patches - 1 - place)) + 0.5 }
    // Sums of the rows that windows of this row of windows reach, and those that the next one reaches too.
    var sums = [Float](repeating: 0, count: patches * columns * width)
    var weights = [Float](repeating: 0, count: patches * columns)
    let line = PixelMatrix(rows: columns, columns: width)
    context.progress.report(phase: "embedding", fraction: 0)
    for top in stride(from: -step, to: rows, by: step) {
      for start in stride(from: 0, to: lefts.count, by: LESSEmbedding.batch) {
        try context.checkCancellation()
        let part = Array(lefts[start..<min(start + LESSEmbedding.batch, lefts.count)])
        let cuts = part.map { WindowCut(line: top * patch, sample: $0 * patch) }
        let tokens = encoder(scene.input(cuts, side: side, bands: bands), Tape(.inference)).value
        let (height, length) = (tokens.shape[1], tokens.shape[2])
        for (n, left) in part.enumerated() {
          for row in 0..<patches where (0..<rows).contains(top + row) {
            for column in 0..<patches where (0..<columns).contains(left + column) {
              let source = tokens.pointer + (n * height * length + 1 + row * patches + column) * width
              let share = weight(row) * weight(column)
              let place = row * columns + left + column
              weights[place] += share
              for k in 0..<width { sums[place * width + k] += share * source[k] }
            }
          }
        }
      }
      // What the next row of windows does not reach is finished.
      for row in 0..<step where (0..<rows).contains(top + row) {
        for column in 0..<columns {
          let place = row * columns + column
          for k in 0..<width { line[column, k] = sums[place * width + k] / max(weights[place], .leastNormalMagnitude) }
        }
        try deliver(top + row, line)
      }
      let kept = (patches - step) * columns
      sums.replaceSubrange(0..<(kept * width), with: sums[(step * columns * width)...])
      weights.replaceSubrange(0..<kept, with: weights[(step * columns)...])
      for i in (kept * width)..<sums.count { sums[i] = 0 }
      for i in kept..<weights.count { weights[i] = 0 }
      context.progress.report(
        phase: "embedding", fraction: Double(min(max(top + step, 0), rows)) / Double(rows))
    }
  }
}
