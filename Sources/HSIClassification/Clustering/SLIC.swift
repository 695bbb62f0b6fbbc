import HSICore
import HSINumerics

/// Superpixels: connected groups of near and similar pixels, all of about the same size.
///
/// Pixels are grouped as by k-means, in principal components and place together, each only with centres of its surroundings:
///
///     D² = |z − z_k|² / v + compactness² |p − p_k|² / S²
///
/// with z the leading components, v their mean variance within squares of the grid, p the place, and S² = N / k the size wanted. Pieces that
/// are not connected to the main part of their group are groups of their own; those below half of S² go to the neighbour that
/// differs least along their border. Memory: the components of all
/// pixels. Cost some 16 N components per round. Source: Achanta et al., "SLIC superpixels compared to state-of-the-art
/// superpixel methods", IEEE TPAMI 34(11), 2012.
public struct SLIC: Clusterer {
  public static let description = MethodDescription(
    id: "slic", name: "Simple linear iterative clustering", task: .cluster,
    citation: "Achanta et al., IEEE TPAMI 34(11), 2012", cost: "N L² for the components, 16 N components per round",
    advice: "Superpixels: connected groups of similar neighbours.",
    parameters: [
      ParameterDescription("compactness", 0.5, in: 0.001...1000, "Weight of the distance on the ground."),
      ParameterDescription("components", 5, in: 1...64, "Principal components that are compared."),
      ParameterDescription("iterations", 10, in: 1...1000, "Rounds."),
    ], aliases: ["superpixels"])

  public static func cluster(
    _ source: any StripSource, count: Int, _ parameters: MethodParameters, _ context: RunContext
  ) throws -> Clustering {
    let claim = context.claimThreads()
    defer { claim.release() }
    var image = try ComponentImage(source, components: Int(clamping: parameters.value("components")), context)
    guard image.valid > 0 else {
      throw ClassificationError.noPixels(purpose: "superpixels")
    }
    let step = max(1, (Double(image.valid) / Double(max(count, 1))).squareRoot())
    image.scale(by: step)
    var grid = SuperpixelGrid(image, step: step, compactness: parameters.value("compactness"))
    let rounds = Int(clamping: parameters.value("iterations"))
    for round in 0..<rounds {
      try context.checkCancellation()
      context.progress.report(phase: "superpixels", fraction: Double(round) / Double(rounds))
      grid.assign(image)
      grid.move(image)
    }
    context.progress.report(phase: "superpixels", fraction: 1)
    let labels = SuperpixelGrid.connected(grid.labels, image, least: Int(clamping: step * step / 2))
    let groups = Int(labels.max() ?? -1) + 1
    // Mean spectra in one more pass.
    let bands = source.shape.bands
    var sums = Matrix<Double>(rows: groups, columns: bands)
    var counts = [Int](repeating: 0, count: groups)
    try source.forEachStrip(context, label: "means") { strip in
      let base = strip.window.line * source.shape.samples
      for n in 0..<strip.count {
        let group = Int(labels[base + Int(strip.positions[n])])
        counts[group] += 1
        let row = strip.pixels.pointer + n * bands
        for b in 0..<bands { sums[group, b] += Double(row[b]) }
      }
    }
    return Clustering(
      counts: counts,
      means: Matrix(rows: groups, columns: bands) { sums[$0, $1] / Double(max(counts[$0], 1)) }, converged: true,
      facts: ["side": step]
    ) { strip, samples in
      let base = strip.window.line * samples
      return strip.positions.map { labels[base + Int($0)] }
    }
  }
}

/// The leading principal components of a scene, in place.
private struct ComponentImage {
  let lines, samples, components: Int
  /// Lines × samples × components.
  var values: [Float]
  let isValid: [Bool]
  let valid: Int

  init(_ source: any StripSource, components wanted: Int, _ context: RunContext) throws {
    let shape = source.shape
    (lines, samples, components) = (shape.lines, shape.samples, min(wanted, shape.bands))
    // Components, and beside them validity, two sets of labels, and the pixels of pieces.
    let needed = Int.product(shape.pixels, 4 * components + 1 + 8 + 24)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "\(components) components of \(shape.pixels) pixels", needed: needed, budget: context.memory.bytes)
    }
    let transform = try LinearTransform.principalComponents(SceneStatistics(source, context), count: components)
    let count = transform.components
    var values = [Float](repeating: 0, count: shape.pixels * components)
    var isValid = [Bool](repeating: false, count: shape.pixels)
    var valid = 0
    let (all, own) = (components, PixelMatrix(rows: 0, columns: count))
    try source.forEachStrip(context, label: "components", extraBytesPerPixel: 4 * count) { strip in
      transform.apply(strip.pixels, into: own)
      let base = strip.window.line * shape.samples
      for n in 0..<strip.count {
        let place = base + Int(strip.positions[n])
        isValid[place] = true
        valid += 1
        for c in 0..<count { values[place * all + c] = own[n, c] }
      }
    }
    (self.values, self.isValid, self.valid) = (values, isValid, valid)
  }

  /// Squared difference of two pixels.
  func difference(_ a: Int, _ b: Int) -> Double {
    (0..<components).reduce(0) {
      let d = Double(values[a * components + $1] - values[b * components + $1])
      return $0 + d * d
    }
  }

  /// Brings the variance within squares of a side to 1 in the mean.
  mutating func scale(by step: Double) {
    let side = max(2, Int(clamping: step.rounded()))
    var (total, cells) = (0.0, 0.0)
    for top in stride(from: 0, to: lines, by: side) {
      for left in stride(from: 0, to: samples, by: side) {
        var (count, variance) = (0.0, 0.0)
        for c in 0..<components {
          var (sum, squares) = (0.0, 0.0)
          count = 0
          for line in top..<min(top + side, lines) {
            for sample in left..<min(left + side, samples) where isValid[line * samples + sample] {
              let value = Double(values[(line * samples + sample) * components + c])
              sum += value
              squares += value * value
              count += 1
            }
          }
          if count > 1 { variance += max(0, squares / count - sum / count * (sum / count)) }
        }
        if count > 1 {
          total += variance
          cells += 1
        }
      }
    }
    guard total > 0, cells > 0 else { return }
    let factor = Float(1 / (total / cells).squareRoot())
    for i in values.indices { values[i] *= factor }
  }
}

/// Centres on the ground and the pixels that they hold.
private struct SuperpixelGrid {
  /// Line and sample, then components, per centre.
  private var centres: [[Double]] = []
  private let step: Double
  private let weight: Double
  private(set) var labels: [Int32]

  init(_ image: ComponentImage, step: Double, compactness: Double) {
    self.step = step
    weight = compactness * compactness / (step * step)
    labels = [Int32](repeating: -1, count: image.lines * image.samples)
    let rows = max(1, Int(clamping: (Double(image.lines) / step).rounded()))
    let columns = max(1, Int(clamping: (Double(image.samples) / step).rounded()))
    for row in 0..<rows {
      for column in 0..<columns {
        let line = min(image.lines - 1, Int(clamping: (Double(row) + 0.5) * Double(image.lines) / Double(rows)))
        let sample = min(
          image.samples - 1, Int(clamping: (Double(column) + 0.5) * Double(image.samples) / Double(columns)))
        guard let place = SuperpixelGrid.calmest(image, line, sample) else { continue }
        centres.append(
          [Double(place / image.samples), Double(place % image.samples)]
            + (0..<image.components).map { Double(image.values[place * image.components + $0]) })
      }
    }
    // Where no centre of a square holds data, the first pixel that does is one.
    if centres.isEmpty, let place = image.isValid.firstIndex(of: true) {
      centres.append(
        [Double(place / image.samples), Double(place % image.samples)]
          + (0..<image.components).map { Double(image.values[place * image.components + $0]) })
    }
  }

  /// The valid pixel of a place and its eight neighbours where the image changes least.
  private static func calmest(_ image: ComponentImage, _ line: Int, _ sample: Int) -> Int? {
    var best: (change: Float, place: Int)?
    for y in max(0, line - 1)...min(image.lines - 1, line + 1) {
      for x in max(0, sample - 1)...min(image.samples - 1, sample + 1) where image.isValid[y * image.samples + x] {
        var change: Float = 0
        for (other, there) in [
          (y * image.samples + x + 1, x + 1 < image.samples), ((y + 1) * image.samples + x, y + 1 < image.lines),
        ]
        where there && image.isValid[other] {
          for c in 0..<image.components {
            let d =
              image.values[other * image.components + c]
              - image.values[(y * image.samples + x) * image.components + c]
            change += d * d
          }
        }
        if best.map({ change < $0.change }) ?? true { best = (change, y * image.samples + x) }
      }
    }
    return best?.place
  }

  /// The nearest centre of every pixel, of those that lie in its surroundings.
  mutating func assign(_ image: ComponentImage) {
    // Centres by cell of the grid: a pixel asks the cells within two steps.
    let (down, across) = (
      Int(clamping: Double(image.lines) / step) + 1, Int(clamping: Double(image.samples) / step) + 1
    )
    var cells = [[Int]](repeating: [], count: down * across)
    for (k, centre) in centres.enumerated() {
      cells[Int(clamping: centre[0] / step) * across + Int(clamping: centre[1] / step)].append(k)
    }
    let flat = centres.flatMap { $0.map { Float($0) } }
    let (size, count, samples) = (2 + image.components, image.components, image.samples)
    let weight = Float(weight)
    labels.withUnsafeMutableBufferPointer { labels in
      guard let labels = labels.baseAddress else { return }
      image.values.withUnsafeBufferPointer { values in
        Parallel.forEach(image.lines) { line in
          for sample in 0..<samples {
            let place = line * samples + sample
            guard image.isValid[place] else { continue }
            var (best, nearest) = (Float.infinity, Int32(-1))
            let (cy, cx) = (Int(clamping: Double(line) / step), Int(clamping: Double(sample) / step))
            var reach = 1
            // Where data are sparse no centre may be near: look farther until one is.
            while nearest < 0, reach <= max(down, across) {
              for y in max(0, cy - reach)...min(down - 1, cy + reach) {
                for x in max(0, cx - reach)...min(across - 1, cx + reach) {
                  for k in cells[y * across + x] {
                    let (dy, dx) = (Float(line) - flat[k * size], Float(sample) - flat[k * size + 1])
                    var distance = weight * (dy * dy + dx * dx)
                    for c in 0..<count {
                      let d = values[place * count + c] - flat[k * size + 2 + c]
                      distance += d * d
                    }
                    if distance < best || (distance == best && k < Int(nearest)) {
                      (best, nearest) = (distance, Int32(k))
                    }
                  }
                }
              }
              reach += 1
            }
            labels[place] = nearest
          }
        }
      }
    }
  }

  /// Centres to the means of their pixels.
  mutating func move(_ image: ComponentImage) {
    var sums = centres.map { [Double](repeating: 0, count: $0.count) }
    var counts = [Double](repeating: 0, count: centres.count)
    for place in labels.indices where labels[place] >= 0 {
      let k = Int(labels[place])
      counts[k] += 1
      sums[k][0] += Double(place / image.samples)
      sums[k][1] += Double(place % image.samples)
      for c in 0..<image.components { sums[k][2 + c] += Double(image.values[place * image.components + c]) }
    }
    for k in centres.indices where counts[k] > 0 { centres[k] = sums[k].map { $0 / counts[k] } }
  }

  /// Labels of connected groups, numbered in the order of their first pixels. Pieces below a size, the smallest first, join the neighbour
  /// that differs least along their border.
  static func connected(_ labels: [Int32], _ image: ComponentImage, least: Int) -> [Int32] {
    let (lines, samples) = (image.lines, image.samples)
    func neighbours(_ place: Int, _ body: (Int) -> Void) {
      let (line, sample) = (place / samples, place % samples)
      if line > 0 { body(place - samples) }
      if sample > 0 { body(place - 1) }
      if sample + 1 < samples { body(place + 1) }
      if line + 1 < lines { body(place + samples) }
    }
    var result = [Int32](repeating: -1, count: labels.count)
    var pieces: [[Int]] = []
    for start in labels.indices where labels[start] >= 0 && result[start] < 0 {
      let number = Int32(pieces.count)
      var (piece, stack) = ([start], [start])
      result[start] = number
      while let place = stack.popLast() {
        neighbours(place) { other in
          guard labels[other] == labels[start], result[other] < 0 else { return }
          result[other] = number
          stack.append(other)
          piece.append(other)
        }
      }
      pieces.append(piece)
    }
    for small in pieces.indices.sorted(by: { (pieces[$0].count, $0) < (pieces[$1].count, $1) }) {
      guard pieces[small].count < least, !pieces[small].isEmpty else { continue }
      var borders: [Int32: (difference: Double, count: Double)] = [:]
      for place in pieces[small] {
        neighbours(place) { other in
          let group = result[other]
          guard group >= 0, group != Int32(small) else { return }
          let border = borders[group] ?? (0, 0)
          borders[group] = (border.difference + image.difference(place, other), border.count + 1)
        }
      }
      let likest = borders.min {
        ($0.value.difference / $0.value.count, $0.key) < ($1.value.difference / $1.value.count, $1.key)
      }
      guard let likest else { continue }
      for place in pieces[small] { result[place] = likest.key }
      pieces[Int(likest.key)] += pieces[small]
      pieces[small] = []
    }
    // Numbers without gaps.
    var (numbers, next): ([Int32], Int32) = ([Int32](repeating: -1, count: pieces.count), 0)
    for place in result.indices where result[place] >= 0 {
      let piece = Int(result[place])
      if numbers[piece] < 0 {
        numbers[piece] = next
        next += 1
      }
      result[place] = numbers[piece]
    }
    return result
  }
}
