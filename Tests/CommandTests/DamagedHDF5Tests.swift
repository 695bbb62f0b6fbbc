import Foundation
import HSIKit
import Testing

/// Files on which libhdf5 1.10.8 ends with a segmentation fault: the command must not.
@Suite struct DamagedHDF5Tests {
  static let fixtures = Tool.package.appendingPathComponent("Tests/CommandTests/Fixtures")

  @Test(arguments: ["crashes_libhdf5.mat", "crashes_libhdf5.he5"])
  func oneErrorLine(name: String) throws {
    let path = DamagedHDF5Tests.fixtures.appendingPathComponent(name).path
    let result = try Tool.run(["info", "--stats", "--var", "scene", path])
    #expect(result.status == 3, "\(result.status) \(result.errors)")
    #expect(result.errorLines.count == 1)
  }

  @Test func whatIsWholePasses() throws {
    let fixture = Tool.package.appendingPathComponent("Tests/HSIRasterTests/Fixtures/formats/emit.nc").path
    let result = try Tool.run(["info", fixture])
    #expect(result.status == 0 && result.output.contains("3 lines × 4 samples × 5 bands"), "\(result.errors)")
  }

  /// The first word by which a child knows its task does not show up as a command.
  @Test func childIsSilent() throws {
    let fixture = Tool.package.appendingPathComponent("Tests/HSIRasterTests/Fixtures/formats/emit.nc").path
    let result = try Tool.run(["_examine-hdf5", fixture])
    #expect(result.status == 0 && result.output.isEmpty && result.errors.isEmpty)
  }
}
