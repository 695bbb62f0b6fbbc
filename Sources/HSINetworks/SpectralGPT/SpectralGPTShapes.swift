import HSITransformer

/// What the shapes of a checkpoint of SpectralGPT tell. Heads leave no trace: they are those of the published networks of the same width,
/// and 32 values wide otherwise.
struct SpectralGPTShapes {
  private let file: WeightFile
  private let task: String

  init(_ file: WeightFile, task: String) { (self.file, self.task) = (file, task) }

  /// Extent of an axis of a tensor that has `axes` of them.
  func extent(_ name: String, _ axis: Int, of axes: Int) throws -> Int {
    guard let tensor = file[name], tensor.shape.count == axes, (1...1_000_000).contains(tensor.shape[axis]) else {
      throw TransformerError.unknownArchitecture(
        path: file.path, task: task, detail: "it has no \(name) of \(axes) axes")
    }
    return tensor.shape[axis]
  }

  /// Blocks under a place.
  func depth(_ place: String) -> Int {
    var depth = 0
    while depth < 64, file["\(place).\(depth).norm1.weight"] != nil { depth += 1 }
    return depth
  }

  /// Heads of a width.
  func heads(_ width: Int, decoder: Bool = false) -> Int {
    let published = decoder ? [512: 16] : [768: 12, 1024: 16, 1280: 16]
    return published[width] ?? max(width / 32, 1)
  }

  /// Patches on a side of a square of positions.
  func side(of positions: Int) throws -> Int {
    let side = Int(clamping: Double(positions).squareRoot().rounded())
    guard side * side == positions else {
      throw TransformerError.unknownArchitecture(
        path: file.path, task: task, detail: "\(positions) positions are no square")
    }
    return side
  }

  /// Embedding and blocks.
  func core() throws -> SpectralGPTConfiguration {
    var configuration = SpectralGPTConfiguration()
    configuration.width = try extent("patch_embed.proj.weight", 0, of: 5)
    configuration.group = try extent("patch_embed.proj.weight", 2, of: 5)
    configuration.patch = try extent("patch_embed.proj.weight", 3, of: 5)
    configuration.depth = depth("blocks")
    configuration.heads = heads(configuration.width)
    _ = try extent("blocks.0.attn.q.weight", 0, of: 2)
    return configuration
  }
}
