import Foundation
import HSICore
import HSIUnmixing

/// How standard deviations of abundances are found.
public enum UncertaintyRequest: Sendable, Equatable {
  /// Noise from the residual of every pixel.
  case residual
  /// Noise of every band estimated from the scene.
  case estimated
  /// Noise of every band from a file, as `hsi denoise` takes it.
  case file(String)
  /// Members of the classes drawn again, so often.
  case bootstrap(Int)

  /// Parses `residual`, `estimated`, `bootstrap`, `bootstrap:50` or the name of a file.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  public init(parsing text: String) throws {
    switch text {
    case "residual": self = .residual
    case "estimated": self = .estimated
    case "bootstrap": self = .bootstrap(50)
    default:
      guard text.hasPrefix("bootstrap:") else {
        self = .file(text)
        return
      }
      guard let count = Int(text.dropFirst(10)), (2...10000).contains(count) else {
        throw CoreError.invalidParameter(
          name: "\(option: "uncertainty")", value: text, requirement: "bootstrap:N with N from 2 to 10000")
      }
      self = .bootstrap(count)
    }
  }

  /// The file that is read.
  public var file: String? {
    if case .file(let path) = self { return path }
    return nil
  }

  /// As it is written.
  var text: String {
    switch self {
    case .residual: "residual"
    case .estimated: "estimated"
    case .file(let path): path
    case .bootstrap(let count): "bootstrap:\(count)"
    }
  }

  /// The closed form for a method and its endmembers.
  ///
  /// - Parameters:
  ///   - source: the pixels on the bands used; those of the file come from `bands` of `total`.
  /// - Throws: `CoreError.invalidParameter` for methods that have none.
  func closedForm(
    _ method: any AbundanceEstimator.Type, _ endmembers: SpectralLibrary, _ source: any StripSource, bands: [Int],
    total: Int, _ context: RunContext
  ) throws -> AbundanceUncertainty {
    guard let method = method as? any LeastSquaresEstimator.Type else {
      throw UncertaintyRequest.refusal(of: method.description.id)
    }
    let noise: PixelNoise
    switch self {
    case .residual: noise = .residual
    case .estimated: noise = try AbundanceUncertainty.estimatedNoise(source, context)
    case .file(let path):
      noise = .bands(try GivenNoise.levels(.file(path), bands: bands, total: total).standardDeviations)
    case .bootstrap: throw UncertaintyRequest.refusal(of: method.description.id, bootstrap: true)
    }
    return try AbundanceUncertainty(endmembers, of: method, noise: noise)
  }

  /// The error for a method that cannot tell.
  static func refusal(of method: String, bootstrap: Bool = false) -> CoreError {
    .invalidParameter(
      name: "\(option: "uncertainty")", value: bootstrap ? "bootstrap with \(method)" : "asked of \(method)",
      requirement: "residual, estimated or a file with fcls, nnls, scls or ucls, and bootstrap:N with mesma")
  }
}
