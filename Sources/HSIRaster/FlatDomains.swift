import Foundation
import HSICore

/// Metadata domains through a driver that copies the default domain only (COG before GDAL 3.8).
///
/// An item `wavelength` of the domain `ENVI` is written as an item `wavelength@@domain@ENVI@` of the default domain. GDAL stores items in
/// the tag GDAL_METADATA, as XML, where the two spellings are `name="wavelength@@domain@ENVI@"` and `name="wavelength" domain="ENVI"`:
/// equally long. So the copy is corrected in place, and no byte of the file moves.
enum FlatDomains {
  private static let (mark, end) = ("@@domain@", "@")

  /// The name under which an item of a domain travels.
  static func name(_ key: String, _ domain: String) -> String { key + mark + domain + end }

  /// Gives the items of a file their domains back.
  ///
  /// - Parameters:
  ///   - file: the TIFF; its metadata lie in the first 64 MiB, before the samples.
  ///   - path: its final name, for errors.
  /// - Throws: `CoreError.cannotWrite`, `.diskFull`.
  static func restore(in file: String, path: String) throws {
    let descriptor = open(file, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { throw OutputFile.failure(errno, path: path) }
    defer { close(descriptor) }
    var head = [UInt8](repeating: 0, count: min(64 << 20, VSI.status(file)?.size ?? 0))
    let found = head.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard found == head.count else { throw OutputFile.failure(errno, path: path) }
    guard let start = head.firstRange(of: Array("<GDALMetadata>".utf8)),
      let stop = head[start.upperBound...].firstRange(of: Array("</GDALMetadata>".utf8))
    else { return }
    let xml = String(decoding: head[start.lowerBound..<stop.upperBound], as: UTF8.self)
    let plain = xml.replacing(#/@@domain@([A-Za-z]+)@/#) { "\" domain=\"\($0.1)" }
    let bytes = Array(plain.utf8)
    guard bytes.count == stop.upperBound - start.lowerBound, plain != xml else { return }
    try bytes.withUnsafeBytes { try OutputBytes.write($0, to: descriptor, at: start.lowerBound, for: path) }
  }
}
