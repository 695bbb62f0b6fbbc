import Foundation

/// A numeric array of a MATLAB file (version 4 to 7) as it is, without any idea of bands and pixels: reference
/// abundances, libraries, spectra beside a scene.
public struct MATLABArray: Sendable {
  /// Extents in MATLAB's order.
  public let size: [Int]
  /// Values in MATLAB's order: the first index runs fastest.
  public let values: [Double]

  /// Reads a variable; struct fields as `a.b`.
  ///
  /// - Throws: `RasterError` when the file or variable is missing, damaged or not a real numeric array.
  public init(path: String, variable name: String) throws {
    let file = try MATLABFile(path)
    let variable = try file.loaded(file.variable(name))
    guard variable.kind == .numeric, !variable.isComplex, let type = variable.type,
      let base = variable.bytes?.bytes.baseAddress, variable.range.count == variable.count * type.size
    else {
      throw RasterError.unsupported(
        path: path, feature: "the variable \(name)", advice: "choose a real numeric array")
    }
    values = storedNumbers(
      base + variable.range.lowerBound, count: variable.count, type: type,
      isByteSwapped: variable.isByteSwapped)
    size = variable.size
  }
}
