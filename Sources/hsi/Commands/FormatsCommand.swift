import ArgumentParser
import HSIKit

/// `hsi formats`: what can be read and written.
struct FormatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "formats", abstract: "List the formats that can be read and written.",
    discussion: """
      Example:
        hsi formats
      """)

  func run() throws {
    try Terminal.output(
      "cubes, read:      " + RasterFormats.all.map { $0.name }.joined(separator: ", ") + "\n")
    try Terminal.output(
      "cubes, written:   " + OutputFormat.allCases.map(\.rawValue).joined(separator: ", ") + "\n")
    try Terminal.output("spectra, read:    " + SpectralLibraryFile.formatNames.joined(separator: ", ") + "\n")
    try Terminal.output("spectra, written: " + "ENVI spectral library, CSV" + "\n")
    try Terminal.output(
      "--sensor tables:  " + SensorTable.all.map { "\($0.name) (\($0.wavelengths.count))" }.joined(separator: ", ")
        + "\n")
    try Terminal.output(
      "GDAL \(GDAL.version) opens everything else: " + GDAL.drivers.joined(separator: " ") + "\n")
  }
}
