import HSICore

/// Marks impulses that saturate: values of one band that recur far more often than those next to them in
/// value, and lie scattered.
///
/// A band of at least 64 different values; more than 1 in 500 pixels, at least 8, and 8 times as many as have
/// any of the two next smaller and two next larger values, so that the peak of a coarsely coded histogram is
/// no impulse. Scattered: the next pixel of the line has the value hardly more often than any pixel has.
/// Saturated areas and shadows, which hang together, stay. Sets `marks` to 1 there. Cost N log N.
func markScatteredValues(_ values: [Float], _ grid: [Int32], _ shape: CubeShape, _ marks: inout [UInt8]) {
  let least = max(8, values.count / 500)
  let sorted = values.sorted()
  var runs: [(value: Float, length: Int)] = []
  for value in sorted {
    if let last = runs.last, last.value == value {
      runs[runs.count - 1].length += 1
    } else {
      runs.append((value, 1))
    }
  }
  guard runs.count >= 64 else { return }
  let (lines, samples) = (shape.lines, shape.samples)
  for (index, run) in runs.enumerated() where run.length >= least {
    let around = runs[max(0, index - 2)..<min(runs.count, index + 3)]
    guard around.allSatisfy({ $0.value == run.value || run.length >= 8 * $0.length }) else { continue }
    var (pairs, both, ends) = (0, 0, 0)
    for line in 0..<lines {
      for c in 0..<max(samples - 1, 0) {
        let (a, b) = (Int(grid[line * samples + c]), Int(grid[line * samples + c + 1]))
        guard a >= 0, b >= 0 else { continue }
        let (first, second) = (values[a] == run.value, values[b] == run.value)
        pairs += 1
        ends += (first ? 1 : 0) + (second ? 1 : 0)
        both += first && second ? 1 : 0
      }
    }
    guard pairs > 0, ends > 0 else { continue }
    let share = Double(ends) / Double(2 * pairs)
    let follows = Double(2 * both) / Double(ends)
    guard follows < share + 0.25 * (1 - share) else { continue }
    for n in values.indices where values[n] == run.value { marks[n] = 1 }
  }
}
