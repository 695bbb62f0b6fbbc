import Foundation
import HSICore

/// Abundance maps in the manner of dead leaves: opaque discs, ellipses and bars of all sizes lie over each other, which
/// gives the edges, flat areas and occlusions of photographs and of land in use.
///
/// Radii r are drawn with density ∝ r⁻³ between 1.5 pixels and three times the patch size, so that statistics are the
/// same at all scales. A leaf holds one endmember, or two whose mixture is fixed or follows a fractal field, and has a light of
/// its own and a fractal texture of its own strength. A pixel is the mean of 2 × 2 points, so that seams are mixed.
/// Source: Lee, Mumford, Huang, "Occlusion models for natural images", IJCV 41, 2001.
struct LeavesField: AbundanceLayout {
  /// One leaf; the first of the list lies on top.
  private struct Leaf {
    var line, sample: Double
    /// Half axes, and whether the corners are filled.
    var a, b: Double
    var isBar: Bool
    var cosine, sine: Double
    var first, second: Int
    /// Share of the second endmember, and how much it follows the fractal field.
    var share, mixing: Double
    var light, texture: Double

    /// Rows that it can touch lie within this distance of `line`.
    var reach: Double {
      isBar ? abs(a * sine) + abs(b * cosine) : (a * a * sine * sine + b * b * cosine * cosine).squareRoot()
    }

    /// The samples that it covers at distance `y` from its centre line.
    func span(_ y: Double) -> (from: Double, to: Double)? {
      if isBar {
        // |x c + y s| ≤ a and |−x s + y c| ≤ b.
        var (low, high) = (-Double.infinity, Double.infinity)
        for (factor, offset, limit) in [(cosine, y * sine, a), (-sine, y * cosine, b)] {
          if abs(factor) < 1e-9 {
            if abs(offset) > limit { return nil }
            continue
          }
          let (p, q) = ((-limit - offset) / factor, (limit - offset) / factor)
          low = max(low, min(p, q))
          high = min(high, max(p, q))
        }
        return low <= high ? (sample + low, sample + high) : nil
      }
      // (x c + y s)² / a² + (y c − x s)² / b² ≤ 1, a quadratic in x.
      let (p, q) = (1 / (a * a), 1 / (b * b))
      let square = cosine * cosine * p + sine * sine * q
      let half = y * cosine * sine * (p - q)
      let rest = y * y * (sine * sine * p + cosine * cosine * q) - 1
      let root = half * half - square * rest
      guard root >= 0 else { return nil }
      return (sample + (-half - root.squareRoot()) / square, sample + (-half + root.squareRoot()) / square)
    }
  }

  private static let blockLines = 16

  let endmembers: Int
  let samples: Int
  private let leaves: [Leaf]
  /// Indices of the leaves that touch each block of lines, from top to bottom of the pile.
  private let blocks: [[Int32]]
  private let mixingField, textureField: FractalField
  private let shrinkage: Double

  init(
    endmembers: Int, lines: Int, samples: Int, patch: Double, purity: Double, seed: UInt64,
    cancellation: CancellationFlag
  ) throws {
    self.endmembers = endmembers
    self.samples = samples
    let (smallest, largest) = (1.5, max(3, 3 * patch))
    var random = CounterRandom(seed: seed, stream: 1 << 62 | 1)
    // Coverage 6: a share e⁻⁶ of the image shows the ground, a last leaf without end.
    let meanArea =
      2 * Double.pi * log(largest / smallest) / (1 / (smallest * smallest) - 1 / (largest * largest))
    let margin = largest
    let area = (Double(lines) + 2 * margin) * (Double(samples) + 2 * margin)
    let count = max(1, Int(clamping: (6 * area / (0.7 * meanArea)).rounded(.up)))
    guard count <= 50_000_000 else {
      throw CoreError.invalidParameter(
        name: "layout", value: "leaves", requirement: "patches for a scene of this size")
    }
    func leaf(_ line: Double, _ sample: Double, _ a: Double, _ b: Double) -> Leaf {
      let angle = random.uniform(0, .pi)
      let first = random.index(below: endmembers)
      let isPure = random.uniform() < 0.5
      return Leaf(
        line: line, sample: sample, a: a, b: b, isBar: random.uniform() < 0.5, cosine: cos(angle),
        sine: sin(angle),
        first: first, second: random.index(below: endmembers), share: isPure ? 0 : random.uniform(),
        mixing: isPure || random.uniform() < 0.5 ? 0 : random.uniform(0, 0.3), light: random.uniform(0.25, 1),
        texture: random.uniform() < 0.3 ? 0 : random.uniform(0, 1))
    }
    var leaves: [Leaf] = []
    leaves.reserveCapacity(count + 1)
    for index in 0..<count {
      if index % 65536 == 0, cancellation.isCancelled { throw CoreError.cancelled }
      let u = random.uniform()
      let (p, q) = (1 / (smallest * smallest), 1 / (largest * largest))
      let radius = 1 / (p - u * (p - q)).squareRoot()
      let flat = random.uniform(0.4, 1)
      leaves.append(
        leaf(
          random.uniform(-margin, Double(lines) + margin), random.uniform(-margin, Double(samples) + margin),
          radius,
          radius * flat))
    }
    let end = 4 * (Double(lines) + Double(samples))
    leaves.append(leaf(0, 0, end, end))
    leaves[count].isBar = false
    self.leaves = leaves
    var blocks = [[Int32]](repeating: [], count: (lines + Self.blockLines - 1) / Self.blockLines)
    for (index, leaf) in leaves.enumerated() {
      let first = max(0, Int(clamping: ((leaf.line - leaf.reach) / Double(Self.blockLines)).rounded(.down)))
      let last = min(
        blocks.count - 1, Int(clamping: ((leaf.line + leaf.reach) / Double(Self.blockLines)).rounded(.down)))
      if first <= last { for block in first...last { blocks[block].append(Int32(index)) } }
    }
    self.blocks = blocks
    mixingField = FractalField(samples: samples, longest: 2 * patch, seed: seed, stream: 2000)
    textureField = FractalField(samples: samples, longest: 2 * patch, seed: seed, stream: 3000)
    let centre = 1 / Double(endmembers)
    shrinkage = endmembers > 1 ? min(1, max(0, (purity - centre) / (1 - centre))) : 1
  }

  /// The top leaf of every half sample at height `y`.
  private func owners(_ y: Double, block: Int) -> [Int32] {
    let points = 2 * samples
    var owner = [Int32](repeating: -1, count: points)
    var left = points
    for index in blocks[block] {
      let leaf = leaves[Int(index)]
      guard let span = leaf.span(y - leaf.line) else { continue }
      // Point i lies at (i + 0.5) / 2.
      let from = max(0, (2 * span.from - 0.5).rounded(.up))
      let to = min(Double(points - 1), (2 * span.to - 0.5).rounded(.down))
      guard from <= to else { continue }
      for i in Int(from)...Int(to) where owner[i] < 0 {
        owner[i] = index
        left -= 1
      }
      if left == 0 { break }
    }
    return owner
  }

  func line(_ line: Int, into abundances: UnsafeMutablePointer<Float>) {
    visit(line) { sample, leaf, field, _ in
      let row = abundances + sample * endmembers
      let share = min(max(leaf.share + leaf.mixing * field, 0), 1)
      row[leaf.first] += Float(0.25 * (1 - share))
      row[leaf.second] += Float(0.25 * share)
    } start: {
      for i in 0..<(samples * endmembers) { abundances[i] = 0 }
    }
    guard shrinkage < 1 else { return }
    for i in 0..<(samples * endmembers) {
      abundances[i] = Float(shrinkage * Double(abundances[i]) + (1 - shrinkage) / Double(endmembers))
    }
  }

  func light(_ line: Int, texture: Double) -> [Double]? {
    var light = [Double](repeating: 0, count: samples)
    visit(line) { sample, leaf, _, field in
      light[sample] += 0.25 * leaf.light * exp(min(max(texture * leaf.texture * field, -3), 1))
    } start: {
    }
    return light
  }

  /// Calls `body` for each of the four points of every sample with its leaf and the two fractal fields.
  private func visit(_ line: Int, _ body: (Int, Leaf, Double, Double) -> Void, start: () -> Void) {
    start()
    let mixing = mixingField.line(line)
    let texture = textureField.line(line)
    for half in 0..<2 {
      let owner = owners(Double(line) + 0.25 + 0.5 * Double(half), block: line / Self.blockLines)
      for i in 0..<(2 * samples) where owner[i] >= 0 {
        body(i / 2, leaves[Int(owner[i])], mixing[i / 2], texture[i / 2])
      }
    }
  }
}

/// A random field of mean 0 and variance 1 whose power falls with frequency as that of photographs: smooth fields of equal
/// variance in octaves of length, and white noise for what is finer than a pixel.
struct FractalField: Sendable {
  private let octaves: [SmoothField]
  private let seed, stream: UInt64
  private let samples: Int

  /// Octaves from 1 pixel up to `longest`.
  init(samples: Int, longest: Double, seed: UInt64, stream: UInt64) {
    self.samples = samples
    self.seed = seed
    self.stream = stream
    var length = 1.0
    var octaves: [SmoothField] = []
    repeat {
      octaves.append(
        SmoothField(samples: samples, length: length, seed: seed, stream: stream + UInt64(octaves.count)))
      length *= 2
    } while length <= longest && octaves.count < 12
    self.octaves = octaves
  }

  /// The values on a line.
  func line(_ line: Int) -> [Double] {
    var random = CounterRandom(seed: seed, stream: 1 << 60 | stream << 32 | UInt64(line))
    let white = 0.25
    let norm = 1 / (Double(octaves.count) + white).squareRoot()
    var sum = (0..<samples).map { _ in norm * white.squareRoot() * random.normal() }
    var values = [Double](repeating: 0, count: samples)
    for octave in octaves {
      octave.line(line, into: &values)
      for i in 0..<samples { sum[i] += norm * values[i] }
    }
    return sum
  }
}
