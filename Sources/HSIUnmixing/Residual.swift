import CKernels
import HSICore
import HSINumerics

/// Root-mean-square residual per pixel, `sqrt(mean_l (y_l − Σ_k a_k m_kl)²)`, for fixed endmembers.
///
/// The value of a pixel depends on that pixel alone, to the last bit. Cost 2·K·L flops per pixel.
public struct Residual: Sendable {
  private let packed: [Float]
  private let bands: Int
  private let endmembers: Int
  /// Channels that enter the error; nil for all.
  private let counted: [Int]?
  /// Pixels whose reconstruction is held at a time: 64 KiB at most, which stay in the cache and are no pages of their own.
  private var block: Int { max(8, min(256, (16 << 10) / max(1, bands))) }

  /// Prepares for K spectra of L bands.
  ///
  /// - Parameter channels: those that enter the error; nil, or none of them true, for all.
  public init(_ spectra: SpectralLibrary, channels: [Bool]? = nil) {
    let counted = (channels ?? []).indices.filter { channels?[$0] == true }
    self.counted = counted.isEmpty || counted.count == spectra.bands ? nil : counted
    bands = spectra.bands
    endmembers = spectra.count
    let values = spectra.values.map(Float.init)
    var packed = [Float](repeating: 0, count: hsi_gemm_packed_size(endmembers, bands))
    hsi_gemm_pack(values, bands, endmembers, bands, &packed)
    self.packed = packed
  }

  /// The RMSE of every pixel: `pixels` N × L, `abundances` N × K.
  public func rmse(_ pixels: PixelMatrix, _ abundances: PixelMatrix) -> [Float] {
    var result = [Float](repeating: 0, count: pixels.rows)
    result.withUnsafeMutableBufferPointer { result in
      let output = result
      forEachBlock(pixels, abundances) { range, residual in
        for i in 0..<range.count {
          var sum = 0.0
          if let counted {
            for l in counted { sum += Double(residual[i * bands + l]) * Double(residual[i * bands + l]) }
          } else {
            for l in 0..<bands {
              let value = Double(residual[i * bands + l])
              sum += value * value
            }
          }
          output[range.lowerBound + i] = Float((sum / Double(counted?.count ?? bands)).squareRoot())
        }
      }
    }
    return result
  }

  /// The full residual spectra `Y − A M` of some pixels (all by default), as rows of L values in `output` (reshaped).
  public func spectra(
    _ pixels: PixelMatrix, _ abundances: PixelMatrix, of rows: Range<Int>? = nil, into output: PixelMatrix
  ) {
    let rows = rows ?? 0..<pixels.rows
    output.reshape(rows: rows.count, columns: bands)
    forEachBlock(pixels, abundances, of: rows) { range, residual in
      (output.pointer + (range.lowerBound - rows.lowerBound) * bands).update(
        from: residual, count: range.count * bands)
    }
  }

  private func forEachBlock(
    _ pixels: PixelMatrix, _ abundances: PixelMatrix, of rows: Range<Int>? = nil,
    _ body: (Range<Int>, UnsafePointer<Float>) -> Void
  ) {
    precondition(
      pixels.columns == bands && abundances.columns == endmembers && abundances.rows == pixels.rows)
    let rows = rows ?? 0..<pixels.rows
    precondition(rows.lowerBound >= 0 && rows.upperBound <= pixels.rows)
    packed.withUnsafeBufferPointer { packed in
      let weights = packed.baseAddress!
      Parallel.forEachChunk(of: rows.count, chunk: block) { _, chunk in
        let range = (rows.lowerBound + chunk.lowerBound)..<(rows.lowerBound + chunk.upperBound)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count * bands) { model in
          let model = model.baseAddress!
          hsi_gemm(
            abundances.pointer + range.lowerBound * endmembers, endmembers, weights, model, bands,
            range.count,
            bands, endmembers, 0)
          let values = pixels.pointer + range.lowerBound * bands
          for i in 0..<(range.count * bands) { model[i] = values[i] - model[i] }
          body(range, UnsafePointer(model))
        }
      }
    }
  }
}
