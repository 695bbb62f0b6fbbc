import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSIRaster

/// Headers of NetCDF-3 files that promise more than there is.
@Suite struct NetCDFHeaderTests {
  private func fixture(_ name: String) throws -> [UInt8] {
    let url = try #require(
      Bundle.module.url(forResource: name, withExtension: "nc", subdirectory: "Fixtures/formats"))
    return [UInt8](try Data(contentsOf: url))
  }

  private func refusal(of bytes: [UInt8]) throws -> String? {
    let path = NSTemporaryDirectory() + "hsi-netcdf-\(UUID().uuidString).nc"
    defer { unlink(path) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    do {
      try NetCDFHeader.check(path)
      return nil
    } catch let error as RasterError {
      return error.problem
    }
  }

  @Test(arguments: ["scale_offset", "byte_nc3_golden"]) func soundFilesPass(name: String) throws {
    #expect(try refusal(of: fixture(name)) == nil)
  }

  /// The length of an attribute is 3.3 GiB: the NetCDF library took them.
  @Test func longAttribute() throws {
    var bytes = try fixture("scale_offset")
    bytes[68] = 0xD0
    #expect(try refusal(of: bytes)?.contains("values of an attribute") == true)
    let path = NSTemporaryDirectory() + "hsi-netcdf-\(UUID().uuidString).nc"
    defer { unlink(path) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    #expect(throws: RasterError.self) { try RasterFormats.open(path, context: RunContext()) }
    #expect(throws: RasterError.self) { try RasterFormats.open("NETCDF:\"\(path)\":z", context: RunContext()) }
  }

  /// Any number of the header that is made enormous is refused or harmless, and so is any header that is cut.
  @Test func everyNumber() throws {
    let whole = try fixture("scale_offset")
    var refused = 0
    for place in stride(from: 8, to: 440, by: 4) {
      var bytes = whole
      bytes.replaceSubrange(place..<(place + 4), with: [0x7F, 0xFF, 0xFF, 0xF0])
      if try refusal(of: bytes) != nil { refused += 1 }
    }
    #expect(refused > 30)
    for length in stride(from: 8, to: 440, by: 28) {
      #expect(try refusal(of: Array(whole.prefix(length))) != nil, "\(length)")
    }
  }
}
