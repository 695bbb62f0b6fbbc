import HSICore
import HSIDetection
import HSIRaster

/// What is looked for in a scene, and how.
public struct DetectRequest: Sendable {
  /// What is looked for.
  public enum Wanted: Sendable {
    /// The spectra of a file.
    case spectra(String)
    /// The mean spectrum of some pixels of the scene, or of polygons.
    case pixels(ExtractSpectraJob.Places)
    /// Pixels unlike the others.
    case anomalies
    /// A gas, whose absorption per unit of enhancement a file holds.
    case gas(String)
  }

  /// What is looked for.
  public var wanted: Wanted
  /// Method by id or alias; nil for `ace`, for `rx` where anomalies are looked for. A gas has one method.
  public var method: String?
  /// Parameters of the method.
  public var values: [String: Double] = [:]
  /// What spectra are multiplied by first; nil for nothing, which is refused where the units seem to differ.
  public var spectraScale: Double?
  /// Whether a gas is looked for in the logarithm of the scene.
  public var isLogarithmic = false
  /// Neighbouring columns that share a background, for push-broom sensors; nil for one background of the scene. For a gas 1 or nil, else
  /// for the methods of `Detectors.withColumns`.
  public var columnGroup: Int?

  /// What is looked for, by the method that suits it.
  public init(_ wanted: Wanted) { self.wanted = wanted }

  /// Files that are read.
  var files: [String] {
    switch wanted {
    case .spectra(let path), .gas(let path): [path]
    case .pixels(.polygons(let path, _)): [path]
    case .pixels(.classes(let request)): [request.path]
    case .pixels(.pixels), .anomalies: []
    }
  }

  /// The method.
  ///
  /// - Throws: `CoreError.unknownMethod`; `CoreError.invalidParameter` for a method of another purpose, or columns where it has none.
  func description() throws -> MethodDescription {
    let description = try methodOfPurpose()
    guard let columnGroup else { return description }
    guard columnGroup >= 1 else {
      throw CoreError.invalidParameter(
        name: "\(option: "column group")", value: "\(columnGroup)", requirement: "at least 1")
    }
    if case .gas = wanted {
      guard columnGroup == 1 else {
        throw CoreError.invalidParameter(
          name: "\(option: "column group")", value: "\(columnGroup)",
          requirement: "1 with \(option: "absorption"), which has a background per column")
      }
    } else if !Detectors.withColumns.contains(description.id) {
      throw Detectors.needsCovariance(description.id)
    }
    return description
  }

  private func methodOfPurpose() throws -> MethodDescription {
    switch wanted {
    case .gas:
      guard let method, method != PlumeFilter.description.id else { return PlumeFilter.description }
      throw CoreError.invalidParameter(
        name: "\(option: "method")", value: method, requirement: "left out with \(option: "absorption")")
    case .anomalies:
      let name = method ?? RX.description.id
      if Detectors.anomaly.find(name) == nil, Detectors.target.find(name) != nil {
        throw CoreError.invalidParameter(
          name: "\(option: "method")", value: name,
          requirement: "one that finds anomalies, without a target: "
            + Detectors.anomaly.descriptions.map(\.id).joined(separator: ", "))
      }
      return try Detectors.anomaly.entry(name).description
    case .spectra, .pixels:
      let name = method ?? ACE.description.id
      if Detectors.target.find(name) == nil, Detectors.anomaly.find(name) != nil {
        throw CoreError.invalidParameter(
          name: "\(option: "method")", value: name,
          requirement: "one that finds targets: "
            + Detectors.target.descriptions.map(\.id).joined(separator: ", "))
      }
      return try Detectors.target.entry(name).description
    }
  }
}

/// Which products to write beside the scores, and under which names.
public struct DetectProductRequest: Sendable {
  /// Whether every product that has no name gets one from the stem of the scores.
  public var everything = false
  /// Map of the detections; one is written under the stem of the scores wherever a false-alarm rate is given.
  public var detections: String?
  /// Picture of the scores (`.png`).
  public var quicklook: String?
  /// Reports.
  public var reports = ReportPlaces()

  /// The scores only.
  public init() {}
}
