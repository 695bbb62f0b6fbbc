import HSICore
import HSINumerics

/// Smoothing-filter-based intensity modulation, for one band or several.
///
/// For every band of the scene the finer image gives one by regression on its means, P; the result is `x↑ P / P↓↑`, P↓↑ the means of P
/// enlarged as the scene is. The spectrum of a pixel changes as its brightness does. Ratios are kept between 0.2 and 5; where P↓↑ is not
/// positive the result is x↑. Cost 40 N L.
public struct SmoothingFilterModulation: SharpeningMethod {
  public static let description = MethodDescription(
    id: "sfim", name: "Smoothing-filter-based intensity modulation (SFIM)", task: .superResolve,
    citation: "J. G. Liu, Smoothing filter-based intensity modulation, Int. J. Remote Sensing 21(18), 2000",
    cost: "40 N L", advice: "With a finer image; keeps spectra where brightness is what varies.")

  public init(_ parameters: MethodParameters) throws {}

  public func sharpen(_ images: SharpeningImages, _ context: RunContext) throws -> PixelMatrix {
    let bands = images.coarse.columns
    let fit = try LinearFit(images.means, images.coarse)
    let result = images.enlarged(images.coarse)
    try context.checkCancellation()
    let (sharp, smooth) = (fit.apply(to: images.fine), fit.apply(to: images.enlarged(images.means)))
    let (out, high, low) = (result.pointer, sharp.pointer, smooth.pointer)
    Parallel.forEachChunk(of: result.rows, chunk: 1024) { _, rows in
      for i in (rows.lowerBound * bands)..<(rows.upperBound * bands) where low[i] > 0 {
        out[i] *= min(max(high[i] / low[i], 0.2), 5)
      }
    }
    return result
  }
}
