import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSITransformer

/// A small matrix in double precision.
private struct Plain {
  var rows, columns: Int
  var values: [Double]

  init(_ rows: Int, _ columns: Int, _ value: (Int, Int) -> Double) {
    (self.rows, self.columns) = (rows, columns)
    values = (0..<(rows * columns)).map { value($0 / columns, $0 % columns) }
  }

  subscript(i: Int, j: Int) -> Double {
    get { values[i * columns + j] }
    set { values[i * columns + j] = newValue }
  }

  static func * (a: Plain, b: Plain) -> Plain {
    Plain(a.rows, b.columns) { i, j in (0..<a.columns).reduce(0) { $0 + a[i, $1] * b[$1, j] } }
  }

  var transposed: Plain { Plain(columns, rows) { self[$1, $0] } }

  /// The cosines of a length as rows, from their definition.
  static func cosines(_ size: Int) -> Plain {
    Plain(size, size) { k, j in
      (2 / Double(size)).squareRoot() * (k == 0 ? 0.5.squareRoot() : 1)
        * cos(Double.pi * Double(k) * (2 * Double(j) + 1) / Double(2 * size))
    }
  }
}

@Suite struct CosineSubspaceTests {
  private static func gradient(_ step: Int, _ i: Int, _ j: Int) -> Double {
    sin(Double(step * 5 + i * 3 + j * 7)) + 0.3 * cos(Double(step * i + j))
  }

  /// FFTW's transform against the definition, along both axes.
  @Test(arguments: [(1, 1), (1, 5), (4, 6), (7, 3)]) func transform(_ rows: Int, _ columns: Int) {
    let x = Plain(rows, columns) { Self.gradient(1, $0, $1) }
    for axis in [CosineTransform.Axis.rows, .columns] {
      let wanted = axis == .rows ? x * Plain.cosines(columns).transposed : Plain.cosines(rows) * x
      var values = x.values.map { Float($0) }
      CosineTransform(rows: rows, columns: columns, along: axis)(&values)
      #expect(zip(values, wanted.values).allSatisfy { abs(Double($0) - $1) < 1e-5 })
    }
    let basis = CosineTransform.basis(columns)
    #expect(zip(basis, Plain.cosines(columns).values).allSatisfy { abs(Double($0) - $1) < 1e-6 })
  }

  /// The frequencies of largest ℓ1 norm of a matrix, and what lies in them as a tall or wide matrix.
  private func projected(_ a: Plain, rank: Int) -> (inner: Plain, basis: Plain, chosen: [Int], isRight: Bool) {
    let isRight = a.rows >= a.columns
    let b = isRight ? a : a.transposed
    let s = b * Plain.cosines(b.columns).transposed
    let norms = (0..<s.columns).map { k in (0..<s.rows).reduce(0) { $0 + abs(s[$1, k]) } }
    let chosen = Array(norms.indices.sorted { norms[$0] > norms[$1] }.prefix(rank).sorted())
    let all = Plain.cosines(b.columns)
    return (
      Plain(s.rows, rank) { s[$0, chosen[$1]] }, Plain(rank, s.columns) { all[chosen[$0], $1] }, chosen, isRight
    )
  }

  private func run(_ rule: any UpdateRule, _ rows: Int, _ columns: Int, _ body: (Int, Plain, inout Plain) -> Void) {
    let store = ParameterStore(seed: 1)
    let parameter = store.root.parameter("w", [rows, columns], .normal(1))
    let optimiser = Optimiser(rule, [parameter], decay: 0.1)
    var w = Plain(rows, columns) { Double(parameter.value.values[$0 * columns + $1]) }
    for step in 1...15 {
      let g = Plain(rows, columns) { Self.gradient(step, $0, $1) }
      parameter.accumulate { sum in for (i, value) in g.values.enumerated() { sum[i] += Float(value) } }
      optimiser.step(rate: 0.02)
      for i in w.values.indices { w.values[i] *= 1 - 0.02 * 0.1 }
      body(step, g, &w)
      let error = zip(parameter.value.values, w.values).map { abs(Double($0) - $1) }.max() ?? 1
      #expect(error < 2e-5, "step \(step)")
    }
  }

  /// Fifteen steps against the formula in double precision: tall, wide and square, frequencies coming and going.
  @Test(arguments: [(6, 4, 2), (3, 7, 2), (5, 5, 1), (4, 6, 4)])
  func dctAdamW(_ rows: Int, _ columns: Int, _ rank: Int) {
    var moments: [Int: (age: Double, m: [Double], v: [Double])] = [:]
    var changes = 0
    run(DCTAdamW(rank: rank), rows, columns) { step, g, w in
      let (inner, basis, chosen, isRight) = projected(g, rank: rank)
      var u = inner
      var next: [Int: (age: Double, m: [Double], v: [Double])] = [:]
      for (place, k) in chosen.enumerated() {
        let zero = [Double](repeating: 0, count: inner.rows)
        if step > 1, moments[k] == nil { changes += 1 }
        var own = moments[k] ?? (0, zero, zero)
        own.age += 1
        for i in 0..<inner.rows {
          own.m[i] = 0.9 * own.m[i] + 0.1 * inner[i, place]
          own.v[i] = 0.999 * own.v[i] + 0.001 * inner[i, place] * inner[i, place]
          u[i, place] =
            own.m[i] / (1 - pow(0.9, own.age)) / ((own.v[i] / (1 - pow(0.999, own.age))).squareRoot() + 1e-8)
        }
        next[k] = own
      }
      moments = next
      let change = isRight ? u * basis : (u * basis).transposed
      for i in w.values.indices { w.values[i] -= 0.02 * change.values[i] }
    }
    #expect(changes > 0 || rank == min(rows, columns), "no frequency ever changed")
  }

  /// The same of the orthogonalised momentum.
  @Test(arguments: [(6, 4, 2), (3, 7, 2), (5, 5, 3)]) func trion(_ rows: Int, _ columns: Int, _ rank: Int) {
    var sum = Plain(rows, columns) { _, _ in 0 }
    run(Trion(rank: rank), rows, columns) { _, g, w in
      for i in sum.values.indices { sum.values[i] += g.values[i] }
      let (inner, basis, _, isRight) = projected(sum, rank: rank)
      let part = isRight ? inner * basis : (inner * basis).transposed
      for i in sum.values.indices { sum.values[i] -= 0.05 * part.values[i] }
      var x = inner
      let norm = x.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      for i in x.values.indices { x.values[i] /= norm }
      for _ in 0..<5 {
        let a = x.transposed * x
        let square = a * a
        let b = Plain(a.rows, a.columns) { -4.7750 * a[$0, $1] + 2.0315 * square[$0, $1] }
        let xb = x * b
        x = Plain(x.rows, x.columns) { 3.4445 * x[$0, $1] + xb[$0, $1] }
      }
      let change = isRight ? x * basis : (x * basis).transposed
      let scale = max(1, Double(rows) / Double(columns)).squareRoot()
      for i in w.values.indices { w.values[i] -= 0.02 * scale * change.values[i] }
    }
  }

  /// State is small, vectors are AdamW's, learning helps, and a run that was stopped ends with the same bits.
  @Test(arguments: ["dct-adamw:r=2", "trion:r=2"]) func trainedAndResumed(_ text: String) throws {
    let rule = try UpdateRules.parse(text, option: "optimizer")
    let store = ParameterStore(seed: 1)
    let matrix = store.root.parameter("w", [30, 20], .normal(1))
    let numbers = rule.start(matrix).tensors.reduce(0) { $0 + $1.value.count }
    #expect(numbers == (text.hasPrefix("dct") ? 2 * 30 * 2 + 2 * 2 : 600))
    let vector = store.root.parameter("b", [20], .normal(1))
    #expect(rule.start(vector).tensors.map(\.value.count) == [20, 20])
    let path = try WeightFiles.temporary("state.safetensors")
    defer { WeightFiles.remove(path) }
    func task() -> ToyTask {
      let task = ToyTask(epochs: 6)
      task.schedule = .constant(0.02)
      return task
    }
    let fresh = task()
    let before = try fresh.score(RunContext())
    expectSteadyBits {
      let whole = task()
      try Trainer(whole, rule: rule).run(RunContext())
      #expect(try whole.score(RunContext()) ?? .init(0) > before ?? .init(0))
      let first = task()
      let context = RunContext()
      first.onBatch = { if $0.step == 13 { context.cancellation.cancel() } }
      #expect(throws: CoreError.self) { try Trainer(first, rule: rule).run(TrainingSession(statePath: path), context) }
      #expect(throws: TransformerError.self) {
        try Trainer(task()).run(TrainingSession(statePath: path, resumes: true), RunContext())
      }
      let second = task()
      try Trainer(second, rule: rule).run(TrainingSession(statePath: path, resumes: true), RunContext())
      return second.bits == whole.bits ? [] : ["weights"]
    }
  }

  @Test func texts() throws {
    #expect(try UpdateRules.parse("adamw", option: "optimizer", beta2: 0.95) as? AdamW == AdamW(beta2: 0.95))
    #expect(try UpdateRules.parse("dct-adamw:r=64", option: "optimizer") as? DCTAdamW == DCTAdamW(rank: 64))
    #expect(try UpdateRules.parse("dct-adamw", option: "optimizer") as? DCTAdamW == DCTAdamW(rank: 8))
    #expect(try UpdateRules.parse("trion:r=4", option: "optimizer") as? Trion == Trion(rank: 4))
    for text in ["", "adam", "adamw:r=2", "dct-adamw:r=0", "dct-adamw:k=1", "trion:", "trion:r=1e9"] {
      let error = #expect(throws: CoreError.self, "\(text)") { try UpdateRules.parse(text, option: "optimizer") }
      #expect(error?.problem.contains("optimizer") == true)
    }
  }
}
