import Foundation
import HSICore
import HSIRaster
import HSIRestoration

/// The blur that a deblurring undoes.
public enum KernelRequest: Sendable, Equatable {
  /// One of the families: `kind`, `size`, `angle` as parameters of the method.
  case family([String: Double])
  /// The weights in a text file, as they lie over the image: a line of numbers per line of the kernel, between commas, semicolons or
  /// white space. Lines that begin with `#` are skipped.
  case file(String)

  /// Names of the families, in the order of `BlurKernel.Kind`.
  public static let families = ["gaussian", "motion", "box", "round"]

  /// `gaussian:SIZE`, `box:SIZE`, `round:SIZE`, `motion:SIZE,ANGLE`, or the name of a file.
  ///
  /// - Throws: `CoreError.invalidParameter` for a family without usable numbers.
  public init(parsing text: String) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let kind = KernelRequest.families.firstIndex(of: parts[0]) else {
      self = .file(text)
      return
    }
    let numbers =
      parts.count == 2 ? parts[1].split(separator: ",", omittingEmptySubsequences: false).map { Double($0) } : []
    guard let size = numbers.first ?? nil, !numbers.contains(nil), numbers.count <= (kind == 1 ? 2 : 1) else {
      throw CoreError.invalidParameter(
        name: "\(option: "kernel")", value: text,
        requirement: "gaussian:SIZE, box:SIZE, round:SIZE, motion:SIZE,ANGLE, or a file of weights")
    }
    var values = ["kind": Double(kind), "size": size]
    if numbers.count == 2 { values["angle"] = numbers[1] }
    self = .family(values)
  }

  /// The file, where there is one.
  public var file: String? { if case .file(let path) = self { path } else { nil } }

  /// The kernel in a file; weights are divided by their sum, which is warned about where it is not 1.
  ///
  /// - Throws: `RasterError.notFound`, `.unreadable` for anything but lines of as many numbers, `CoreError.invalidParameter` for weights
  ///   that are negative or all 0.
  static func read(_ path: String, _ context: RunContext) throws -> BlurKernel {
    guard FileManager.default.fileExists(atPath: path) else { throw RasterError.notFound(path: path) }
    let size = (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int ?? 0
    guard size <= 4 << 20, let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw RasterError.unreadable(path: path, reason: "it is no text of the weights of a kernel")
    }
    var rows: [[Double]] = []
    for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
      let words = line.split { $0.isWhitespace || $0 == "," || $0 == ";" }
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      let values = words.compactMap { Double($0) }
      guard values.count == words.count else {
        throw RasterError.unreadable(path: path, reason: "line \(number + 1) holds more than numbers")
      }
      guard values.count == rows.first?.count ?? values.count else {
        throw RasterError.unreadable(
          path: path, reason: "line \(number + 1) has \(values.count) weights, those before it \(rows[0].count)")
      }
      rows.append(values)
    }
    guard let columns = rows.first?.count else {
      throw RasterError.unreadable(path: path, reason: "it holds no weights of a kernel")
    }
    let (kernel, sum) = try BlurKernel.normalised(rows.flatMap { $0 }, lines: rows.count, samples: columns)
    if abs(sum - 1) > 1e-3 {
      context.warn(
        "W-KERNEL-SUM", "\(path): the weights add up to \(PlainNumber.exact(sum)); they were divided by that")
    }
    return kernel
  }
}
