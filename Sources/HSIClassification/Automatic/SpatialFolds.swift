import HSICore

/// Labelled pixels in folds that lie apart: what was learned elsewhere says of a fold what it would say of a place that it has not
/// seen, not of the neighbours of what it saw.
///
/// **Pieces**, places nearby: the pixels of a class are taken in connected pieces (pixels within two of each other); pieces larger than a fold, and classes in so many
/// pieces that they are scattered, are cut across their longer side. The largest piece goes to the fold that has fewest pixels of the
/// class. A class of one pixel is in no fold: it is always learned from.
///
/// **Regions**, places far away: all pixels together are halved across their longer side, and halves again.
struct SpatialFolds {
  /// Fold of every pixel; −1 for none.
  let folds: [Int]
  /// Number of folds.
  let count: Int
  /// Pixels so near to a fold are not learned from when it is judged.
  let guardRadius: Int

  /// Four regions.
  static func regions(_ positions: [Int32], samples: Int) -> SpatialFolds {
    var groups = [Array(positions.indices)]
    for _ in 0..<2 {
      groups = groups.flatMap { group -> [[Int]] in
        let sorted = acrossLongerSide(group, positions, samples: samples)
        return [Array(sorted[..<(sorted.count / 2)]), Array(sorted[(sorted.count / 2)...])]
      }
    }
    var folds = [Int](repeating: -1, count: positions.count)
    for (fold, group) in groups.enumerated() { for n in group { folds[n] = fold } }
    return SpatialFolds(folds: folds, count: groups.count, guardRadius: 5)
  }

  private init(folds: [Int], count: Int, guardRadius: Int) {
    (self.folds, self.count, self.guardRadius) = (folds, count, guardRadius)
  }

  /// Some pixels line by line, or column by column where they lie in a wide box.
  private static func acrossLongerSide(_ group: [Int], _ positions: [Int32], samples: Int) -> [Int] {
    func place(_ n: Int) -> (line: Int, sample: Int) { (Int(positions[n]) / samples, Int(positions[n]) % samples) }
    let places = group.map(place)
    let height = (places.map(\.line).max() ?? 0) - (places.map(\.line).min() ?? 0)
    let width = (places.map(\.sample).max() ?? 0) - (places.map(\.sample).min() ?? 0)
    return group.sorted { a, b in
      let (p, q) = (place(a), place(b))
      return height >= width
        ? (p.line, p.sample, a) < (q.line, q.sample, b) : (p.sample, p.line, a) < (q.sample, q.line, b)
    }
  }

  /// Pieces as folds.
  ///
  /// - Parameters:
  ///   - positions: places, `line · samples + sample`.
  ///   - labels: the class of each.
  init(_ positions: [Int32], labels: [Int], samples: Int, count: Int) {
    var folds = [Int](repeating: -1, count: labels.count)
    for (number, label) in Set(labels).sorted().enumerated() {
      let members = labels.indices.filter { labels[$0] == label }
      guard members.count > 1 else { continue }
      let largest = (members.count + count - 1) / count
      var pieces = SpatialFolds.pieces(members, positions, samples: samples)
      if pieces.count > 4 * count { pieces = [members] }
      var waiting = pieces
      pieces = []
      while let piece = waiting.popLast() {
        guard piece.count > largest else {
          pieces.append(piece)
          continue
        }
        let sorted = SpatialFolds.acrossLongerSide(piece, positions, samples: samples)
        // A whole number of folds on one side.
        let parts = (piece.count + largest - 1) / largest
        let cut = max(1, piece.count * (parts / 2) / parts)
        waiting += [Array(sorted[..<cut]), Array(sorted[cut...])]
      }
      // Classes begin with different folds, so that folds are of one size.
      var sizes = [Int](repeating: 0, count: count)
      for piece in pieces.sorted(by: { ($1.count, $0[0]) < ($0.count, $1[0]) }) {
        let fold = (0..<count).map { ($0 + number) % count }.reduce(number % count) {
          sizes[$1] < sizes[$0] ? $1 : $0
        }
        sizes[fold] += piece.count
        for n in piece { folds[n] = fold }
      }
    }
    self.init(folds: folds, count: count, guardRadius: 3)
  }

  /// Pixels within two of each other, as pieces.
  private static func pieces(_ members: [Int], _ positions: [Int32], samples: Int) -> [[Int]] {
    var index: [Int32: Int] = [:]
    for n in members { index[positions[n]] = n }
    var isSeen: Set<Int> = []
    var result: [[Int]] = []
    for first in members where isSeen.insert(first).inserted {
      var piece = [first]
      var next = 0
      while next < piece.count {
        let (line, sample) = (Int(positions[piece[next]]) / samples, Int(positions[piece[next]]) % samples)
        next += 1
        for dy in -2...2 {
          for dx in -2...2 where line + dy >= 0 && (0..<samples).contains(sample + dx) {
            let position = (line + dy) * samples + sample + dx
            if let other = Int32(exactly: position).flatMap({ index[$0] }), isSeen.insert(other).inserted {
              piece.append(other)
            }
          }
        }
      }
      result.append(piece.sorted())
    }
    return result
  }
}
