import HSICore
import HSINumerics

/// The valid pixels of an image, column by column, and how band planes of them are read.
struct ColumnIndex: Sendable {
  /// Rows of the pixel matrix, sorted by column and in it by line.
  let rows: [Int32]
  /// `rows[starts[c]..<starts[c + 1]]` are those of column c.
  let starts: [Int]

  init(_ scene: Cube) {
    let samples = scene.shape.samples
    var counts = [Int](repeating: 0, count: samples + 1)
    for place in scene.positions { counts[Int(place) % samples + 1] += 1 }
    for c in 0..<samples { counts[c + 1] += counts[c] }
    starts = counts
    var next = counts
    var rows = [Int32](repeating: 0, count: scene.count)
    for (row, place) in scene.positions.enumerated() {
      let column = Int(place) % samples
      rows[next[column]] = Int32(row)
      next[column] += 1
    }
    self.rows = rows
  }

  /// Number of columns of the image.
  var count: Int { starts.count - 1 }
  /// Rows of column `c`.
  func column(_ c: Int) -> ArraySlice<Int32> { rows[starts[c]..<starts[c + 1]] }
}

/// Offsets that a detector column adds to all its pixels of a band (stripes), from one band.
///
/// The evidence at a pixel is its value minus the mean of its row over `reach` columns on either side; the
/// offset of a column is the median evidence of its valid pixels. Its standard error comes from the spread of
/// the evidence down the column, with a third of the pixels counted as independent, so that texture is not
/// taken for stripes. Significant offsets are subtracted before the next of `passes`, so that stripes do not
/// leak into their neighbours.
struct ColumnOffsets {
  /// Columns on either side that a column is compared with.
  var reach = 6
  /// Offsets count from this many standard errors.
  var significance: Float = 3.5
  var passes = 3

  /// Per column: estimate and standard error; both 0 where fewer than 8 pixels of a column can be compared.
  typealias Estimate = (offset: [Float], error: [Float])

  /// Offsets of one band.
  ///
  /// - Parameters:
  ///   - values: the band at valid pixels.
  ///   - ignored: non-zero where a value is not to be used.
  ///   - grid: `Cube.rowOfPlace()`.
  func estimate(_ values: [Float], ignored: [UInt8], grid: [Int32], lines: Int, samples: Int) -> Estimate {
    var total = [Float](repeating: 0, count: samples)
    var error = total
    var evidence = [[Float]](repeating: [], count: samples)
    var row = [Float](repeating: 0, count: samples)
    var present = [Bool](repeating: false, count: samples)
    for pass in 0..<passes {
      for c in 0..<samples { evidence[c].removeAll(keepingCapacity: true) }
      for line in 0..<lines {
        for c in 0..<samples {
          let n = Int(grid[line * samples + c])
          present[c] = n >= 0 && ignored[n] == 0
          let isStripe = abs(total[c]) > significance * error[c]
          row[c] = present[c] ? values[n] - (isStripe ? total[c] : 0) : 0
        }
        // Running sum over the neighbourhood.
        var (sum, members): (Float, Int) = (0, 0)
        for c in 0..<min(reach, samples) where present[c] { (sum, members) = (sum + row[c], members + 1) }
        for c in 0..<samples {
          if c + reach < samples, present[c + reach] { (sum, members) = (sum + row[c + reach], members + 1) }
          if c - reach - 1 >= 0, present[c - reach - 1] {
            (sum, members) = (sum - row[c - reach - 1], members - 1)
          }
          if present[c], members > reach {
            let own = values[Int(grid[line * samples + c])]
            evidence[c].append(own - (sum - row[c]) / Float(members - 1))
          }
        }
      }
      for c in 0..<samples {
        guard evidence[c].count >= 8 else {
          (total[c], error[c]) = (0, 0)
          continue
        }
        let centre = median(&evidence[c])
        var spread = evidence[c].map { abs($0 - centre) }
        total[c] = centre
        error[c] = 1.2533 * 1.4826 * median(&spread) / (Float(spread.count) / 3).squareRoot()
      }
      if pass + 1 < passes, !zip(total, error).contains(where: { abs($0) > significance * $1 && $1 > 0 }) {
        break
      }
    }
    return (total, error)
  }

  /// The share of an offset that a band does not have in common with its neighbours, L × columns, 0 where
  /// that is less than `significance` standard errors.
  ///
  /// The median of the offsets of up to three bands on either side is scene (a wall or a field border along
  /// the columns is in all of them); an offset keeps what goes beyond it. Fewer than three bands have no such
  /// witness.
  func independent(_ estimates: [Estimate]) -> [[Float]] {
    let columns = estimates.first?.offset.count ?? 0
    return estimates.indices.map { band in
      let witnesses = (max(0, band - 3)...min(estimates.count - 1, band + 3)).filter { $0 != band }
      return (0..<columns).map { c in
        let (offset, error) = (estimates[band].offset[c], estimates[band].error[c])
        var shared: Float = 0
        if witnesses.count >= 2 {
          var values = witnesses.map { estimates[$0].offset[c] }
          let centre = median(&values)
          shared = offset > 0 ? min(max(centre, 0), offset) : max(min(centre, 0), offset)
        }
        return error > 0 && abs(offset - shared) > significance * error ? offset - shared : 0
      }
    }
  }

  /// Independent offsets of all bands of a scene; dead columns have none and witness nothing.
  func estimate(_ scene: Cube) -> [[Float]] {
    let bands = scene.shape.bands
    let grid = scene.rowOfPlace()
    var estimates = [Estimate](repeating: ([], []), count: bands)
    estimates.withUnsafeMutableBufferPointer { estimates in
      let (estimates, pixels) = (estimates, scene.pixels.pointer)
      let (count, shape) = (scene.count, scene.shape)
      let index = ColumnIndex(scene)
      Parallel.forEach(bands) { band in
        let values = (0..<count).map { pixels[$0 * bands + band] }
        var dead = [UInt8](repeating: 0, count: count)
        for c in index.deadColumns(values) { for row in index.column(c) { dead[Int(row)] = 1 } }
        estimates[band] = estimate(
          values, ignored: dead, grid: grid, lines: shape.lines, samples: shape.samples)
      }
    }
    return independent(estimates)
  }
}
