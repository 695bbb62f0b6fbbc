import Foundation
import HSICore

/// Weights of a square neighbourhood that a band is blurred with.
///
/// A blurred value is `Σ w[i, j] · x[y + i − r, x + j − r]`, r = ⌊size / 2⌋ (correlation; for kernels that are not symmetric the
/// response to one bright pixel is the kernel turned by 180°). Source: the degradations of MP-HSIR.
public struct BlurKernel: Hashable, Sendable {
  /// Shapes.
  public enum Kind: Int, CaseIterable, Sendable {
    /// `exp(−d² / 2σ²)`.
    case gaussian
    /// A straight line.
    case motion
    /// All weights equal.
    case square
    /// `exp(−d² / 2r²)` up to the distance r, 0 beyond.
    case circle
  }

  /// Lines and samples, odd.
  public let size: Int
  /// size × size weights, row by row.
  public let weights: [Float]

  /// Distance from the centre to the border.
  public var radius: Int { size / 2 }
  /// Sum of the weights: 1 but for `motion`, whose line may lose some in the corners.
  public var sum: Double { weights.reduce(0) { $0 + Double($1) } }

  /// A kernel.
  ///
  /// - Parameters:
  ///   - size: odd, 1 to 255.
  ///   - sigma: of `gaussian`, in pixels; `0.3 ((size − 1) / 2 − 1) + 0.8` where nil.
  ///   - angle: of `motion`, in degrees from the direction of the samples towards smaller lines.
  /// - Throws: `CoreError.invalidParameter` for even sizes, or values that are out of range.
  public init(_ kind: Kind, size: Int, sigma: Double? = nil, angle: Double = 0) throws {
    guard (1...255).contains(size), size % 2 == 1 else {
      throw CoreError.invalidParameter(name: "size", value: "\(size)", requirement: "odd, from 1 to 255")
    }
    guard angle.isFinite else {
      throw CoreError.invalidParameter(name: "angle", value: "\(angle)", requirement: "a number of degrees")
    }
    if let sigma, !(sigma.isFinite && sigma > 0) {
      throw CoreError.invalidParameter(name: "sigma", value: "\(sigma)", requirement: "above 0")
    }
    self.size = size
    let radius = size / 2
    func normalised(_ weight: (_ squaredDistance: Double) -> Double) -> [Float] {
      let all = (0..<(size * size)).map { place in
        let (i, j) = (Double(place / size - radius), Double(place % size - radius))
        return weight(i * i + j * j)
      }
      let sum = all.reduce(0, +)
      return all.map { Float($0 / sum) }
    }
    switch kind {
    case .gaussian:
      let sigma = sigma ?? BlurKernel.sigma(size: size)
      weights = normalised { exp(-$0 / (2 * sigma * sigma)) }
    case .square: weights = normalised { _ in 1 }
    case .circle:
      let squared = Double(max(radius * radius, 1))
      weights = normalised { $0 <= squared ? exp(-$0 / (2 * squared)) : 0 }
    case .motion: weights = BlurKernel.line(size, angle: angle)
    }
  }

  private init(size: Int, weights: [Float]) { (self.size, self.weights) = (size, weights) }

  /// A kernel of given weights, divided by their sum.
  ///
  /// - Parameters:
  ///   - weights: lines × samples numbers as they lie over the image, row by row.
  ///   - lines: 1 to 255, odd or even: the pixel that is blurred lies under line ⌊lines / 2⌋ and sample ⌊samples / 2⌋.
  /// - Returns: the kernel in the middle of a square, and the sum of the weights.
  /// - Throws: `CoreError.invalidParameter` for too many weights, or some that are negative or not finite, or all 0.
  public static func normalised(
    _ weights: [Double], lines: Int, samples: Int
  ) throws -> (kernel: BlurKernel, sum: Double) {
    precondition(weights.count == lines * samples, "one weight per place")
    guard lines > 0, samples > 0, max(lines, samples) <= 255 else {
      throw CoreError.invalidParameter(
        name: "\(option: "kernel")", value: "\(lines) × \(samples) weights",
        requirement: "of 1 to 255 lines and samples")
    }
    if let place = weights.firstIndex(where: { !($0.isFinite && $0 >= 0) }) {
      throw CoreError.invalidParameter(
        name: "\(option: "kernel")", value: "\(weights[place]) in line \(place / samples + 1)",
        requirement: "of weights from 0 upwards")
    }
    let sum = weights.reduce(0, +)
    guard sum > 0, sum.isFinite else {
      throw CoreError.invalidParameter(
        name: "\(option: "kernel")", value: "a sum of \(PlainNumber.exact(sum))",
        requirement: "of weights that are not all 0")
    }
    let radius = max(lines, samples) / 2
    let size = 2 * radius + 1
    var square = [Float](repeating: 0, count: size * size)
    for (place, weight) in weights.enumerated() {
      let (line, sample) = (place / samples - lines / 2 + radius, place % samples - samples / 2 + radius)
      square[line * size + sample] = Float(weight / sum)
    }
    return (BlurKernel(size: size, weights: square), sum)
  }

  /// The width of a Gaussian of a size unless told otherwise: `0.3 ((size − 1) / 2 − 1) + 0.8` pixels.
  public static func sigma(size: Int) -> Double { 0.3 * ((Double(size) - 1) / 2 - 1) + 0.8 }

  /// The middle line of ones / size, turned about (size / 2, size / 2) with bilinear interpolation. Places are rounded to 1/32
  /// pixel, and the centre is half a pixel off, as in the reference.
  private static func line(_ size: Int, angle: Double) -> [Float] {
    let (centre, radians) = (Double(size) / 2, angle * .pi / 180)
    let (cosine, sine) = (cos(radians), sin(radians))
    func rounded(_ place: Double) -> Double { (place * 32 + 0.5).rounded(.down) / 32 }
    func value(_ line: Int, _ sample: Int) -> Double {
      line == size / 2 && (0..<size).contains(sample) ? 1 / Double(size) : 0
    }
    return (0..<(size * size)).map { place in
      let (dy, dx) = (Double(place / size) - centre, Double(place % size) - centre)
      let x = rounded(centre + cosine * dx - sine * dy)
      let y = rounded(centre + sine * dx + cosine * dy)
      let (left, top) = (Int(clamping: x.rounded(.down)), Int(clamping: y.rounded(.down)))
      let (fx, fy) = (x - Double(left), y - Double(top))
      let upper = (1 - fx) * value(top, left) + fx * value(top, left + 1)
      let lower = (1 - fx) * value(top + 1, left) + fx * value(top + 1, left + 1)
      return Float((1 - fy) * upper + fy * lower)
    }
  }
}

extension MethodParameters {
  /// The parameter `size`.
  ///
  /// - Throws: `CoreError.invalidParameter` unless it is a whole odd number.
  func oddSize() throws -> Int {
    let value = self.value("size")
    guard let size = Int(exactly: value), size % 2 == 1 else {
      throw CoreError.invalidParameter(name: "size", value: PlainNumber.exact(value), requirement: "a whole odd number")
    }
    return size
  }
}
