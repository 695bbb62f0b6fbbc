/// One-to-one assignments.
public enum Assignment {
  /// Minimum-cost assignment (the Hungarian method with potentials, O(n²m)).
  ///
  /// - Parameter cost: rows × columns with `rows ≤ columns`, finite.
  /// - Returns: for every row the column assigned to it, so that the sum of costs is least.
  ///
  /// Source: Kuhn 1955; the shortest-augmenting-path form of Jonker and Volgenant, 1987.
  public static func minimumCost(_ cost: Matrix<Double>) -> [Int] {
    let (n, m) = (cost.rows, cost.columns)
    precondition(n <= m, "more rows than columns")
    var u = [Double](repeating: 0, count: n + 1)
    var v = [Double](repeating: 0, count: m + 1)
    var rowOf = [Int](repeating: 0, count: m + 1)  // 1-based row matched to a column, 0 = free
    var previous = [Int](repeating: 0, count: m + 1)
    for row in 1...max(n, 1) where row <= n {
      rowOf[0] = row
      var column = 0
      var least = [Double](repeating: .infinity, count: m + 1)
      var done = [Bool](repeating: false, count: m + 1)
      repeat {
        done[column] = true
        let current = rowOf[column]
        var delta = Double.infinity
        var next = 0
        for j in 1...m where !done[j] {
          let reduced = cost[current - 1, j - 1] - u[current] - v[j]
          if reduced < least[j] {
            least[j] = reduced
            previous[j] = column
          }
          if least[j] < delta {
            delta = least[j]
            next = j
          }
        }
        for j in 0...m {
          if done[j] {
            u[rowOf[j]] += delta
            v[j] -= delta
          } else {
            least[j] -= delta
          }
        }
        column = next
      } while rowOf[column] != 0
      repeat {
        let back = previous[column]
        rowOf[column] = rowOf[back]
        column = back
      } while column != 0
    }
    var result = [Int](repeating: 0, count: n)
    for j in 1...max(m, 1) where j <= m && rowOf[j] > 0 { result[rowOf[j] - 1] = j - 1 }
    return result
  }
}
