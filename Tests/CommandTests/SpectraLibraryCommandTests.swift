import Foundation
import HSIKit
import Testing

/// `hsi spectra resample` and `stats`.
@Suite struct SpectraLibraryCommandTests {
  /// Spectra of straight lines every 2 nm, one with a gap.
  private func place() throws -> TemporaryFolder {
    let place = try TemporaryFolder()
    var rows = ["wavelength,roof_1,roof_2,grass_1"]
    for k in 0...400 {
      let wavelength = 400 + 2 * Double(k)
      let gap = (150...160).contains(k) ? "" : "\(wavelength * 1e-4)"
      rows.append("\(wavelength),\(gap),\(0.2 + wavelength * 1e-4),\(0.9 - wavelength * 2e-4)")
    }
    try Data((rows.joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: place.path("l.csv")))
    let bands = (0..<8).map { "\(450 + 80 * $0),20" }
    try Data(("centre,fwhm\n" + bands.joined(separator: "\n") + "\n").utf8).write(
      to: URL(fileURLWithPath: place.path("bands.csv")))
    return place
  }

  @Test func straightLinesStayStraight() throws {
    let place = try place()
    let result = try place.run("spectra resample l.csv r.csv --to bands.csv")
    #expect(result.errors.contains("3 spectra on 8 of 8 bands"))
    let found = try SpectralLibraryFile.read(place.path("r.csv"), context: RunContext())
    let wavelengths = try #require(found.axis.wavelengths)
    #expect(wavelengths == (0..<8).map { 450 + 80 * Double($0) } && found.names == ["roof_1", "roof_2", "grass_1"])
    for (b, wavelength) in wavelengths.enumerated() {
      #expect(abs(found.values[8 + b] - (0.2 + wavelength * 1e-4)) < 1e-6)
      #expect(abs(found.values[16 + b] - (0.9 - wavelength * 2e-4)) < 1e-6)
      // 700 to 720 nm are missing: the bands at 690 and 770 nm know their neighbourhoods or not.
      if ![690, 770].contains(wavelength) { #expect(abs(found.values[b] - wavelength * 1e-4) < 1e-6) }
    }
    #expect(found.values[3].isNaN)
    try place.run("spectra resample l.csv e.sli --to enmap")
    try place.run("spectra resample l.csv r.csv --to bands.csv", 4)
    try place.run("spectra resample l.csv x.csv --to enmapp", 2)
    try place.run("spectra resample nowhere.csv x.csv --to enmap", 3)
    try Data("band,a\n1,0.5\n2,0.6\n3,0.4\n".utf8).write(to: URL(fileURLWithPath: place.path("bare.csv")))
    #expect(
      try place.run("spectra resample bare.csv x.csv --to enmap", 3).errors.contains("bare.csv: it has no wavelengths"))
    try Data("centre,fwhm\n2400,10\n".utf8).write(to: URL(fileURLWithPath: place.path("far.csv")))
    #expect(try place.run("spectra resample l.csv x.csv --to far.csv", 3).errors.contains("of the library"))
  }

  @Test func numbersOfClasses() throws {
    let place = try place()
    let one = try place.run("spectra stats l.csv")
    #expect(one.output.split(separator: "\n").count == 2 && one.output.contains("all"))
    let two = try place.run("spectra stats l.csv --classes name --means m.csv --deviation d.csv")
    #expect(two.output.contains("roof") && two.output.contains("grass") && two.output.contains("0.00°"))
    let means = try SpectralLibraryFile.read(place.path("m.csv"), context: RunContext())
    let spread = try SpectralLibraryFile.read(place.path("d.csv"), context: RunContext())
    #expect(means.names == ["roof", "grass"] && abs(means.values[0] - (0.04 + 0.24) / 2) < 1e-9)
    #expect(abs(spread.values[0] - 0.2 / 2.0.squareRoot()) < 1e-9)
    try place.run("spectra stats l.csv --classes nowhere.csv", 3)
    try place.run("spectra stats l.csv --classes name --means m.csv", 4)
  }
}
