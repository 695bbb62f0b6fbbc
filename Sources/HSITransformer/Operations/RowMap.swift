import HSINumerics

/// A rearrangement of rows (values of the last axes): row `i` of the result is row `sources[i]` of the input, or a fill row
/// where `sources[i]` is negative: −1 for the first of the fills, −2 for the second …
///
/// One mechanism for windows with shift and padding, cropping, selection and order of tokens, class and mask tokens, tables of
/// embeddings and nearest-neighbour enlargement. Build it once per geometry and use it for every sample.
public final class RowMap: Sendable {
  /// Rows of the input of one sample.
  public let inputCount: Int
  /// Where each row of the result comes from.
  public let sources: [Int32]

  /// For every input row the result rows that it went to: `targets[starts[r]..<starts[r + 1]]`.
  private let starts: [Int32]
  private let targets: [Int32]

  /// A map of `inputCount` rows; sources are below it.
  public init(inputCount: Int, sources: [Int32]) {
    precondition(sources.allSatisfy { $0 < inputCount }, "a row map points beyond its \(inputCount) rows")
    self.inputCount = inputCount
    self.sources = sources
    var starts = [Int32](repeating: 0, count: inputCount + 1)
    for source in sources where source >= 0 { starts[Int(source) + 1] += 1 }
    for row in 0..<inputCount { starts[row + 1] += starts[row] }
    var next = starts
    var targets = [Int32](repeating: 0, count: Int(starts[inputCount]))
    for (row, source) in sources.enumerated() where source >= 0 {
      targets[Int(next[Int(source)])] = Int32(row)
      next[Int(source)] += 1
    }
    self.starts = starts
    self.targets = targets
  }

  /// Rows of the result of one sample.
  public var outputCount: Int { sources.count }
  /// Whether a fill row is used.
  public var hasFill: Bool { targets.count < sources.count }

  /// The map that undoes this one where no row was lost: every input row from the first place it went to.
  public var inverse: RowMap {
    RowMap(
      inputCount: outputCount,
      sources: (0..<inputCount).map { starts[$0] < starts[$0 + 1] ? targets[Int(starts[$0])] : -1 })
  }

  private func chunk(_ width: Int) -> Int { max(1, 32_768 / max(width, 1)) }

  func gather(
    _ x: UnsafePointer<Float>, samples: Int, width: Int, fills: [UnsafePointer<Float>] = [],
    _ y: UnsafeMutablePointer<Float>
  ) {
    sources.withUnsafeBufferPointer { sources in
      Parallel.forEachChunk(of: samples * outputCount, chunk: chunk(width)) { _, rows in
        for row in rows {
          let source = Int(sources[row % outputCount])
          let target = y + row * width
          if source >= 0 {
            target.update(from: x + (row / outputCount * inputCount + source) * width, count: width)
          } else if -1 - source < fills.count {
            target.update(from: fills[-1 - source], count: width)
          } else {
            target.update(repeating: 0, count: width)
          }
        }
      }
    }
  }

  /// `dx[r] = Σ dy[i]` over the rows i that came from r.
  func scatter(_ dy: UnsafePointer<Float>, samples: Int, width: Int, _ dx: UnsafeMutablePointer<Float>) {
    starts.withUnsafeBufferPointer { starts in
      targets.withUnsafeBufferPointer { targets in
        Parallel.forEachChunk(of: samples * inputCount, chunk: chunk(width)) { _, rows in
          for row in rows {
            let (sample, source) = (row / inputCount, row % inputCount)
            let target = dx + row * width
            target.update(repeating: 0, count: width)
            for k in Int(starts[source])..<Int(starts[source + 1]) {
              let from = dy + (sample * outputCount + Int(targets[k])) * width
              for i in 0..<width { target[i] += from[i] }
            }
          }
        }
      }
    }
  }

  /// `Σ dy[i]` over the rows of all samples that hold the fill of a number, in double precision.
  func sum(ofFill number: Int, _ dy: UnsafePointer<Float>, samples: Int, width: Int) -> Tensor {
    // Parts of the samples' rows whose number depends on their count alone.
    let rows = samples * outputCount
    let parts = max(1, min(rows / 256, 16))
    let partial = DoubleScratch(parts * width)
    let wanted = Int32(-1 - number)
    sources.withUnsafeBufferPointer { sources in
      Parallel.forEach(parts) { part in
        let total = partial.pointer + part * width
        total.update(repeating: 0, count: width)
        for row in (part * rows / parts)..<((part + 1) * rows / parts) where sources[row % outputCount] == wanted {
          let from = dy + row * width
          for i in 0..<width { total[i] += Double(from[i]) }
        }
      }
    }
    return Tensor(
      [width], (0..<width).map { i in Float((0..<parts).reduce(0.0) { $0 + partial.pointer[$1 * width + i] }) })
  }
}

extension Tape {
  /// Rearranges the rows of every sample by a map.
  ///
  /// - Parameters:
  ///   - x: `map.inputCount` rows of `width` values per sample, whatever its shape.
  ///   - fill: `[width]`, what filled rows hold; zeros when nil.
  ///   - shape: the shape of the result, `samples · map.outputCount · width` values.
  public func rearrange(_ x: Variable, _ map: RowMap, width: Int, fill: Variable? = nil, shape: [Int]) -> Variable {
    rearrange(x, map, width: width, fills: fill.map { [$0] } ?? [], shape: shape)
  }

  /// The same with several fills, each of `width` values: rows of source −1 hold the first, of −2 the second …; zeros where there
  /// is none of that number.
  public func rearrange(_ x: Variable, _ map: RowMap, width: Int, fills: [Variable], shape: [Int]) -> Variable {
    let samples = x.value.count / max(map.inputCount * width, 1)
    precondition(
      samples * map.inputCount * width == x.value.count && fills.allSatisfy { $0.value.count == width },
      "rearranging \(x.shape) as \(map.inputCount) rows of \(width)")
    let y = Tensor(uninitialised: shape)
    precondition(y.count == samples * map.outputCount * width, "\(x.shape) rearranged is not \(shape)")
    map.gather(x.value.pointer, samples: samples, width: width, fills: fills.map(\.value.pointer), y.output)
    return record(y, inputs: [x] + fills) {
      Rearranged(x: x, fills: fills, map: map, samples: samples, width: width)
    }
  }
}

private struct Rearranged: TapeOperation {
  let x: Variable
  let fills: [Variable]
  let map: RowMap
  let samples: Int
  let width: Int
  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    if x.needsGradient {
      let dx = Tensor(uninitialised: x.shape)
      map.scatter(gradient.pointer, samples: samples, width: width, dx.output)
      gradients.add(dx, to: x)
    }
    for (number, fill) in fills.enumerated() where fill.needsGradient {
      gradients.add(
        map.sum(ofFill: number, gradient.pointer, samples: samples, width: width).reshaped(fill.shape), to: fill)
    }
  }
}
