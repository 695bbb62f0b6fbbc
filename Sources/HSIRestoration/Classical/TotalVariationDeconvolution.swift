import Foundation
import HSICore
import HSINumerics

/// Deconvolution with a given kernel under total variation, in the subspace of the scene.
///
/// Every component x solves `min ½‖h ∗ x − c‖² + λ Σ √(∂_y x² + ∂_x x²)` by the alternating direction method: the quadratic part is
/// a division of spectra, the other a shrinkage of gradients. λ counts in units of the noise, which is 1 in every component. What lies
/// beside the image or is missing in it is put in as the blur of x in every round (`PlaneBlur`), and λ begins 1000 times as large.
/// Cost N L² + 20 `iterations` N p log₂ N.
public struct TotalVariationDeconvolution: DeconvolutionRestorer {
  public static let description = MethodDescription(
    id: "tv-deconvolution", name: "Total variation deconvolution in a subspace", task: .deblur,
    citation:
      "Y. Wang, J. Yang, W. Yin and Y. Zhang, A new alternating minimization algorithm for total variation image "
      + "reconstruction, SIAM J. Imaging Sci. 1(3), 2008",
    cost: "N L² + 20 iterations N p log₂ N", advice: "A known blur and sharp edges, with noise; slower than wiener.",
    parameters: ParameterDescription.kernel + [
      .rank("those above the spectrum of pure noise"),
      ParameterDescription("lambda", 0.05, in: 1e-6...1000, "weight of total variation, in units of the noise"),
      ParameterDescription("iterations", 60, in: 1...10_000, "rounds"),
    ])

  public var kernel: BlurKernel
  public let hasZerosBeside: Bool
  public let rank: Int?
  private let lambda: Float
  private let iterations: Int

  public init(_ parameters: MethodParameters) throws {
    kernel = try BlurKernel(parameters)
    hasZerosBeside = parameters.value("zeros") >= 0.5
    rank = parameters["rank"].map { Int($0) }
    lambda = Float(parameters.value("lambda"))
    iterations = Int(parameters.value("iterations"))
  }

  /// By how much λ is larger in a round: from 1000 down to 1 in equal ratios over the first three quarters. What lies beside the image
  /// is found within few rounds under a strong λ, and hardly moves under a weak one.
  private func relaxation(_ round: Int) -> Float {
    let share = min(1, Float(round) / max(1, 0.75 * Float(iterations - 1)))
    return pow(1000, 1 - share)
  }

  public func sharpen(_ planes: PixelMatrix, _ blur: PlaneBlur, outside: [Float]?, _ context: RunContext) throws {
    let transform = blur.transform
    let (height, width, half) = (transform.lines, transform.samples, transform.samples / 2 + 1)
    let (size, values) = (height * width, transform.spectrumCount)
    // |∂|² of differences between neighbours, the last of a line and the first.
    let steps = (0..<(height * half)).map { place -> Float in
      let (y, x) = (Double(place / half) / Double(height), Double(place % half) / Double(width))
      return Float(4 - 2 * cos(2 * .pi * y) - 2 * cos(2 * .pi * x))
    }
    context.progress.report(phase: "deconvolving", fraction: 0)
    let rounded = (size + 15) / 16 * 16
    try Parallel.tryForEach(planes.rows) { component in
      let work = PixelMatrix(rows: 1, columns: 6 * rounded + 2 * ((values + 15) / 16 * 16))
      let x = work.pointer
      let (right, down) = (x + rounded, x + 2 * rounded)
      let (rightDual, downDual) = (x + 3 * rounded, x + 4 * rounded)
      let divergence = x + 5 * rounded
      let (data, spectrum) = (x + 6 * rounded, x + 6 * rounded + (values + 15) / 16 * 16)
      let image = planes.pointer + component * planes.columns
      // Gradients beyond a tenth of the spread are edges.
      let spread = Float(PlaneVariance.of(image, count: planes.columns).squareRoot())
      guard spread > 0 else { return }
      let threshold = 0.1 * spread
      if let outside {
        // The start: the image without what lies beside it, and that beside it.
        right.update(from: image, count: planes.columns)
        blur.removeOutside(right, outside[component])
        blur.load(right, into: x)
        blur.setOutside(x, outside[component])
        right.update(repeating: 0, count: planes.columns)
      } else {
        blur.load(image, into: x)
      }
      let scale = 1 / Float(size)
      for round in 0..<iterations {
        try context.checkCancellation()
        let penalty = lambda * relaxation(round) / threshold
        // What is known, completed by the blur of x; in the first round x is what was seen.
        let seen = divergence
        seen.update(from: x, count: size)
        if round > 0 || outside != nil {
          blur.apply(seen, data)
          blur.overwrite(seen, with: image)
        }
        transform.forward(seen, data)
        // Shrinkage of the gradients of x, then what they ask of x.
        for line in 0..<height {
          let (row, below) = (line * width, (line + 1) % height * width)
          for sample in 0..<width {
            let place = row + sample
            let next = sample + 1 < width ? place + 1 : row
            let u = x[next] - x[place] + rightDual[place]
            let v = x[below + sample] - x[place] + downDual[place]
            let length = (u * u + v * v).squareRoot()
            let factor = length > threshold ? 1 - threshold / length : 0
            (right[place], down[place]) = (u * factor, v * factor)
            (rightDual[place], downDual[place]) = (u - right[place], v - down[place])
          }
        }
        for line in 0..<height {
          let (row, above) = (line * width, (line + height - 1) % height * width)
          for sample in 0..<width {
            let place = row + sample
            let before = sample > 0 ? place - 1 : row + width - 1
            let across = (right[before] - rightDual[before]) - (right[place] - rightDual[place])
            let along = (down[above + sample] - downDual[above + sample]) - (down[place] - downDual[place])
            divergence[place] = across + along
          }
        }
        transform.forward(divergence, spectrum)
        for place in 0..<(height * half) {
          let (a, b) = (blur.spectrum[2 * place], blur.spectrum[2 * place + 1])
          let (re, im) = (data[2 * place], data[2 * place + 1])
          let weight = scale / max(a * a + b * b + penalty * steps[place], 1e-20)
          spectrum[2 * place] = (a * re + b * im + penalty * spectrum[2 * place]) * weight
          spectrum[2 * place + 1] = (a * im - b * re + penalty * spectrum[2 * place + 1]) * weight
        }
        transform.inverse(spectrum, x)
      }
      blur.crop(x, factor: 1, into: image)
    }
    context.progress.report(phase: "deconvolving", fraction: 1)
  }
}
