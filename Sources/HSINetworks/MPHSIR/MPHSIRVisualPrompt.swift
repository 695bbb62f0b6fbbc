import HSINumerics
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
    text: Variable, weights: Variable, part: ImagePart, mixesBatch: Bool, _ tape: Tape
  ) -> Variable {
    guard !tape.isRecording else { return prompt(text, weights, part, mixesBatch, tape) }
    let key = Key(
      text: text.value.values, weights: weights.value.values, part: part, mixesBatch: mixesBatch,
      isExact: Exactness.isRequired, version: version)
    if let known = cache.first(where: { $0.key == key }) { return Variable(known.prompt) }
    let made = prompt(text, weights, part, mixesBatch, tape)
    // The last few: a scene has tiles of one size, or four where the border has others.
    if cache.count >= 4 { cache.removeFirst() }
    cache.append((key, made.value))
    return made
  }

  private struct Key: Equatable {
    let text, weights: [Float]
    let part: ImagePart
    let mixesBatch, isExact: Bool
    let version: Int
  }

  /// Changes whenever something that the prompt depends on does.
  private var version: Int {
    (own + linears.flatMap { $0.adapters.flatMap(\.parameters) }).reduce(0) { $0 + $1.version + 1 }
  }

  private func prompt(
    _ text: Variable, _ weights: Variable, _ part: ImagePart, _ mixesBatch: Bool, _ tape: Tape
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
    let made = transformer(query, visual, tape)
    guard part.isWhole else {
      // The convolution sees one pixel more on every side that is not a border of the image.
      let seen = part.widened(by: 1)
      return Variable(part.cut(from: last(Variable(seen.resized(made.value)), tape).value, of: seen))
    }
    guard (part.rows, part.columns) != (size, size) else { return last(made, tape) }
    return last(tape.resizeBilinear(made, rows: part.rows, columns: part.columns, alignsCorners: false), tape)
  }
}

/// A part of an image of features: where a tile lies in the whole.
struct ImagePart: Equatable {
  /// Rows and columns of the part.
  var rows, columns: Int
  /// Where it begins.
  var row = 0, column = 0
  /// Rows and columns of the whole.
  var wholeRows, wholeColumns: Int

  /// The whole of an image.
  init(rows: Int, columns: Int) {
    (self.rows, self.columns, wholeRows, wholeColumns) = (rows, columns, rows, columns)
  }

  /// The part that a tile is of its image, at 1 / `factor` of the resolution.
  init(rows: Int, columns: Int, tile: (line: Int, sample: Int, lines: Int, samples: Int), factor: Int) {
    (self.rows, self.columns) = (rows, columns)
    (row, column) = (tile.line / factor, tile.sample / factor)
    (wholeRows, wholeColumns) = (tile.lines / factor, tile.samples / factor)
  }

  var isWhole: Bool { rows == wholeRows && columns == wholeColumns }

  /// The part with its neighbourhood, within the whole.
  func widened(by border: Int) -> ImagePart {
    var result = self
    (result.row, result.column) = (max(0, row - border), max(0, column - border))
    result.rows = min(wholeRows, row + rows + border) - result.row
    result.columns = min(wholeColumns, column + columns + border) - result.column
    return result
  }

  /// This part of a map `[B, n, m, C]` that is stretched over the whole, bilinear with pixel centres.
  func resized(_ map: Tensor) -> Tensor {
    let (batch, height, width, channels) = (map.shape[0], map.shape[1], map.shape[2], map.shape[3])
    func taps(_ place: Int, _ count: Int, _ whole: Int) -> (Int, Int, Float) {
      let source = max((Float(place) + 0.5) * Float(count) / Float(whole) - 0.5, 0)
      let low = min(Int(clamping: source), count - 1)
      return (low, min(low + 1, count - 1), source - Float(low))
    }
    let result = Tensor(uninitialised: [batch, rows, columns, channels])
    Parallel.forEach(batch * rows) { line in
      let (sample, y) = (line / rows, taps(row + line % rows, height, wholeRows))
      for x in 0..<columns {
        let h = taps(column + x, width, wholeColumns)
        func source(_ i: Int, _ j: Int) -> UnsafePointer<Float> {
          map.pointer + ((sample * height + i) * width + j) * channels
        }
        let (a, b, c, d) = (source(y.0, h.0), source(y.0, h.1), source(y.1, h.0), source(y.1, h.1))
        let to = result.output + (line * columns + x) * channels
        for k in 0..<channels {
          let upper = (1 - h.2) * a[k] + h.2 * b[k]
          to[k] = (1 - y.2) * upper + y.2 * ((1 - h.2) * c[k] + h.2 * d[k])
        }
      }
    }
    return result
  }

  /// This part of the features of a larger one.
  func cut(from features: Tensor, of larger: ImagePart) -> Tensor {
    let (batch, channels) = (features.shape[0], features.shape[3])
    let result = Tensor(uninitialised: [batch, rows, columns, channels])
    for line in 0..<(batch * rows) {
      let from = line / rows * larger.rows + line % rows + row - larger.row
      (result.output + line * columns * channels).update(
        from: features.pointer + (from * larger.columns + column - larger.column) * channels, count: columns * channels)
    }
    return result
  }
}
