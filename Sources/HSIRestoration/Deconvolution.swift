import Foundation
import HSICore
import HSINumerics

/// A classical deblurring by a kernel that is one of the families, given by weights, or estimated (`KernelEstimate`). It implements `sharpen`; `restore` is made from it.
///
/// Components of the noise-weighted bands (`SpectralSubspace`) are blurred as the bands are, and there are fewer; each is sharpened
/// on its own and carries white noise of unit variance.
public protocol DeconvolutionRestorer: ClassicalRestorer {
  /// The weights that the scene was blurred with.
  var kernel: BlurKernel { get set }
  /// Whether there were zeros beside the image when it was blurred; else what was there is not known.
  var hasZerosBeside: Bool { get }
  /// Components kept, where that was said.
  var rank: Int? { get }
  /// Sharpens the planes of components (p × lines · samples), in place.
  ///
  /// - Parameter outside: the components of what lies beside the image, where that is known.
  func sharpen(_ planes: PixelMatrix, _ blur: PlaneBlur, outside: [Float]?, _ context: RunContext) throws
}

extension DeconvolutionRestorer {
  public func workingBytes(_ shape: CubeShape) -> Int {
    let margin = 4 * kernel.size + 16
    return subspaceBytes(shape) + shape.pixels * shape.bands * 8 + (shape.lines + margin) * (shape.samples + margin)
      * 400
  }

  public func restore(_ scene: Cube, noise: NoiseLevels?, _ context: RunContext) throws -> RestoredScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene.shape, pixels: scene.count, context)
    if let noise { try noise.check(bands: scene.shape.bands) }
    let finite = scene.finitePixels()
    guard finite.count > 0 else { return unchanged(scene, "no pixel has a finite value in every band", context) }
    guard finite.count > 1 else { return unchanged(scene, "it has one valid pixel", context) }
    guard kernel.size > 1 else { return unchanged(scene, "the kernel is one pixel", context) }
    let statistics = try SceneStatistics(finite, context, precision: .double)
    let deviations = (0..<scene.shape.bands).map { max(statistics.covariance[$0, $0], 0).squareRoot() }
    guard deviations.contains(where: { $0 > 0 }) else { return unchanged(scene, "it is constant", context) }
    let found = try noise ?? NoiseLevels.estimate(finite, context)
    // What is beside the image is not known, and single precision not exact: no scene is better than 60 dB.
    let least = (deviations.max() ?? 1) * 1e-6
    let levels = NoiseLevels(
      standardDeviations: zip(found.standardDeviations, deviations).map { max($0, 1e-3 * $1, least) })
    let subspace = try SpectralSubspace(statistics, noise: levels, whitening: true)
    let kept = min(scene.shape.bands, rank ?? max(subspace.significant, 1))
    let components = subspace.project(finite.pixels, rank: kept)
    let (filling, places) = (PlaneFilling(finite), scene.shape.pixels)
    let planes = PixelMatrix(rows: kept, columns: places)
    Parallel.forEach(kept) { i in
      filling.spread(components.pointer + i * components.columns, into: planes.pointer + i * places)
    }
    let blur = PlaneBlur(
      kernel, lines: scene.shape.lines, samples: scene.shape.samples, isKnown: finite.rowOfPlace().map { $0 >= 0 })
    let sum = kernel.sum
    try sharpen(planes, blur, outside: hasZerosBeside ? subspace.componentsOfZero(rank: kept) : nil, context)
    Parallel.forEach(kept) { i in
      filling.gather(planes.pointer + i * places, into: components.pointer + i * components.columns)
    }
    let result = subspace.reconstruct(components)
    // Weights that do not add up to 1 made everything darker or brighter.
    if abs(sum - 1) > 1e-6, sum > 0 {
      let (values, factor) = (result.pointer, Float(1 / sum))
      for i in 0..<(result.rows * result.columns) { values[i] *= factor }
    }
    return RestoredScene(
      scene: scene.replacingFinitePixels(by: result), noise: found, rank: kept, facts: ["kernelSum": sum])
  }
}

extension SpectralSubspace {
  /// The components of a spectrum of zeros.
  fileprivate func componentsOfZero(rank: Int) -> [Float] {
    (0..<rank).map { i in Float(-mean.indices.reduce(0) { $0 + vectors[$1, i] * mean[$1] / scale[$1] }) }
  }
}

/// A blur of planes as a product of spectra.
///
/// What is blurred into the image from beside it, and what is missing in it, is not known. The planes start continued beyond their
/// borders by their mirror images, which fade into those of the opposite border, so that nothing jumps where the transform wraps
/// around; the methods then replace that, round by round, by the blur of what they have found. Where the image is known to lie in a
/// constant, it is first divided by the share of the weights that fell inside, which takes the constant out.
public struct PlaneBlur: Sendable {
  /// Size of the images.
  let lines, samples: Int
  /// Transform of the continued planes.
  let transform: FFT2D
  /// Spectrum of the blur with weights that add up to 1, pairs of real and imaginary parts.
  let spectrum: [Float]
  /// Places of the image that were seen.
  private let isKnown: [Bool]
  /// Share of the weights that falls inside the image, at least 0.05.
  private let shares: [Float]

  init(_ kernel: BlurKernel, lines: Int, samples: Int, isKnown: [Bool]? = nil) {
    (self.lines, self.samples) = (lines, samples)
    self.isKnown = isKnown ?? [Bool](repeating: true, count: lines * samples)
    let margin = 2 * kernel.size + 8
    transform = FFT2D(
      lines: FFT2D.fastSize(atLeast: lines + margin), samples: FFT2D.fastSize(atLeast: samples + margin))
    let (height, width) = (transform.lines, transform.samples)
    let plane = PixelMatrix(rows: height, columns: width)
    let sum = kernel.sum
    // Σ w(d) x(p + d): the weight of d stands at −d.
    for i in 0..<kernel.size {
      for j in 0..<kernel.size {
        let (y, x) = ((height - (i - kernel.radius)) % height, (width - (j - kernel.radius)) % width)
        plane[y, x] += kernel.weights[i * kernel.size + j] / Float(sum > 0 ? sum : 1)
      }
    }
    let work = PixelMatrix(rows: 1, columns: transform.spectrumCount)
    transform.forward(plane.pointer, work.pointer)
    spectrum = work.values
    shares = PlaneBlur.shares(kernel, lines, samples)
  }

  private static func shares(_ kernel: BlurKernel, _ lines: Int, _ samples: Int) -> [Float] {
    let (size, radius, sum) = (kernel.size, kernel.radius, Float(kernel.sum))
    return (0..<(lines * samples)).map { place in
      let (line, sample) = (place / samples, place % samples)
      if line >= radius, sample >= radius, line + radius < lines, sample + radius < samples { return 1 }
      var share: Float = 0
      for i in max(0, radius - line)..<min(size, lines + radius - line) {
        for j in max(0, radius - sample)..<min(size, samples + radius - sample) {
          share += kernel.weights[i * size + j]
        }
      }
      return sum > 0 ? max(share / sum, 0.05) : 1
    }
  }

  /// Places of a continued axis: two places of the image and the share of the second.
  private static func continuation(_ count: Int, _ whole: Int) -> [(first: Int, second: Int, share: Float)] {
    (0..<whole).map { place in
      guard place >= count else { return (place, place, 0) }
      let t = Float(place - count + 1) / Float(whole - count + 1)
      return (mirrored(place, count), mirrored(place - whole, count), t * t * (3 - 2 * t))
    }
  }

  /// The continued plane of an image.
  func load(_ image: UnsafePointer<Float>, into plane: UnsafeMutablePointer<Float>) {
    let rows = PlaneBlur.continuation(lines, transform.lines)
    let columns = PlaneBlur.continuation(samples, transform.samples)
    for (y, row) in rows.enumerated() {
      let (upper, lower) = (image + row.first * samples, image + row.second * samples)
      let target = plane + y * transform.samples
      for (x, column) in columns.enumerated() {
        let a = upper[column.first] + column.share * (upper[column.second] - upper[column.first])
        let b = lower[column.first] + column.share * (lower[column.second] - lower[column.first])
        target[x] = a + row.share * (b - a)
      }
    }
  }

  /// The image part of a plane, times a factor.
  func crop(_ plane: UnsafePointer<Float>, factor: Float, into image: UnsafeMutablePointer<Float>) {
    for line in 0..<lines {
      for sample in 0..<samples { image[line * samples + sample] = factor * plane[line * transform.samples + sample] }
    }
  }

  /// Sets everything beside the image to a value.
  func setOutside(_ plane: UnsafeMutablePointer<Float>, _ value: Float) {
    for line in 0..<transform.lines {
      let start = line < lines ? samples : 0
      for sample in start..<transform.samples { plane[line * transform.samples + sample] = value }
    }
  }

  /// Changes an image to what would be seen if it went on beside its borders: a value is the blur of what is inside, times the share
  /// of the weights that fell inside, and the rest of `outside`.
  func removeOutside(_ image: UnsafeMutablePointer<Float>, _ outside: Float) {
    for i in 0..<(lines * samples) { image[i] = outside + (image[i] - outside) / shares[i] }
  }

  /// Replaces a plane by its blur, by way of a spectrum of its size.
  func apply(_ plane: UnsafeMutablePointer<Float>, _ work: UnsafeMutablePointer<Float>) {
    transform.forward(plane, work)
    let scale = 1 / Float(transform.lines * transform.samples)
    for i in 0..<(transform.spectrumCount / 2) {
      let (a, b, re, im) = (spectrum[2 * i], spectrum[2 * i + 1], work[2 * i], work[2 * i + 1])
      work[2 * i] = (a * re - b * im) * scale
      work[2 * i + 1] = (a * im + b * re) * scale
    }
    transform.inverse(work, plane)
  }

  /// Writes the known places of an image into a plane.
  func overwrite(_ plane: UnsafeMutablePointer<Float>, with image: UnsafePointer<Float>) {
    for line in 0..<lines {
      for sample in 0..<samples where isKnown[line * samples + sample] {
        plane[line * transform.samples + sample] = image[line * samples + sample]
      }
    }
  }
}

extension ParameterDescription {
  /// What a deblurring is told about the kernel.
  static let kernel: [ParameterDescription] = [
    ParameterDescription(
      "zeros", 0, in: 0...1, "1: there were zeros beside the image when it was blurred; 0: not known"),
    ParameterDescription("kind", 0, in: 0...3, "0: Gaussian, 1: motion, 2: box, 3: round"),
    .kernelSize(9),
    ParameterDescription(
      "sigma", nil, in: 0.01...100, "width of the Gaussian in pixels; default: 0.3 ((size − 1) / 2 − 1) + 0.8"),
    ParameterDescription(
      "angle", 0, in: -360...360, "of the motion, degrees from the direction of the samples towards smaller lines"),
  ]
}

extension BlurKernel {
  /// The kernel of a deblurring.
  ///
  /// - Throws: `CoreError.invalidParameter` for even sizes and kinds that do not exist.
  init(_ parameters: MethodParameters) throws {
    let value = parameters.value("kind")
    guard let kind = Int(exactly: value).flatMap(BlurKernel.Kind.init(rawValue:)) else {
      throw CoreError.invalidParameter(name: "kind", value: PlainNumber.exact(value), requirement: "0, 1, 2 or 3")
    }
    try self.init(
      kind, size: parameters.oddSize(), sigma: parameters["sigma"], angle: parameters.value("angle"))
  }
}
