/// What somebody may have meant by a name that does not exist.
public enum Suggestion {
  /// The known name that is nearest to `name`, or nil where none is near: at most one change of letters in three, at most
  /// three in all (insertions, deletions, substitutions, exchanges of neighbours), or one is the beginning of the other.
  /// Ties go to the first. Cost: product of the lengths per known name; names beyond 64 characters are nobody's slip.
  public static func nearest(to name: String, in known: some Sequence<String>) -> String? {
    let wanted = Array(name.lowercased())
    guard (2...64).contains(wanted.count) else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in known {
      let letters = Array(candidate.lowercased())
      guard letters.count <= 64 else { continue }
      let isPart = wanted.count >= 3 && (letters.starts(with: wanted) || wanted.starts(with: letters))
      let limit = max(1, min(3, max(wanted.count, letters.count) / 3))
      let distance = distance(wanted, letters)
      guard distance <= limit || isPart && letters.count >= 3 else { continue }
      if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
    }
    return best?.name
  }

  /// ` (did you mean fcls?)`, or nothing.
  public static func text(for name: String, in known: some Sequence<String>) -> String {
    nearest(to: name, in: known).map { " (did you mean \($0)?)" } ?? ""
  }

  /// Damerau–Levenshtein distance (optimal string alignment). F. J. Damerau, Comm. ACM 7(3), 1964.
  private static func distance(_ a: [Character], _ b: [Character]) -> Int {
    var before = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1] + [Int](repeating: 0, count: b.count)
      for j in b.indices {
        let cost = a[i] == b[j] ? 0 : 1
        row[j + 1] = min(last[j + 1] + 1, row[j] + 1, last[j] + cost)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { row[j + 1] = min(row[j + 1], before[j - 1] + 1) }
      }
      (before, last) = (last, row)
    }
    return last[b.count]
  }
}
