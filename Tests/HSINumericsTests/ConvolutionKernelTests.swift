import CKernels
import HSICore
import HSITestSupport
import Testing

/// Convolutions and their gradients at every kernel level, against sums in double precision.
@Suite(.serialized) struct ConvolutionKernelTests {
  /// A convolution with random operands and its results in double precision.
  private struct Reference {
    var shape: hsi_convolution
    var x, weights, bias, dy: [Float]
    var y, dx, dw, db: [Double]

    init(_ shape: hsi_convolution, seed: UInt64) {
      self.shape = shape
      let samples = Int(shape.samples), depth = Int(shape.depth)
      let rows = Int(shape.rows), columns = Int(shape.columns), stride = Int(shape.plane_stride)
      let inputs = Int(shape.input_channels), outputs = Int(shape.output_channels)
      let side = Int(shape.plane_taps), depthTaps = Int(shape.depth_taps), taps = depthTaps * side * side
      let outputRows = (rows - 1) / stride + 1, outputColumns = (columns - 1) / stride + 1
      var random = CounterRandom(seed: seed, stream: 1)
      func values(_ count: Int) -> [Float] { (0..<count).map { _ in Float(random.uniform() * 2 - 1) } }
      x = values(samples * depth * rows * columns * inputs)
      weights = values(outputs * inputs * taps)
      bias = values(outputs)
      dy = values(samples * depth * outputRows * outputColumns * outputs)
      y = .init(repeating: 0, count: dy.count)
      dx = .init(repeating: 0, count: x.count)
      dw = .init(repeating: 0, count: weights.count)
      db = .init(repeating: 0, count: outputs)
      for plane in 0..<samples * depth {
        for i in 0..<outputRows {
          for j in 0..<outputColumns {
            let target = ((plane * outputRows + i) * outputColumns + j) * outputs
            for o in 0..<outputs { db[o] += Double(dy[target + o]) }
            for tap in 0..<taps {
              let d = plane % depth + tap / (side * side) - depthTaps / 2
              let row = i * stride + tap / side % side - side / 2, column = j * stride + tap % side - side / 2
              guard 0..<depth ~= d, 0..<rows ~= row, 0..<columns ~= column else { continue }
              let source = (((plane - plane % depth + d) * rows + row) * columns + column) * inputs
              for o in 0..<outputs {
                for k in 0..<inputs {
                  let w = (o * inputs + k) * taps + tap
                  y[target + o] += Double(x[source + k]) * Double(weights[w])
                  dx[source + k] += Double(dy[target + o]) * Double(weights[w])
                  dw[w] += Double(dy[target + o]) * Double(x[source + k])
                }
              }
            }
          }
        }
      }
    }
  }

  /// Largest difference as a fraction of the largest reference value.
  private func error(_ values: [Float], _ reference: [Double]) -> Double {
    let largest = reference.reduce(1e-30) { max($0, abs($1)) }
    return zip(values, reference).reduce(0) { worst, pair in
      let difference = abs(Double(pair.0) - pair.1) / largest
      return difference.isNaN ? .infinity : max(worst, difference)
    }
  }

  private struct Results: Equatable {
    var y, dx, dw, db: [Float]
  }

  /// All three calls on outputs that start at `start`; the scratch holds NaN, so that nothing unwritten is read.
  private func run(
    _ reference: Reference, exact: Int32, bias: Bool, leak: Float, accumulate: Bool, start: Float
  ) -> Results {
    var c = reference.shape
    var packed = [Float](repeating: .nan, count: hsi_convolution_packed_size(&c, exact))
    var transposed = [Float](repeating: .nan, count: hsi_convolution_packed_size_transposed(&c, exact))
    let threads = hsi_pool_threads()
    var scratch = [Float](repeating: .nan, count: hsi_convolution_scratch_size(&c, exact, threads))
    var results = Results(
      y: .init(repeating: accumulate ? start : .nan, count: reference.y.count),
      dx: .init(repeating: accumulate ? start : .nan, count: reference.x.count),
      dw: .init(repeating: start, count: reference.weights.count),
      db: .init(repeating: start, count: reference.db.count))
    hsi_convolution_pack(&c, exact, reference.weights, &packed)
    hsi_convolution_pack_transposed(&c, exact, reference.weights, &transposed)
    reference.bias.withUnsafeBufferPointer { values in
      hsi_convolution_forward(
        &c, exact, reference.x, packed, bias ? values.baseAddress : nil, leak, accumulate ? 1 : 0, &results.y,
        &scratch, threads)
    }
    hsi_convolution_data_gradient(
      &c, exact, reference.dy, transposed, accumulate ? 1 : 0, &results.dx, &scratch, threads)
    hsi_convolution_weight_gradient(
      &c, exact, reference.x, reference.dy, &results.dw, &results.db, &scratch, threads)
    return results
  }

  private func check(_ shape: hsi_convolution, exact: Int32, tolerance: Double, seed: UInt64) {
    let reference = Reference(shape, seed: seed)
    let outputs = Int(shape.output_channels)
    let activated = reference.y.enumerated().map { index, value in
      let v = value + Double(reference.bias[index % outputs])
      return 0.25 + (v > 0 ? v : 0.125 * v)
    }
    atEveryKernelLevel { level in
      let plain = run(reference, exact: exact, bias: false, leak: 1, accumulate: false, start: 0)
      #expect(error(plain.y, reference.y) < tolerance, "forward, level \(level), \(shape)")
      #expect(error(plain.dx, reference.dx) < tolerance, "data gradient, level \(level), \(shape)")
      #expect(error(plain.dw, reference.dw) < tolerance, "weight gradient, level \(level), \(shape)")
      #expect(error(plain.db, reference.db) < tolerance, "bias gradient, level \(level), \(shape)")
      let added = run(reference, exact: exact, bias: true, leak: 0.125, accumulate: true, start: 0.25)
      #expect(error(added.y, activated) < tolerance, "activated forward, level \(level), \(shape)")
      #expect(error(added.dx, reference.dx.map { $0 + 0.25 }) < tolerance, "added dx, level \(level), \(shape)")
      #expect(error(added.dw, reference.dw.map { $0 + 0.25 }) < tolerance, "added dw, level \(level), \(shape)")
      #expect(error(added.db, reference.db.map { $0 + 0.25 }) < tolerance, "added db, level \(level), \(shape)")
    }
  }

  private func shape(
    _ samples: Int32, _ depth: Int32, _ rows: Int32, _ columns: Int32, _ inputs: Int32, _ outputs: Int32,
    _ depthTaps: Int32, _ planeTaps: Int32, _ stride: Int32 = 1
  ) -> hsi_convolution {
    hsi_convolution(
      samples: samples, depth: depth, rows: rows, columns: columns, input_channels: inputs,
      output_channels: outputs, depth_taps: depthTaps, plane_taps: planeTaps, plane_stride: stride)
  }

  /// Every pair of taps and stride with sizes from 1 to 17 and channels that fill vectors or do not.
  private var shapes: [hsi_convolution] {
    [
      shape(1, 1, 1, 1, 1, 1, 1, 1), shape(2, 3, 5, 7, 3, 8, 1, 1), shape(1, 4, 9, 4, 16, 33, 3, 1),
      shape(2, 2, 3, 3, 8, 1, 3, 1), shape(1, 2, 17, 5, 17, 16, 3, 1), shape(1, 1, 6, 5, 31, 8, 1, 3),
      shape(2, 1, 1, 9, 8, 8, 1, 3), shape(1, 3, 13, 17, 1, 16, 1, 3), shape(1, 3, 12, 16, 16, 17, 1, 3),
      shape(1, 2, 17, 2, 33, 31, 1, 3), shape(1, 5, 9, 11, 8, 16, 3, 3), shape(2, 3, 8, 8, 16, 8, 3, 3),
      shape(1, 3, 7, 17, 16, 1, 3, 3), shape(1, 2, 4, 3, 1, 8, 3, 3), shape(1, 1, 15, 1, 3, 3, 3, 3),
      shape(1, 2, 10, 7, 17, 24, 3, 3), shape(1, 3, 16, 16, 8, 16, 3, 3, 2), shape(1, 2, 7, 9, 33, 17, 3, 3, 2),
      shape(2, 2, 1, 6, 16, 1, 1, 3, 2), shape(1, 2, 5, 8, 1, 31, 3, 1, 2), shape(1, 1, 3, 270, 8, 8, 1, 3),
      shape(2, 7, 5, 6, 1, 9, 7, 3), shape(2, 2, 6, 5, 8, 9, 5, 3), shape(1, 40, 5, 7, 8, 8, 5, 3),
      shape(1, 30, 5, 5, 9, 17, 7, 3),
    ]
  }

  @Test func directSums() {
    for (index, shape) in shapes.enumerated() {
      check(shape, exact: 1, tolerance: 1e-6, seed: UInt64(index))
    }
  }

  @Test func fastForms() {
    for (index, shape) in shapes.enumerated() {
      check(shape, exact: 0, tolerance: 2e-5, seed: UInt64(100 + index))
    }
  }

  /// A call from inside a pool item runs on one thread.
  @Test func resultsDoNotDependOnThreads() {
    for (index, shape) in [shape(1, 5, 30, 21, 8, 16, 3, 3), shape(2, 7, 16, 16, 16, 16, 1, 3)].enumerated() {
      let reference = Reference(shape, seed: UInt64(200 + index))
      for exact: Int32 in [0, 1] {
        func compute() -> Results {
          run(reference, exact: exact, bias: true, leak: 0.1, accumulate: false, start: 0)
        }
        let shared = compute()
        var serial: Results?
        withoutActuallyEscaping({ serial = compute() }) { body in
          withUnsafePointer(to: body) { pointer in
            hsi_pool_run(
              1, { context, _ in context?.assumingMemoryBound(to: (() -> Void).self).pointee() },
              UnsafeMutableRawPointer(mutating: pointer))
          }
        }
        #expect(serial == shared)
      }
    }
  }
}
