import Foundation
import HSINumerics

/// Cosines and sines by which rotary position embedding turns the vectors of a sequence: `[M, L, d]` each.
///
/// A vector t of width d at position l becomes `t ⊙ cos_l + [−t₂; t₁] ⊙ sin_l`, t₁ and t₂ its halves. Sequence n of a batch
/// takes table `n mod M`. Entries that have no position (class tokens) are turned by nothing: cosine 1, sine 0.
/// Source: Su et al., "RoFormer", arXiv 2104.09864; several axes as in DINOv3 and LESS ViT.
public struct RotaryTable: Sendable {
  /// `[M, L, d]`.
  public let cosine: Tensor
  /// `[M, L, d]`.
  public let sine: Tensor

  /// Tables that were made elsewhere.
  public init(cosine: Tensor, sine: Tensor) {
    precondition(cosine.shape.count == 3 && cosine.shape == sine.shape, "rotary tables \(cosine.shape), \(sine.shape)")
    self.cosine = cosine
    self.sine = sine
  }

  /// Periods of an axis, `base^(2k / (d / axes))` for k below d / (2 axes).
  public static func periods(width: Int, axes: Int, base: Double) -> [Float] {
    let each = width / (2 * axes)
    return (0..<each).map { Float(pow(base, Double($0) / Double(each))) }
  }

  /// Tables of positions with coordinates, one sequence: angles `2π u / period`, those of the first axis first, the list of
  /// all axes twice.
  ///
  /// - Parameters:
  ///   - coordinates: for each axis one coordinate per position, usually in −1…1.
  ///   - width: d, a multiple of 2 · axes.
  ///   - base: the longest period.
  ///   - skipped: entries before the first position that are not turned.
  public init(coordinates: [[Float]], width: Int, base: Double = 100, skipping skipped: Int = 0) {
    let axes = coordinates.count
    precondition(axes > 0 && width % (2 * axes) == 0, "rotary tables of width \(width) for \(axes) axes")
    self.init(
      coordinates: coordinates, periods: RotaryTable.periods(width: width, axes: axes, base: base), skipping: skipped)
  }

  /// The same with the periods of every axis given, such as those that a checkpoint stores; the width follows from their number.
  public init(coordinates: [[Float]], periods: [Float], skipping skipped: Int = 0) {
    let axes = coordinates.count
    let width = 2 * axes * periods.count
    let length = skipped + (coordinates.first?.count ?? 0)
    let (cosine, sine) = (Tensor([1, length, width], repeating: 1), Tensor.zeros([1, length, width]))
    for (axis, values) in coordinates.enumerated() {
      for (l, u) in values.enumerated() {
        for (k, period) in periods.enumerated() {
          let angle = 2 * Double.pi * Double(u) / Double(period)
          for place in [axis * periods.count + k, width / 2 + axis * periods.count + k] {
            cosine.output[(skipped + l) * width + place] = Float(cos(angle))
            sine.output[(skipped + l) * width + place] = Float(sin(angle))
          }
        }
      }
    }
    self.init(cosine: cosine, sine: sine)
  }

  /// The entries `rows[n]` for sequence n of a batch: what masking left over.
  public func selecting(_ rows: [[Int]]) -> RotaryTable {
    let (tables, width) = (cosine.shape[0], cosine.shape[2])
    func select(_ table: Tensor) -> Tensor {
      let result = Tensor(uninitialised: [rows.count, rows.first?.count ?? 0, width])
      for (n, list) in rows.enumerated() {
        for (i, row) in list.enumerated() {
          (result.output + (n * list.count + i) * width).update(
            from: table.pointer + ((n % tables) * cosine.shape[1] + row) * width, count: width)
        }
      }
      return result
    }
    return RotaryTable(cosine: select(cosine), sine: select(sine))
  }
}

extension Tape {
  /// Turns the vectors in every row of `x` `[N, L, …]` by their position.
  ///
  /// A row is cut into runs of the tables' width; run i takes table `i mod tables.count`: all heads the same one, or the parts of
  /// a head different ones.
  public func rotary(_ x: Variable, _ tables: [RotaryTable]) -> Variable {
    guard let width = tables.first?.cosine.shape[2] else { return x }
    let step = Rotation(x: x, tables: tables, width: width)
    return record(step.turned(x.value, back: false), inputs: [x]) { step }
  }
}

private struct Rotation: TapeOperation {
  let x: Variable
  let tables: [RotaryTable]
  let width: Int
  private let length: Int
  private let row: Int

  init(x: Variable, tables: [RotaryTable], width: Int) {
    self.x = x
    self.tables = tables
    self.width = width
    length = x.shape[1]
    row = x.shape.dropFirst(2).reduce(1, *)
    precondition(
      row % width == 0
        && tables.allSatisfy {
          $0.cosine.shape[1] == length && $0.cosine.shape[2] == width && x.shape[0] % $0.cosine.shape[0] == 0
        },
      "rotary tables \(tables.map(\.cosine.shape)) for \(x.shape)")
  }

  /// The rotation, or its transpose.
  func turned(_ t: Tensor, back: Bool) -> Tensor {
    let y = Tensor(uninitialised: x.shape)
    let half = width / 2
    let (from, to) = (t.pointer, y.output)
    Parallel.forEachChunk(of: x.shape[0] * length, chunk: max(1, 16_384 / max(row, 1))) { _, rows in
      for r in rows {
        for run in 0..<(row / width) {
          let table = tables[run % tables.count]
          let place = ((r / length) % table.cosine.shape[0] * length + r % length) * width
          let (c, s) = (table.cosine.pointer + place, table.sine.pointer + place)
          let (u, v) = (from + r * row + run * width, to + r * row + run * width)
          if back {
            for i in 0..<half {
              v[i] = u[i] * c[i] + u[half + i] * s[half + i]
              v[half + i] = u[half + i] * c[half + i] - u[i] * s[i]
            }
          } else {
            for i in 0..<half {
              v[i] = u[i] * c[i] - u[half + i] * s[i]
              v[half + i] = u[half + i] * c[half + i] + u[i] * s[half + i]
            }
          }
        }
      }
    }
    return y
  }

  func backward(_ gradient: Tensor, _ gradients: inout Gradients) {
    gradients.add(turned(gradient, back: true), to: x)
  }
}
