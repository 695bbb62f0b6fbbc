import HSICore

/// Training pixels in compact blocks, test pixels at least a guard band away from them.
///
/// The rarest class comes first. A class takes its pixels in up to eight blocks. For every block sixteen of its pixels are
/// drawn as candidates for the centre; the block of a candidate is the pixels of the class nearest to it (rings of
/// Chebyshev distance, row by row in a ring). The candidate wins whose block costs the classes the smallest share of their
/// pixels: pixels in the guard band around it that were not lost already. So blocks settle at the ends of fields and
/// beside blocks of other classes, where a guard band exists already. The number of blocks is the largest of 8, 4, 2, 1 with
/// which every class keeps a quarter of its pixels, and all together half of them, for testing; 1 if none does.
/// Validation pixels are blocks found in the same way after those for training; the guard band surrounds both.
/// Labelled pixels in the guard band have no use.
struct DisjointSplit {
  private let labels: LabelMap
  private let indices: [Int32]
  private let counts: [Int]
  private let places: [[Int]]
  private let radius: Int
  private let seed: UInt64

  private static let candidates = 16
  private static let blockCounts = [8, 4, 2, 1]

  init(_ labels: LabelMap, radius: Int, seed: UInt64) throws {
    self.labels = labels
    self.radius = radius
    self.seed = seed
    indices = labels.indices
    counts = labels.counts
    var places = [[Int]](repeating: [], count: labels.classes.count)
    for (place, index) in indices.enumerated() where index >= 0 { places[Int(index)].append(place) }
    self.places = places
  }

  func make(training: [Int], validation: [Int], facts: SplitFacts, _ context: RunContext) throws -> Split {
    var roles: [PixelRole] = []
    for blocks in DisjointSplit.blockCounts {
      roles = try divided(training, validation, blocks: blocks, context)
      if isAcceptable(roles) { break }
    }
    return Split(lines: labels.lines, samples: labels.samples, roles: roles, facts: facts)
  }

  private func isAcceptable(_ roles: [PixelRole]) -> Bool {
    var test = [Int](repeating: 0, count: counts.count)
    for (place, role) in roles.enumerated() where role == .test { test[Int(indices[place])] += 1 }
    return 2 * test.reduce(0, +) >= counts.reduce(0, +) && zip(test, counts).allSatisfy { 4 * $0 >= $1 }
  }

  private func divided(
    _ training: [Int], _ validation: [Int], blocks: Int, _ context: RunContext
  ) throws -> [PixelRole] {
    var roles = indices.map { $0 < 0 ? PixelRole.none : .test }
    // Within the radius of a chosen pixel.
    var near = [Bool](repeating: false, count: roles.count)
    var remaining = counts
    let order = counts.indices.sorted { (counts[$0], $0) < (counts[$1], $1) }
    for (role, wanted) in [(PixelRole.training, training), (.validation, validation)] {
      for index in order where wanted[index] > 0 {
        var random = CounterRandom(seed: seed, stream: UInt64(2 * index + (role == .training ? 0 : 1)))
        var left = wanted[index]
        for block in 0..<min(blocks, left) {
          try context.checkCancellation()
          let size = (left + min(blocks, wanted[index]) - block - 1) / (min(blocks, wanted[index]) - block)
          let free = places[index].filter { roles[$0] == .test }
          guard let chosen = best(free, size: size, near: near, remaining: remaining, class: index, &random) else {
            break
          }
          for place in chosen {
            roles[place] = role
            if !near[place] { remaining[index] -= 1 }
            near[place] = true
          }
          for place in lost(chosen, near: near) {
            near[place] = true
            if indices[place] >= 0 { remaining[Int(indices[place])] -= 1 }
          }
          left -= chosen.count
        }
      }
    }
    for place in roles.indices where roles[place] == .test && near[place] { roles[place] = .guardBand }
    return roles
  }

  /// The cheapest of some blocks of the class.
  private func best(
    _ free: [Int], size: Int, near: [Bool], remaining: [Int], class index: Int, _ random: inout CounterRandom
  ) -> [Int]? {
    guard !free.isEmpty else { return nil }
    var (winner, least): ([Int]?, Double) = (nil, .infinity)
    for _ in 0..<DisjointSplit.candidates {
      let centre = free[random.index(below: free.count)]
      let block = nearest(to: centre, of: free, size: size)
      var lost = [Int](repeating: 0, count: counts.count)
      for place in self.lost(block, near: near) where indices[place] >= 0 { lost[Int(indices[place])] += 1 }
      // The block's own pixels are wanted; only what it keeps from others counts.
      lost[index] -= min(lost[index], block.reduce(0) { $0 + (near[$1] ? 0 : 1) })
      var cost = 0.0
      for k in counts.indices where lost[k] > 0 {
        cost += Double(lost[k]) / Double(counts[k])
        if 4 * (remaining[k] - lost[k]) < counts[k] { cost += 1 + Double(lost[k]) / Double(max(1, remaining[k])) }
      }
      if cost < least { (winner, least) = (block, cost) }
    }
    return winner
  }

  /// The `size` pixels nearest to a centre: by Chebyshev distance, then row by row.
  private func nearest(to centre: Int, of free: [Int], size: Int) -> [Int] {
    let (line, sample) = (centre / labels.samples, centre % labels.samples)
    func distance(_ place: Int) -> Int {
      max(abs(place / labels.samples - line), abs(place % labels.samples - sample))
    }
    // Counting by distance, then everything below the last ring and the first pixels of that ring.
    var rings = [Int](repeating: 0, count: max(labels.lines, labels.samples))
    let distances = free.map(distance)
    for d in distances { rings[d] += 1 }
    var (last, inside) = (0, 0)
    while last < rings.count - 1, inside + rings[last] < size {
      inside += rings[last]
      last += 1
    }
    var quota = size - inside
    var block: [Int] = []
    for (place, d) in zip(free, distances) {
      if d < last {
        block.append(place)
      } else if d == last, quota > 0 {
        block.append(place)
        quota -= 1
      }
    }
    return block
  }

  /// Pixels within the radius of a block that are not near to anything yet.
  private func lost(_ block: [Int], near: [Bool]) -> [Int] {
    let samples = labels.samples
    let rows = block.map { $0 / samples }
    let columns = block.map { $0 % samples }
    guard let top = rows.min(), let bottom = rows.max(), let left = columns.min(), let right = columns.max() else {
      return []
    }
    let (first, last) = (max(0, top - radius), min(labels.lines - 1, bottom + radius))
    let (start, end) = (max(0, left - radius), min(samples - 1, right + radius))
    let (height, width) = (last - first + 1, end - start + 1)
    // A square around every pixel, added up from its corners.
    var sums = [Int32](repeating: 0, count: (height + 1) * (width + 1))
    for (row, column) in zip(rows, columns) {
      let (a, b) = (max(first, row - radius) - first, min(last, row + radius) - first + 1)
      let (c, d) = (max(start, column - radius) - start, min(end, column + radius) - start + 1)
      sums[a * (width + 1) + c] += 1
      sums[a * (width + 1) + d] -= 1
      sums[b * (width + 1) + c] -= 1
      sums[b * (width + 1) + d] += 1
    }
    var result: [Int] = []
    for i in 0..<height {
      var running: Int32 = 0
      for j in 0..<width {
        running += sums[i * (width + 1) + j]
        // The sum over the lines above is kept in place.
        let total = running + (i > 0 ? sums[(i - 1) * (width + 1) + j] : 0)
        sums[i * (width + 1) + j] = total
        let place = (first + i) * samples + start + j
        if total > 0, !near[place] { result.append(place) }
      }
    }
    return result
  }
}
