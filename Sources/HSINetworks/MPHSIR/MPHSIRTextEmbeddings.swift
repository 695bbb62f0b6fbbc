import HSICore
import HSITransformer

/// Where the table of text embeddings of an MP-HSIR network comes from.
///
/// The network was trained with the CLIP ViT-B/32 embeddings of one sentence per task, which its checkpoints do not hold. A table is
/// `[T, 512]`, or `[T, 64]` with the coordinates 0, 8, …, 504, the only ones that the network reads.
public enum MPHSIRTextEmbeddings: Sendable, Equatable {
  /// The file of weights itself, under `text_prompt.clip_prompt`.
  case stored
  /// A file beside it, under `clip_prompts`, `clip_prompt` or `text_prompt.clip_prompt`.
  case file(String)
  /// N(0, 0.45²) under a seed: a stand-in, for networks that were trained with it. Published weights restore worse with it.
  case drawn(seed: UInt64)

  /// The names of the table in files, that of our own first.
  static let names = ["text_prompt.clip_prompt", "clip_prompts", "clip_prompt"]

  /// Embeddings that are drawn, `[tasks, width]`.
  static func drawn(tasks: Int, width: Int, seed: UInt64 = 0) -> Tensor {
    var random = CounterRandom(seed: seed, stream: 0x7E87)
    return Tensor([tasks, width], (0..<(tasks * width)).map { _ in Float(0.45 * random.normal()) })
  }

  /// The coordinates that count of the table for a file of weights, `[tasks, 64]`.
  ///
  /// - Throws: `TransformerError.missingTextEmbeddings` where no file has it, `.shapeMismatch`, and those of damaged files.
  func table(for weights: WeightFile, tasks: Int) throws -> Tensor {
    let file: WeightFile
    switch self {
    case .stored: file = weights
    case .file(let path): file = try WeightFile.open(path)
    case .drawn(let seed):
      return MPHSIRTextEmbeddings.drawn(tasks: tasks, width: MPHSIRTextPrompt.sufficient, seed: seed)
    }
    let names = self == .stored ? Array(MPHSIRTextEmbeddings.names.prefix(1)) : MPHSIRTextEmbeddings.names
    guard let stored = names.lazy.compactMap({ file[$0] }).first else {
      throw TransformerError.missingTextEmbeddings(path: file.path, tensor: names[0], tasks: tasks)
    }
    return try MPHSIRTextEmbeddings.sufficient(stored, path: file.path, tasks: tasks)
  }

  /// Every eighth coordinate of a table of 512, or a table of 64 as it is.
  private static func sufficient(_ stored: WeightTensor, path: String, tasks: Int) throws -> Tensor {
    let (all, few) = (MPHSIRTextPrompt.coordinates, MPHSIRTextPrompt.sufficient)
    guard stored.shape == [tasks, all] || stored.shape == [tasks, few] else {
      throw TransformerError.shapeMismatch(path: path, tensor: stored.name, file: stored.shape, model: [tasks, all])
    }
    let table = try stored.floats()
    guard stored.shape[1] == all else { return table }
    return Tensor([tasks, few], (0..<(tasks * few)).map { table.pointer[$0 * (all / few)] })
  }
}
