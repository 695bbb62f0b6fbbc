import CKernels
import Foundation
import HSICore
import HSINumerics
import HSISpectral

/// Errors of abundances against a reference, accumulated over pixels.
public struct AbundanceErrors: Sendable {
  /// Pixels added.
  public private(set) var pixels = 0
  private var squaredErrors: [Double]
  private var squaredReferences: [Double]
  private var angles = 0.0

  /// No pixels yet.
  public init(endmembers: Int) {
    squaredErrors = [Double](repeating: 0, count: endmembers)
    squaredReferences = squaredErrors
  }

  /// `sqrt(mean (A − Â)²)` over pixels, per endmember of the reference.
  public var rmsePerEndmember: [Double] { squaredErrors.map { ($0 / Double(max(pixels, 1))).squareRoot() } }

  /// `sqrt(mean (A − Â)²)` over pixels and endmembers.
  public var rmse: Double {
    (squaredErrors.reduce(0, +) / Double(max(pixels * squaredErrors.count, 1))).squareRoot()
  }

  /// Signal-to-reconstruction error `20 log₁₀(‖A‖_F / ‖A − Â‖_F)` in dB.
  public var signalToReconstruction: Double {
    10 * log10(squaredReferences.reduce(0, +) / squaredErrors.reduce(0, +))
  }

  /// Mean angle between the abundance vectors of a pixel (AAD), radians.
  public var meanAngle: Double { angles / Double(max(pixels, 1)) }

  /// Adds one pixel: abundances in the order of the reference.
  public mutating func add(_ estimate: [Double], _ reference: [Double]) {
    precondition(estimate.count == squaredErrors.count && reference.count == squaredErrors.count)
    for k in reference.indices {
      let error = estimate[k] - reference[k]
      squaredErrors[k] += error * error
      squaredReferences[k] += reference[k] * reference[k]
    }
    angles += SpectralDistance.angle(estimate, reference)
    pixels += 1
  }

  /// Adds N pixels.
  ///
  /// - Parameters:
  ///   - estimate: N × K̂.
  ///   - reference: N × K.
  ///   - order: for every endmember of the reference its column in `estimate`, nil = absent (counts as zero).
  public mutating func add(_ estimate: PixelMatrix, _ reference: PixelMatrix, order: [Int?]) {
    precondition(estimate.rows == reference.rows && order.count == reference.columns)
    for n in 0..<reference.rows {
      add(order.map { $0.map { Double(estimate[n, $0]) } ?? 0 }, reference.row(n).map(Double.init))
    }
  }
}

/// Errors of the reconstruction `Y ≈ A M`, accumulated over pixels.
public struct ReconstructionErrors: Sendable {
  private let endmembers: [Float]
  private let packed: [Float]
  private let count: Int
  /// Pixels added.
  public private(set) var pixels = 0
  private var squaredErrors: [Double]
  private var squaredPixels: [Double]

  /// No pixels yet; `spectra` are the endmembers.
  public init(_ spectra: SpectralLibrary) {
    endmembers = spectra.values.map(Float.init)
    count = spectra.count
    squaredErrors = [Double](repeating: 0, count: spectra.bands)
    squaredPixels = squaredErrors
    var packed = [Float](repeating: 0, count: hsi_gemm_packed_size(count, spectra.bands))
    hsi_gemm_pack(endmembers, spectra.bands, count, spectra.bands, &packed)
    self.packed = packed
  }

  /// `‖Y − A M‖_F / ‖Y‖_F`.
  public var relative: Double {
    let total = squaredPixels.reduce(0, +)
    return total > 0 ? (squaredErrors.reduce(0, +) / total).squareRoot() : 0
  }

  /// `‖y_l − (A M)_l‖ / ‖y_l‖` per channel: near 1 where a channel holds nothing but noise; 0 for empty channels.
  public var relativePerChannel: [Double] {
    zip(squaredErrors, squaredPixels).map { $1 > 0 ? ($0 / $1).squareRoot() : 0 }
  }

  /// `sqrt(mean_n (y_l − (A M)_l)²)` per channel.
  public var rmsePerChannel: [Double] { squaredErrors.map { ($0 / Double(max(pixels, 1))).squareRoot() } }

  /// Adds pixels (N × L) and their abundances (N × K).
  public mutating func add(_ values: PixelMatrix, _ abundances: PixelMatrix) {
    let bands = squaredErrors.count
    precondition(values.columns == bands && abundances.columns == count && abundances.rows == values.rows)
    let block = 64
    var model = [Float](repeating: 0, count: block * bands)
    for first in stride(from: 0, to: values.rows, by: block) {
      let n = min(block, values.rows - first)
      hsi_gemm(abundances.pointer + first * count, count, packed, &model, bands, n, bands, count, 0)
      for i in 0..<n {
        let pixel = values.pointer + (first + i) * bands
        for l in 0..<bands {
          let error = Double(pixel[l]) - Double(model[i * bands + l])
          squaredErrors[l] += error * error
          squaredPixels[l] += Double(pixel[l]) * Double(pixel[l])
        }
      }
    }
    pixels += values.rows
  }
}
