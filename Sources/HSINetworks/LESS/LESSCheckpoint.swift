import HSITransformer

/// Published checkpoints of LESS ViT: their names, and what their shapes tell about the network.
///
/// The first release has pieces of a block one level higher, values of attention that all ranks share, and a sum over ranks where there
/// is a mean today. A tensor `encoder.perception_field_mask` is not read: it follows from the configuration.
struct LESSCheckpoint {
  private let file: WeightFile
  private let task: String

  /// - Parameter file: with the names of today.
  init(_ file: WeightFile, task: String) { (self.file, self.task) = (file, task) }

  /// A buffer of older files.
  static let field = "encoder.perception_field_mask"

  /// The file with the names of today: those of the first release get an `attn.` before the pieces of attention,
  /// `blocks.{i}.{low_dim_pool,channel_norm,spatial_norm,attn}`.
  static func named(_ file: WeightFile) -> WeightFile {
    /// Where the piece of a block begins in a name.
    func parts(_ name: String) -> (place: ArraySlice<Substring>, piece: ArraySlice<Substring>)? {
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      guard let blocks = parts.firstIndex(where: { $0 == "blocks" || $0 == "decoder_blocks" }), parts.count > blocks + 2
      else { return nil }
      return (parts[...(blocks + 1)], parts[(blocks + 2)...])
    }
    guard file.tensors.contains(where: { parts($0.name)?.piece.first == "low_dim_pool" }) else { return file }
    return file.renaming { name in
      guard let (place, piece) = parts(name), let first = piece.first,
        ["low_dim_pool", "channel_norm", "spatial_norm", "attn"].contains(first)
      else { return name }
      return (place + ["attn"] + piece).joined(separator: ".")
    }
  }

  // MARK: - Shapes

  /// Extent of an axis of a tensor that has `axes` of them.
  func extent(_ name: String, _ axis: Int, of axes: Int) throws -> Int {
    guard let tensor = file[name], tensor.shape.count == axes, (1...1_000_000).contains(tensor.shape[axis]) else {
      throw TransformerError.unknownArchitecture(
        path: file.path, task: task, detail: "it has no \(name) of \(axes) axes")
    }
    return tensor.shape[axis]
  }

  /// How many names of a list the file has, from 0.
  func count(_ name: (Int) -> String) -> Int {
    var count = 0
    while count < 64, file[name(count)] != nil { count += 1 }
    return count
  }

  /// Blocks under a place.
  func depth(_ place: String) -> Int { count { "\(place).\($0).norm1.weight" } }

  /// Heads and values of a head that belong to the bands, of a block.
  func heads(_ block: String, width: Int, periods: String) throws -> (heads: Int, channelWidthPerHead: Int) {
    if file["\(block).attn.qkv.weight"] != nil {
      // Rotary positions turn half of a head by wavelengths, with half as many periods.
      if let periods = file[periods], periods.count > 0, width % (4 * periods.count) == 0 {
        return (width / (4 * periods.count), 1)
      }
      if let norm = file["\(block).attn.q_norm.weight"], norm.count > 0 { return (max(width / norm.count, 1), 1) }
      throw TransformerError.unknownArchitecture(
        path: file.path, task: task, detail: "nothing in it tells the heads of full attention")
    }
    let channel = try extent("\(block).attn.low_dim_pool.channel_linear.weight", 0, of: 2)
    let spatial = try extent("\(block).attn.low_dim_pool.spatial_linear.weight", 0, of: 2)
    let perHead = width / spatial
    guard perHead > 0, channel % perHead == 0, channel / perHead > 0 else {
      throw TransformerError.unknownArchitecture(
        path: file.path, task: task, detail: "bands of width \(channel) and positions of width \(spatial) make no heads"
      )
    }
    return (channel / perHead, perHead)
  }

  /// The encoder of a preset, or as the shapes tell. Not in a file, and as published where no preset is named, are the resolution and the
  /// radius of a perception field; one is taken to be there where the file has its mask.
  func encoder(named name: String? = nil) throws -> LESSConfiguration {
    if let name {
      guard var preset = LESSConfiguration(named: name) else {
        throw TransformerError.unknownModel(name: name, known: LESSConfiguration.names)
      }
      preset.isCompatible = true
      return preset
    }
    var configuration = LESSConfiguration()
    configuration.isCompatible = true
    configuration.width = try extent("encoder.cls_token", 2, of: 3)
    configuration.patch = try extent("encoder.optical_patch_embed.proj.0.weight", 4, of: 5)
    configuration.depth = depth("encoder.blocks")
    let block = "encoder.blocks.0"
    configuration.attention =
      file["\(block).attn.qkv.weight"] != nil ? .full : file["\(block).attn.P_c.weight"] != nil ? .additive : .less
    (configuration.heads, configuration.channelWidthPerHead) = try heads(
      block, width: configuration.width, periods: "encoder.pos_chan_embed.periods_c")
    configuration.expansion =
      Double(try extent("\(block).mlp.fc1.weight", 0, of: 2)) / Double(configuration.width)
    configuration.layerScale = file["\(block).ls1.gamma"] == nil ? nil : 1
    configuration.isRotary = file["encoder.pos_chan_embed.periods_c"] != nil
    let branches = configuration.attention == .less ? "\(block).attn.attn" : "\(block).attn"
    if configuration.attention == .full {
      configuration.normalisesQueries = file["\(block).attn.q_norm.weight"] != nil
    } else {
      configuration.normalisesQueries = file["\(branches).channel_branch.q_norm.weight"] != nil
      let outputs = try extent("\(branches).channel_branch.qk.weight", 0, of: 2)
      configuration.rank = max(outputs / (2 * configuration.block.channelWidth), 1)
    }
    if file[LESSCheckpoint.field] != nil { configuration.perceptionRadius = 640 }
    return configuration
  }

  // MARK: - Weights

  /// Sets parameters from a file with the names of today, after checking every name and shape.
  ///
  /// - Parameter heads: the heads of the block that a parameter belongs to.
  static func load(
    _ file: WeightFile, into parameters: [Parameter], heads: (String) -> Int, isIgnored: (String) -> Bool
  ) throws {
    /// How many ranks share the stored values of a branch; 1 for all other parameters.
    func ranks(_ parameter: Parameter) -> Int {
      guard parameter.name.hasSuffix("_branch.v.weight") || parameter.name.hasSuffix("_branch.v.bias"),
        let stored = file[parameter.name]?.shape.first, stored > 0, parameter.shape[0] % stored == 0,
        stored % heads(parameter.name) == 0,
        let inputs = file[parameter.name.replacing("v.bias", with: "v.weight")]?.shape.last, inputs == stored
      else { return 1 }
      return parameter.shape[0] / stored
    }
    let ranks = parameters.map(ranks)
    let counters = Set(parameters.filter(\.isInteger).map(\.name))
    let shapes = zip(parameters, ranks).map { parameter, rank in
      (name: parameter.name, shape: parameter.shape.prefix(1).map { $0 / rank } + parameter.shape.dropFirst())
    }
    let tensors = try file.tensors(
      for: shapes, isOptional: { counters.contains($0) }, isIgnored: { $0 == field || isIgnored($0) })
    for (parameter, rank) in zip(parameters, ranks) {
      guard let tensor = tensors[parameter.name] else { continue }
      parameter.set(
        rank == 1
          ? tensor
          : repeated(
            tensor, rank: rank, heads: heads(parameter.name),
            scale: parameter.name.contains("channel_branch") ? rank : 1))
    }
  }

  /// Values that all ranks share, once for each rank of each head; those of the bands times the rank, because what was a sum over
  /// ranks is a mean today.
  private static func repeated(_ tensor: Tensor, rank: Int, heads: Int, scale: Int) -> Tensor {
    let size = tensor.count / heads
    let values = tensor.values
    let repeated = (0..<heads).flatMap { head in
      (0..<rank).flatMap { _ in values[(head * size)..<((head + 1) * size)].map { $0 * Float(scale) } }
    }
    return Tensor([rank * tensor.shape[0]] + tensor.shape.dropFirst(), repeated)
  }
}
