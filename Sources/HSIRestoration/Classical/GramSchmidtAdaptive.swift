import HSICore
import HSINumerics

/// Gram–Schmidt adaptive sharpening, for one band or several.
///
/// Every band of the finer image, averaged over the pixels of the scene, is regressed on the leading principal components of the scene
/// (and a constant); the same weights on the enlarged scene give what the finer image would show without its details, I. What the finer
/// image has beyond it goes to every band of the scene by its regression on I: `x̂ = x↑ + (M − I) G`. With one band G is
/// `cov(I, x_b) / var(I)`, the method of the source. At most one component per ten pixels. Cost N L² + 2 N L m.
public struct GramSchmidtAdaptive: SharpeningMethod {
  public static let description = MethodDescription(
    id: "gsa", name: "Gram–Schmidt adaptive sharpening (GSA)", task: .superResolve,
    citation:
      "B. Aiazzi, S. Baronti and M. Selva, Improving component substitution pansharpening through multivariate regression of MS+Pan "
      + "data, IEEE TGRS 45(10), 2007; with several bands: M. Selva et al., Hyper-sharpening, IEEE JSTARS 8(6), 2015",
    cost: "N L² + 2 N L m", advice: "With a finer image; the safest, for one band or several.",
    parameters: [ParameterDescription("components", 10, in: 1...200, "components of the scene in the regression")])

  private let components: Int

  public init(_ parameters: MethodParameters) throws { components = Int(parameters.value("components")) }

  public func sharpen(_ images: SharpeningImages, _ context: RunContext) throws -> PixelMatrix {
    let bands = images.coarse.columns
    let rank = max(1, min(components, bands, images.coarse.rows / 10))
    let basis = try LinearFit.principalAxes(images.coarse, count: rank)
    let planes = LinearFit.product(images.coarse, basis)
    let weights = try LinearFit(planes, images.means)
    let enlarged = images.enlarged(images.coarse)
    try context.checkCancellation()
    let seen = weights.apply(to: LinearFit.product(enlarged, basis))
    let gains = try LinearFit(weights.apply(to: planes), images.coarse)
    let (out, fine, low, m) = (enlarged.pointer, images.fine.pointer, seen.pointer, images.fine.columns)
    let slopes = gains.slopes.values.map(Float.init)
    Parallel.forEachChunk(of: enlarged.rows, chunk: 1024) { _, rows in
      for row in rows {
        for j in 0..<m {
          let detail = fine[row * m + j] - low[row * m + j]
          for b in 0..<bands { out[row * bands + b] += detail * slopes[j * bands + b] }
        }
      }
    }
    return enlarged
  }
}
