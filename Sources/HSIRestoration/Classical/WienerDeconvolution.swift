import HSICore
import HSINumerics

/// Wiener deconvolution with a given kernel, in the subspace of the scene.
///
/// The spectrum Y of a component becomes `conj(H) Y / (|H|² + 1 / S)`. Noise has unit variance in every component; its signal is
/// taken to have the spectrum `S(f) = s / (f₀² + |f|²)`, f₀ one period per image, s such that blur and noise give the variance that
/// is seen; 1 / S is at least `nsr`. What lies beside the image or is missing in
/// it is put in as the blur of the result, `rounds` times (`PlaneBlur`). Cost N L² + 10 `rounds` N p log₂ N.
public struct WienerDeconvolution: DeconvolutionRestorer {
  public static let description = MethodDescription(
    id: "wiener", name: "Wiener deconvolution in a subspace", task: .deblur,
    citation: "N. Wiener, Extrapolation, interpolation, and smoothing of stationary time series, 1949",
    cost: "N L² + 10 rounds N p log₂ N", advice: "A known blur; fast, rings a little at sharp edges.",
    parameters: ParameterDescription.kernel + [
      .rank("those above the spectrum of pure noise"),
      ParameterDescription(
        "nsr", 1e-3, in: 1e-12...1e6, "least noise over signal, for what kernel and borders get wrong"),
      ParameterDescription("rounds", 20, in: 0...1000, "rounds of finding what lies beside the image"),
    ])

  public var kernel: BlurKernel
  public let hasZerosBeside: Bool
  public let rank: Int?
  private let ratio: Double
  private let rounds: Int

  public init(_ parameters: MethodParameters) throws {
    kernel = try BlurKernel(parameters)
    hasZerosBeside = parameters.value("zeros") >= 0.5
    rank = parameters["rank"].map { Int($0) }
    ratio = parameters.value("nsr")
    rounds = Int(parameters.value("rounds"))
  }

  public func sharpen(_ planes: PixelMatrix, _ blur: PlaneBlur, outside: [Float]?, _ context: RunContext) throws {
    let transform = blur.transform
    let (height, width, half) = (transform.lines, transform.samples, transform.samples / 2 + 1)
    // The shape of S, and the share of it that the blur lets through.
    let lowest = 1 / Double(max(height, width))
    var prior = [Double](repeating: 0, count: height * half)
    var through = 0.0
    for y in 0..<height {
      let fy = Double(min(y, height - y)) / Double(height)
      for x in 0..<half {
        let fx = Double(x) / Double(width)
        let place = y * half + x
        prior[place] = 1 / (lowest * lowest + fy * fy + fx * fx)
        guard place > 0 else { continue }
        let (re, im) = (Double(blur.spectrum[2 * place]), Double(blur.spectrum[2 * place + 1]))
        // All but the first and, of an even number, the last column stand for two frequencies.
        let number = x == 0 || 2 * x == width ? 1.0 : 2.0
        through += number * prior[place] * (re * re + im * im)
      }
    }
    let scale = 1 / Double(height * width)
    let share = through / Double(height * width)
    context.progress.report(phase: "deconvolving", fraction: 0)
    try Parallel.tryForEach(planes.rows) { component in
      let work = PixelMatrix(rows: 1, columns: height * width + 16 + transform.spectrumCount)
      let (plane, spectrum) = (work.pointer, work.pointer + (height * width + 15) / 16 * 16)
      let image = planes.pointer + component * planes.columns
      if let outside { blur.removeOutside(image, outside[component]) }
      let variance = PlaneVariance.of(image, count: planes.columns)
      let strength = max(variance - 1, 1e-3 * variance) / max(share, 1e-30)
      blur.load(image, into: plane)
      for round in 0...rounds {
        try context.checkCancellation()
        if round > 0 {
          blur.apply(plane, spectrum)
          blur.overwrite(plane, with: image)
        }
        transform.forward(plane, spectrum)
        for place in 0..<(height * half) {
          let (a, b) = (Double(blur.spectrum[2 * place]), Double(blur.spectrum[2 * place + 1]))
          let (re, im) = (Double(spectrum[2 * place]), Double(spectrum[2 * place + 1]))
          let weight = scale / (a * a + b * b + max(ratio, 1 / (strength * prior[place])))
          spectrum[2 * place] = Float((a * re + b * im) * weight)
          spectrum[2 * place + 1] = Float((a * im - b * re) * weight)
        }
        transform.inverse(spectrum, plane)
      }
      blur.crop(plane, factor: 1, into: image)
    }
    context.progress.report(phase: "deconvolving", fraction: 1)
  }
}

/// The variance of a plane.
enum PlaneVariance {
  /// In double precision.
  static func of(_ plane: UnsafePointer<Float>, count: Int) -> Double {
    var (sum, squares) = (0.0, 0.0)
    for i in 0..<count { sum += Double(plane[i]) }
    let mean = sum / Double(max(count, 1))
    for i in 0..<count { squares += (Double(plane[i]) - mean) * (Double(plane[i]) - mean) }
    return squares / Double(max(count, 1))
  }
}
