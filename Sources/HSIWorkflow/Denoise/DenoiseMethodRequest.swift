import Foundation
import HSICore
import HSINetworks
import HSIRestoration
import HSITransformer

/// By which method noise is removed.
public struct DenoiseMethodRequest: Sendable {
  /// Kind of method.
  public enum Kind: Sendable {
    /// The method follows from the noise.
    case automatic
    /// A method that needs no training.
    case classical(String)
    /// A network, with a file of weights or the bundled ones.
    case network(String, weights: String?)
  }

  /// Kind of method.
  public var kind: Kind
  /// Parameters that differ from their defaults, by name.
  public var values: [String: Double]

  /// By default the method follows from the noise.
  public init(_ kind: Kind = .automatic, values: [String: Double] = [:]) {
    self.kind = kind
    self.values = values
  }

  /// Names of networks: the family, for files that say what they are, and its members.
  public static let networks = NetworkDenoising.names

  /// The method of a name, among those without training and networks; `auto` or no name leaves the choice to the noise.
  ///
  /// - Parameters:
  ///   - model: name of a network, instead of `method`.
  ///   - weights: its weights.
  /// - Throws: `CoreError.invalidParameter` for names that exclude each other, `RestorationError.unknownModel`.
  public init(method: String?, model: String? = nil, weights: String? = nil, values: [String: Double] = [:]) throws {
    let isNetwork = method.map { NetworkDenoising.names.contains($0.lowercased()) } ?? false
    if let method, !isNetwork {
      guard model == nil, weights == nil else {
        throw CoreError.invalidParameter(
          name: "\(option: "method")", value: method,
          requirement: "given without \(option: "model") and \(option: "weights")")
      }
      if method.lowercased() != "auto" {
        self.init(.classical(method), values: values)
        return
      }
    } else if isNetwork || model != nil || weights != nil {
      let name = (model ?? method ?? "hsdt").lowercased()
      guard NetworkDenoising.names.contains(name) else {
        throw TransformerError.unknownModel(name: name, known: NetworkDenoising.names)
      }
      self.init(.network(name, weights: weights), values: values)
      return
    }
    guard values.isEmpty else {
      throw CoreError.invalidParameter(
        name: "\(option: "parameter")",
        value: values.sorted { $0.key < $1.key }.map { $0 + String(format: "=%.12g", $1) }.joined(separator: " "),
        requirement: "used with \(option: "method") or \(option: "model")")
    }
    self.init()
  }
}

/// What is known about the noise.
public enum NoiseRequest: Sendable {
  /// The same standard deviation in all bands, in the units of the scene.
  case level(Double)
  /// A file with one per band.
  case file(String)

  /// A number, or the name of a file.
  ///
  /// - Throws: `CoreError.invalidParameter` for a number that is no standard deviation.
  public init(parsing text: String) throws {
    guard let sigma = Double(text) else {
      self = .file(text)
      return
    }
    guard sigma.isFinite, sigma >= 0 else {
      throw CoreError.invalidParameter(
        name: "\(option: "noise")", value: text, requirement: "a number from 0, or a file")
    }
    self = .level(sigma)
  }

  /// The file, where there is one.
  var file: String? { if case .file(let path) = self { path } else { nil } }
}

/// Which products to write beside the restored cube, and under which names.
public struct DenoiseProductRequest: Sendable {
  /// Whether every product that has no name gets one from the stem of the restored cube.
  public var everything = false
  /// What was removed, before less after, in the units of the scene.
  public var residual: String?
  /// Base of the pictures BASE_before.png and BASE_after.png.
  public var quicklook: String?
  /// Reports.
  public var reports = ReportPlaces()

  /// The restored cube only.
  public init() {}
}
