import Foundation
import HSICore
import HSINumerics

/// A fitted linear transform as a file: JSON with the bands, mean, matrix and inverse, that any program can read.
///
/// `components = matrix · (spectrum − mean)`, `spectrum = mean + inverse · components`.
///
/// ```swift
/// let model = try TransformModel(file: "mnf.json")
/// model.transform.invert(components, into: spectra)
/// ```
public struct TransformModel: Sendable {
  /// The method that was fitted: `mnf`.
  public let method: String
  /// The map.
  public let transform: LinearTransform
  /// The bands of the spectra.
  public let axis: SpectralAxis
  /// What the spectra are.
  public let quantity: Quantity

  /// Largest file that is read.
  static let longest = 512 << 20

  /// A fit with the bands that it was made on.
  public init(method: String, transform: LinearTransform, axis: SpectralAxis, quantity: Quantity) {
    precondition(axis.count == transform.bands, "\(axis.count) bands for a transform of \(transform.bands)")
    (self.method, self.transform, self.axis, self.quantity) = (method, transform, axis, quantity)
  }

  private struct File: Codable {
    var format: String
    var version: Int
    var method: String
    var quantity: String
    var wavelengths: [Double]?
    var fwhm: [Double]?
    var unit: String?
    var mean: [Double]
    var variances: [Double]
    var matrix: [[Double]]
    var inverse: [[Double]]
  }

  private static let (format, version) = ("hsi transform", 1)

  /// The file as bytes; numbers in full precision.
  public func json() throws -> Data {
    func rows(_ matrix: Matrix<Double>) -> [[Double]] { (0..<matrix.rows).map { matrix.row($0) } }
    let file = File(
      format: TransformModel.format, version: TransformModel.version, method: method, quantity: quantity.rawValue,
      wavelengths: axis.wavelengths, fwhm: axis.fwhm, unit: axis.unit.rawValue, mean: transform.mean,
      variances: transform.variances, matrix: rows(transform.forward), inverse: rows(transform.inverse))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(file) + Data("\n".utf8)
  }

  /// Reads a file.
  ///
  /// - Throws: `SpectralError.badModel` for what is no such file, or contradicts itself.
  public init(file path: String) throws {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw SpectralError.badModel(path: path, reason: "there is no such file, or it cannot be read")
    }
    try self.init(data, path: path)
  }

  /// Reads the bytes of a file.
  ///
  /// - Throws: `SpectralError.badModel`.
  public init(_ data: Data, path: String) throws {
    func wrong(_ reason: String) -> SpectralError { .badModel(path: path, reason: reason) }
    guard data.count <= TransformModel.longest else { throw wrong("it is larger than a model can be") }
    guard data.first(where: { ![9, 10, 13, 32].contains($0) }) == UInt8(ascii: "{"),
      let file = try? JSONDecoder().decode(File.self, from: data), file.format == TransformModel.format
    else { throw wrong("it is no model of a transform") }
    guard file.version == TransformModel.version else {
      throw wrong("it has version \(file.version), and this program reads version \(TransformModel.version)")
    }
    let (bands, components) = (file.mean.count, file.matrix.count)
    guard bands > 0, bands <= 100_000, components > 0, file.matrix.allSatisfy({ $0.count == bands }),
      file.inverse.count == bands, file.inverse.allSatisfy({ $0.count == components }),
      file.variances.count == components, file.wavelengths.map({ $0.count == bands }) ?? true,
      file.fwhm.map({ $0.count == bands }) ?? true
    else { throw wrong("its bands, matrix and inverse do not fit each other") }
    let limit = Double(Float.greatestFiniteMagnitude)
    let all = [file.mean, file.variances, file.wavelengths ?? [], file.fwhm ?? []] + file.matrix + file.inverse
    guard all.allSatisfy({ $0.allSatisfy { abs($0) < limit } }) else {
      throw wrong("it has numbers that are not finite")
    }
    var axis = SpectralAxis(count: bands)
    axis.wavelengths = file.wavelengths
    axis.fwhm = file.fwhm
    axis.unit = file.unit.flatMap(WavelengthUnit.init(rawValue:)) ?? .nanometres
    self.init(
      method: String(file.method.prefix(64)),
      transform: LinearTransform(
        mean: file.mean, forward: Matrix(rows: components, columns: bands, values: file.matrix.flatMap { $0 }),
        inverse: Matrix(rows: bands, columns: components, values: file.inverse.flatMap { $0 }),
        variances: file.variances),
      axis: axis, quantity: Quantity(rawValue: file.quantity) ?? .unknown)
  }
}
