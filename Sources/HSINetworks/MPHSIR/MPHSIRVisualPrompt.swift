import HSITransformer

/// The text-visual prompt of a skip path: an image `[B, H, W, w]` made of a learned picture that all tasks share and of the text of
/// the task that a sample asks for.
///
///     L_b = 1/T Σ_t w_b[t] · learned[t],   m = map of L_b and text_b (`MPHSIRTextMap`),   z = cross transformer of m and the picture
///     p = conv₃ₓ₃(z, resized bilinearly to H × W)
///
/// The features of the skip path give the size only, so in inference a prompt is computed once per size and task. `text_linear` and
/// `clip_linear` are in all published files and used by nothing; they are kept so that such files come back as they were.
final class MPHSIRVisualPrompt {
  /// `[1, w, P, P]`.
  private let picture: Parameter
  /// `[1, T, w, 1, 1]`.
  private let learned: Parameter
  private let transformer: MPHSIRCrossTransformer
  private let last: Convolution
  /// All parameters that the prompt depends on but those of adapters.
  private let own: [Parameter]
  private var cache: [(key: Key, prompt: Tensor)] = []

  /// A prompt of `width` channels from a picture of `size × size`.
  init(_ scope: ParameterScope, tasks: Int, width: Int, size: Int, hidden: Int) {
    let first = scope.store.parameters.count
    picture = scope.parameter("visual_prompt", [1, width, size, size], .normal(1), role: .table)
    learned = scope.parameter("text_prompt_learnable", [1, tasks, width, 1, 1], .normal(1), role: .table)
    for name in ["text_linear", "clip_linear"] {
      let unused = Linear(scope[name], input: MPHSIRTextPrompt.coordinates, output: width)
      for parameter in unused.parameters { parameter.isTrainable = false }
    }
    transformer = MPHSIRCrossTransformer(scope["cross_transformer"], width: width, heads: 2, hidden: hidden)
    last = Convolution(scope["conv_last"], input: width, output: width)
    own = Array(scope.store.parameters[first...])
  }

  var linears: [Linear] { transformer.linears }

  /// The prompt of samples with texts `[B, 512]` (or the 64 coordinates that count) and weights of the classes `[B, T]`.
  func callAsFunction(
    text: Variable, weights: Variable, rows: Int, columns: Int, mixesBatch: Bool, _ tape: Tape
  ) -> Variable {
    guard !tape.isRecording else { return prompt(text, weights, rows, columns, mixesBatch, tape) }
    let key = Key(
      text: text.value.values, weights: weights.value.values, rows: rows, columns: columns, mixesBatch: mixesBatch,
      isExact: Exactness.isRequired, version: version)
    if let known = cache.first(where: { $0.key == key }) { return Variable(known.prompt) }
    let made = prompt(text, weights, rows, columns, mixesBatch, tape)
    // The last few: a scene has tiles of one size, or four where the border has others.
    if cache.count >= 4 { cache.removeFirst() }
    cache.append((key, made.value))
    return made
  }

  private struct Key: Equatable {
    let text, weights: [Float]
    let rows, columns: Int
    let mixesBatch, isExact: Bool
    let version: Int
  }

  /// Changes whenever something that the prompt depends on does.
  private var version: Int {
    (own + linears.flatMap { $0.adapters.flatMap(\.parameters) }).reduce(0) { $0 + $1.version + 1 }
  }

  private func prompt(
    _ text: Variable, _ weights: Variable, _ rows: Int, _ columns: Int, _ mixesBatch: Bool, _ tape: Tape
  ) -> Variable {
    let (batch, tasks) = (weights.shape[0], weights.shape[1])
    let (width, size) = (picture.shape[1], picture.shape[2])
    let table = tape.reshape(tape.variable(learned), [1, tasks, width])
    let sum = tape.matrixProduct(tape.reshape(weights, [1, batch, tasks]), table, shape: [batch, width])
    let map = MPHSIRTextMap(
      learned: tape.scale(sum, by: 1 / Float(tasks)), text: text, size: size, mixesBatch: mixesBatch)
    let query = tape.record(map.forward(), inputs: [map.learned, text]) { map }
    var visual = tape.permute(tape.variable(picture), [0, 2, 3, 1])
    if batch > 1 {
      visual = tape.add(Variable(.zeros([batch, size, size, width])), visual, repeatedOver: 0..<1)
    }
    var made = transformer(query, visual, tape)
    if (rows, columns) != (size, size) {
      made = tape.resizeBilinear(made, rows: rows, columns: columns, alignsCorners: false)
    }
    return last(made, tape)
  }
}
