import CKernels
import HSICore
import HSINumerics
import HSITestSupport
import Testing

/// The kernels of scores against plain code in double precision: every level, sizes that are no multiple of the lanes, rows that are
/// wider than their bands, one thread and several.
@Suite struct ScoresKernelTests {
  private func numbers(_ count: Int, _ seed: UInt64) -> [Float] {
    var random = CounterRandom(seed: seed)
    return (0..<count).map { _ in Float(random.normal()) }
  }

  @Test(arguments: [(0, 3, 2), (1, 1, 1), (7, 5, 3), (241, 37, 40), (500, 33, 18)])
  func scores(_ count: Int, _ bands: Int, _ columns: Int) throws {
    let stride = bands + 3
    let (x, w, shift) = (numbers(count * stride, 1), numbers(bands * columns, 2), numbers(bands, 3))
    // Two groups, and a column behind them where there is one.
    let ends = columns > 2 ? [1, columns - 1] : [columns]
    let kept = ends[ends.count - 1]
    var packed = [Float](repeating: 0, count: hsi_gemm_packed_size(bands, columns))
    hsi_gemm_pack(w, columns, bands, columns, &packed)
    var first: [Float]?
    try atEveryKernelLevel { _ in
      for threads in [1, 3] {
        var norms = [Float](repeating: .nan, count: count * (1 + ends.count))
        var values = [Float](repeating: .nan, count: max(1, count * (columns - kept)))
        ends.withUnsafeBufferPointer { ends in
          packed.withUnsafeBufferPointer { packed in
            shift.withUnsafeBufferPointer { shift in
              var plan = hsi_score_plan(
                bands: bands, columns: columns, groups: ends.count, shift: shift.baseAddress,
                packed: packed.baseAddress, group_ends: ends.baseAddress)
              var scratch = [Float](repeating: 0, count: hsi_score_scratch_size(&plan, Int32(threads)))
              hsi_score_pixels(&plan, x, stride, count, &norms, &values, &scratch, Int32(threads))
            }
          }
        }
        for n in 0..<count {
          let d = (0..<bands).map { Double(x[n * stride + $0]) - Double(shift[$0]) }
          let y = (0..<columns).map { c in (0..<bands).reduce(0) { $0 + d[$1] * Double(w[$1 * columns + c]) } }
          let size = 1e-5 * Double(bands) * Double(columns)
          #expect(abs(Double(norms[n * (1 + ends.count)]) - d.reduce(0) { $0 + $1 * $1 }) < size)
          for (g, end) in ends.enumerated() {
            let begin = g == 0 ? 0 : ends[g - 1]
            let wanted = y[begin..<end].reduce(0) { $0 + $1 * $1 }
            #expect(abs(Double(norms[n * (1 + ends.count) + 1 + g]) - wanted) < size * max(1, wanted.squareRoot()))
          }
          for c in kept..<columns {
            #expect(abs(Double(values[n * (columns - kept) + c - kept]) - y[c]) < size)
          }
        }
        // The same bits for every number of threads.
        if threads == 1 { first = norms } else { #expect(norms == first) }
      }
    }
  }

  @Test(arguments: [(0, 3, 2), (1, 1, 1), (250, 17, 5), (481, 33, 19)])
  func nearest(_ count: Int, _ bands: Int, _ centres: Int) throws {
    let stride = bands + 2
    let (x, c, shift) = (numbers(count * stride, 4), numbers(centres * bands, 5), numbers(bands, 6))
    let columns = Matrix<Float>(rows: centres, columns: bands, values: c).transposed.values
    var packed = [Float](repeating: 0, count: hsi_gemm_packed_size(bands, centres))
    hsi_gemm_pack(columns, centres, bands, centres, &packed)
    let norms = (0..<centres).map { k in (0..<bands).reduce(Float(0)) { $0 + c[k * bands + $1] * c[k * bands + $1] } }
    try atEveryKernelLevel { _ in
      var labels = [Int32](repeating: -1, count: max(count, 1))
      var distances = [Float](repeating: -1, count: max(count, 1))
      var scratch = [Float](repeating: 0, count: (bands + centres) * 256 * 2)
      hsi_nearest_centres(
        x, stride, count, bands, shift, packed, norms, centres, &labels, &distances, &scratch, 2)
      var sums = [Double](repeating: 0, count: centres * bands)
      var counts = [Int64](repeating: 0, count: centres)
      hsi_sums_by_label(x, stride, count, bands, shift, labels, &sums, &counts)
      #expect(counts.reduce(0, +) == Int64(count))
      for n in 0..<count {
        let d = (0..<bands).map { Double(x[n * stride + $0]) - Double(shift[$0]) }
        let all = (0..<centres).map { k in
          (0..<bands).reduce(0.0) { $0 + (d[$1] - Double(c[k * bands + $1])) * (d[$1] - Double(c[k * bands + $1])) }
        }
        let least = all.min() ?? 0
        #expect(
          all[Int(labels[n])] < least + 1e-4 * max(1, least) && abs(Double(distances[n]) - least) < 1e-4 * max(1, least)
        )
      }
      for k in 0..<centres {
        let members = (0..<count).filter { labels[$0] == Int32(k) }
        for b in 0..<bands {
          let wanted = members.reduce(0.0) { $0 + Double(x[$1 * stride + b]) - Double(shift[b]) }
          #expect(abs(sums[k * bands + b] - wanted) < 1e-9 * Double(count + 1))
        }
      }
    }
  }
}
