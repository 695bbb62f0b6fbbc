import HSICore
import HSITransformer

/// The fixed embeddings of the sentences that describe the degradations, and what a sample gets of them.
///
///     w_b = mean of the one-hot rows of its task ids,   text_b = 1/T Σ_t w_b[t] E[t]
///
/// The division by T on top of the mean is the reference's. Of the 512 coordinates of an embedding the network reads every eighth
/// alone, so the table E has 64 columns.
final class MPHSIRTextPrompt {
  /// Coordinates of an embedding as CLIP ViT-B/32 gives it.
  static let coordinates = 512
  /// Those that take part: 0, 8, …, 504.
  static let sufficient = 64

  /// E, `[T, width]`.
  let table: Parameter

  /// A table `clip_prompt`, drawn N(0, 0.45²) under a seed of its own: the stand-in of networks that are trained here.
  init(_ scope: ParameterScope, tasks: Int, width: Int = sufficient) {
    table = scope.buffer("clip_prompt", [tasks, width], 0)
    table.set(MPHSIRTextEmbeddings.drawn(tasks: tasks, width: width))
  }

  /// Texts `[B, width]` and weights of the classes `[B, T]` of samples, each with one task id or more.
  func callAsFunction(_ tasks: [[Int]]) -> (text: Tensor, weights: Tensor) {
    let (classes, width) = (table.shape[0], table.shape[1])
    let weights = Tensor.zeros([tasks.count, classes])
    let text = Tensor.zeros([tasks.count, width])
    for (b, ids) in tasks.enumerated() {
      precondition(
        !ids.isEmpty && ids.allSatisfy { (0..<classes).contains($0) }, "task ids \(ids) of \(classes) classes")
      for id in ids { weights.output[b * classes + id] += 1 / Float(ids.count) }
      for t in 0..<classes where weights.pointer[b * classes + t] != 0 {
        let factor = weights.pointer[b * classes + t] / Float(classes)
        for i in 0..<width { text.output[b * width + i] += factor * table.value.pointer[t * width + i] }
      }
    }
    return (text, weights)
  }
}

/// A text as an image: the map that asks the visual prompt, `[B, P, P, w]`.
///
///     map_b[row, column, c] = L_b[c] · text_b[⌊512 column / P⌋]
///
/// All rows are equal. In the reference they index the samples of the batch instead, `text_{⌊row B / P⌋}`, so that a sample
/// sees the texts of its neighbours: `mixesBatch`. For one sample there is no difference.
struct MPHSIRTextMap: TapeOperation {
  /// L, `[B, w]`: what the network learned for the classes.
  let learned: Variable
  /// `[B, 512]`, or the 64 coordinates that count.
  let text: Variable
  /// P.
  let size: Int
  /// Whether rows index the samples.
  let mixesBatch: Bool

  private var batch: Int { learned.shape[0] }
  private var width: Int { learned.shape[1] }
  private var coordinates: Int { text.shape[1] }

  /// Sample and coordinate of the text at a place of the map of sample b, as a place in `text`.
  private func source(_ b: Int, _ row: Int, _ column: Int) -> Int {
    let sample = mixesBatch ? row * batch / size : b
    let coordinate = column * MPHSIRTextPrompt.coordinates / size
    return sample * coordinates + coordinate * coordinates / MPHSIRTextPrompt.coordinates
  }

  func forward() -> Tensor {
    let y = Tensor(uninitialised: [batch, size, size, width])
    for b in 0..<batch {
      for place in 0..<(size * size) {
        let factor = text.value.pointer[source(b, place / size, place % size)]
        let target = y.output + (b * size * size + place) * width
        for c in 0..<width { target[c] = factor * learned.value.pointer[b * width + c] }
      }
    }
    return y
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    var ofLearned = [Double](repeating: 0, count: batch * width)
    var ofText = [Double](repeating: 0, count: batch * coordinates)
    for b in 0..<batch {
      for place in 0..<(size * size) {
        let index = source(b, place / size, place % size)
        let (factor, from) = (text.value.pointer[index], gradient.pointer + (b * size * size + place) * width)
        var sum = 0.0
        for c in 0..<width {
          ofLearned[b * width + c] += Double(factor) * Double(from[c])
          sum += Double(from[c]) * Double(learned.value.pointer[b * width + c])
        }
        ofText[index] += sum
      }
    }
    gradients.add(Tensor(learned.shape, ofLearned.map { Float($0) }), to: learned)
    gradients.add(Tensor(text.shape, ofText.map { Float($0) }), to: text)
  }
}
