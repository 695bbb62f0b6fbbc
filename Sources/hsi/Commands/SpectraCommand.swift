import ArgumentParser
import Foundation
import HSIKit

/// `hsi spectra`: spectral libraries.
struct SpectraCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "spectra", abstract: "List, convert and plot spectral libraries; take spectra out of scenes.",
    subcommands: [
      SpectraInfoCommand.self, SpectraConvertCommand.self, SpectraExtractCommand.self, SpectraPlotCommand.self,
      SpectraOptimiseCommand.self, SpectraResampleCommand.self, SpectraStatsCommand.self,
    ])
}

/// `hsi spectra info`.
struct SpectraInfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "List the spectra of a library.",
    discussion: """
      Examples:
        hsi spectra info library.sli
        hsi spectra info library.csv --json
      """)

  @Argument(help: "A library, a spectrum, or a folder of spectra.")
  var library: InputPath

  @Flag(help: "JSON on standard output.")
  var json = false

  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    let spectra = try SpectralLibraryFile.read(library.text, context: context)
    try Terminal.output(json ? object(spectra) + "\n" : text(spectra))
  }

  private func text(_ spectra: SpectralLibrary) -> String {
    var text = "\(library.text): \(spectra.count) spectra, \(spectra.bands) bands"
    if let wavelengths = spectra.axis.wavelengths, let least = wavelengths.min(), let most = wavelengths.max() {
      text += String(format: ", %.6g to %.6g nm", least, most)
    }
    text += "\n"
    let width = max(4, spectra.names.map(\.count).max() ?? 0)
    text += "   # " + "name".padding(toLength: width, withPad: " ", startingAt: 0)
    text += "     minimum        mean     maximum  missing\n"
    for (i, name) in spectra.names.enumerated() {
      let values = spectra[i].filter(\.isFinite)
      let mean = values.reduce(0, +) / Double(max(1, values.count))
      text += String(format: "%4d ", i + 1) + name.padding(toLength: width, withPad: " ", startingAt: 0)
      text += String(
        format: "%12.5g%12.5g%12.5g%9d\n", values.min() ?? .nan, mean, values.max() ?? .nan,
        spectra.bands - values.count)
    }
    return text
  }

  private func object(_ spectra: SpectralLibrary) throws -> String {
    func finite(_ values: some Sequence<Double>) -> [Any] {
      values.map { $0.isFinite ? $0 as Any : NSNull() }
    }
    var object: [String: Any] = [
      "file": library.text, "bands": spectra.bands,
      "spectra": spectra.names.indices.map {
        ["name": spectra.names[$0], "values": finite(spectra[$0])] as [String: Any]
      },
    ]
    if let wavelengths = spectra.axis.wavelengths { object["wavelengths_nm"] = finite(wavelengths) }
    if let fwhm = spectra.axis.fwhm { object["fwhm_nm"] = finite(fwhm) }
    let data = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
    return String(decoding: data, as: UTF8.self)
  }
}

/// `hsi spectra convert`.
struct SpectraConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Convert a library to .sli or CSV; resample it to a scene, choose and prune spectra.",
    discussion: """
      A name that ends in .csv writes CSV; any other writes NAME.sli, NAME.hdr and NAME.csv.

      Examples:
        hsi spectra convert library.sli library.csv
        hsi spectra convert splib07/ library.sli --like scene.hdr --prune 4.4
        hsi spectra convert library.sli few.sli --select kaolinite,alunite
      """)

  @Argument(help: "A library, a spectrum, or a folder of spectra.")
  var library: InputPath

  @Argument(help: "What to write.")
  var destination: OutputPath

  @Option(help: "Resample to the bands of this scene.")
  var like: InputPath?

  @Option(help: "Keep only spectra at least this many degrees apart (first come, first kept).")
  var prune: Double?

  @Option(help: "Keep the spectra with these names (comma-separated; a part of a name is enough).")
  var select: String?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var spectra = try SpectralLibraryFile.read(library.text, context: context)
    if let select {
      spectra = try SpectraChoice.named(select.split(separator: ",").map(String.init), in: spectra)
    }
    if let like {
      let reader = try RasterFormats.open(like.text, context: context)
      let result = try SpectralResampling.resample(spectra, to: reader.metadata.axis, named: library.text)
      let missing = result.covered.filter { !$0 }.count
      if missing > 0 {
        context.warn(
          "W-LIB-BANDS", "\(library.text): \(missing) bands of \(like.text) are not covered by every spectrum")
      }
      spectra = result.library
    }
    if let prune {
      guard prune > 0, prune < 90 else {
        throw CoreError.invalidParameter(
          name: "--prune", value: "\(prune)", requirement: "an angle from 0 to 90 degrees")
      }
      let kept = SpectralResampling.prune(spectra, minimumAngle: prune)
      context.logger.info("pruned from \(spectra.count) to \(kept.count) spectra")
      spectra = spectra.selecting(kept)
    }
    _ = try SpectraOutput.write(
      spectra, to: destination.text, overwrite: overwrite, inputs: [library.text, like?.text].compactMap { $0 })
  }
}
