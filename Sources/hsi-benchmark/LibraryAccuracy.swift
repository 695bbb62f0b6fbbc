import ArgumentParser
import Foundation
import HSICore
import HSINumerics
import HSIRaster
import HSIUnmixing

/// Accuracy of unmixing with a library of classes on scenes with known abundances: writes the table of the documentation.
struct LibraryAccuracy: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Abundance errors of methods that are given a library: MESMA, SUnAA, SUnSAL, FCLS on class means.")

  @Option(help: "Folder with the data sets.") var data: String
  @Option(help: "Markdown file to write.") var out: String
  @Option(help: "Seeds of scenes that have random parts.") var seeds = 2
  @Option(help: "Scenes, separated by commas.") var scenes = "Samson,Moffett,DC1,DC2,UrbanSim"

  /// A library and the class of each of its spectra, in the order of the reference; classes beyond those count nowhere.
  private struct Library {
    var spectra: SpectralLibrary
    var classes: [Int]
    /// Whether a class is more than one spectrum.
    var hasBundles: Bool { Set(classes).count < classes.count }
  }

  private struct Row {
    var rmse: [Double] = []
    var ratio: [Double] = []
    var unmodelled: [Double] = []
    var seconds: [Double] = []
  }

  func run() throws {
    var text = "| scene | library | method | RMSE | SRE, dB | unmodelled | s |\n|---|---|---|---|---|---|---|\n"
    let collection = SceneCollection(folder: data)
    for name in scenes.split(separator: ",").map(String.init) {
      let isFixed = name == "Samson" || name == "Moffett"
      var rows: [(label: String, row: Row)] = []
      var library: Library?
      for seed in 0..<(isFixed ? 1 : seeds) {
        let scene = try collection.scene(name, seed: UInt64(1000 + seed))
        let own = try self.library(name, scene)
        library = own
        for (label, solve) in methods(scene, own) {
          let begin = Date()
          let found = try solve()
          let seconds = Date().timeIntervalSince(begin)
          var errors = AbundanceErrors(endmembers: scene.count)
          var missing = 0
          for n in 0..<scene.abundances.rows {
            let row = (0..<scene.count).map { Double(found[n, $0]) }
            guard row.allSatisfy(\.isFinite) else {
              missing += 1
              continue
            }
            errors.add(row, scene.abundances.row(n).map(Double.init))
          }
          if !rows.contains(where: { $0.label == label }) { rows.append((label, Row())) }
          guard let place = rows.firstIndex(where: { $0.label == label }) else { continue }
          rows[place].row.rmse.append(errors.rmse)
          rows[place].row.ratio.append(errors.signalToReconstruction)
          rows[place].row.unmodelled.append(Double(missing) / Double(scene.abundances.rows))
          rows[place].row.seconds.append(seconds)
          FileHandle.standardError.write(Data("\(name), seed \(seed), \(label): \(errors.rmse)\n".utf8))
        }
      }
      let size = library.map { "\($0.spectra.count) spectra, \(Set($0.classes).count) classes" } ?? ""
      for (label, row) in rows {
        text += "| \(name) | \(size) | \(label) | " + String(format: "%.4f | %.1f | ", mean(row.rmse), mean(row.ratio))
        text += String(format: "%.1f %% | %.1f |\n", 100 * mean(row.unmodelled), mean(row.seconds))
      }
      try Data(text.utf8).write(to: URL(fileURLWithPath: out))
    }
  }

  private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }

  // MARK: - Libraries

  private func library(_ name: String, _ scene: LabelledScene) throws -> Library {
    let bands = scene.bands
    func bundles(_ file: String) throws -> Library {
      var (values, classes): ([Double], [Int]) = ([], [])
      for k in 0..<scene.count {
        let bundle = try MATLABArray(path: "\(data)/\(file)", variable: "lib\(k + 1)")
        values += bundle.values
        classes += [Int](repeating: k, count: bundle.values.count / bands)
      }
      return library(values, classes, bands)
    }
    switch name {
    case "Samson": return try bundles("samson/spectral_library_samson.mat")
    case "UrbanSim": return try bundles("urban-reference/spectral_library_urban.mat")
    case "DC1", "DC2":
      let all = try MATLABArray(path: "\(data)/dc1-dc2/library_EE.mat", variable: "EE")
      let count = all.values.count / bands
      // The first spectrum is the background of the maps; the active ones follow.
      return library(all.values, (0..<count).map { $0 == 0 ? count : $0 - 1 }, bands)
    default: return library(scene.endmembers.values, Array(0..<scene.count), bands)
    }
  }

  private func library(_ values: [Double], _ classes: [Int], _ bands: Int) -> Library {
    Library(
      spectra: SpectralLibrary(
        names: classes.indices.map { "\(classes[$0]) \($0)" }, axis: SpectralAxis(count: bands), values: values),
      classes: classes)
  }

  // MARK: - Methods

  private typealias Solve = () throws -> PixelMatrix

  private func methods(_ scene: LabelledScene, _ library: Library) -> [(label: String, solve: Solve)] {
    let context = RunContext()
    func classes() throws -> ClassLibrary {
      try ClassLibrary(library.spectra, classes: library.classes.map { "class \($0)" })
    }
    func fcls(_ spectra: SpectralLibrary, _ own: [Int]) throws -> PixelMatrix {
      let found = PixelMatrix(rows: 0, columns: spectra.count)
      try FCLS().prepare(spectra, weights: nil).solve(scene.pixels, into: found)
      return summed(found, own, scene.count)
    }
    func sparse(_ found: PixelMatrix) -> PixelMatrix { summed(found, library.classes, scene.count) }
    func mesma(_ values: [String: Double]) throws -> PixelMatrix {
      let result = PixelMatrix(rows: scene.pixels.rows, columns: scene.count)
      var row = 0
      try StripUnmixing.run(scene.cube, MESMA(values), classes(), context) { strip in
        // Without shade, as `normalised` has it; NaN where no model keeps the limits.
        let own = strip.abundances
        for n in 0..<own.rows {
          let total = own.row(n).reduce(0, +)
          for k in 0..<scene.count { result[row, k] = own[n, k] / total }
          row += 1
        }
      }
      return result
    }
    var found: [(String, Solve)] = []
    if library.hasBundles {
      found.append(("fcls, means of the classes", { try fcls(classes().means, Array(0..<scene.count)) }))
    } else {
      found.append(("fcls", { try fcls(library.spectra, library.classes) }))
    }
    if Set(library.classes).count <= 10 {
      let level = scene.count > 3 ? 3.0 : 4.0
      found.append(("mesma, limits as they are", { try mesma(["max_level": level]) }))
      found.append(
        (
          "mesma, max_rmse=1 max_shade=1",
          { try mesma(["max_level": level, "max_rmse": 1, "max_shade": 1]) }
        ))
    }
    if library.spectra.count > 10 {
      found.append(
        (
          "sunsal",
          {
            let a = PixelMatrix(rows: 0, columns: library.spectra.count)
            try SUnSAL().prepare(library.spectra, weights: nil).solve(scene.pixels, into: a)
            return sparse(a)
          }
        ))
      found.append(
        (
          "sunaa, endmembers=\(scene.count)",
          {
            try sparse(SUnAA(["endmembers": Double(scene.count)]).solve(scene.cube, library.spectra, context))
          }
        ))
    }
    return found
  }

  /// Abundances of spectra as those of classes, divided by the sum over all spectra.
  private func summed(_ found: PixelMatrix, _ classes: [Int], _ count: Int) -> PixelMatrix {
    let result = PixelMatrix(rows: found.rows, columns: count)
    for n in 0..<found.rows {
      let row = found.row(n)
      let total = row.reduce(0, +)
      for k in 0..<count { result[n, k] = 0 }
      for (i, k) in classes.enumerated() where k < count { result[n, k] += total > 0 ? row[i] / total : 0 }
    }
    return result
  }
}
