import Foundation
import HSICore
import HSIReport
import HSIUnmixing

/// What is known after a run: everything that pictures and reports are made from.
struct UnmixFacts {
  let solver: UnmixSolver
  let solution: UnmixSolution
  let maps: UnmixProducts

  /// All channels of the file with what the method learnt about them.
  var channels: [SceneChannel] {
    SceneChannel.all(
      solver.scene.metadata.axis, used: solver.usedBands, quality: solution.channelQuality,
      healthy: solution.reliableChannels)
  }

  /// The endmembers on all bands of the file, so that they can be used with the scene they came from; channels that
  /// hold hardly anything but noise are flagged bad.
  var fileEndmembers: SpectralLibrary {
    solver.onFileBands(solution.endmembers, reliable: solution.reliableChannels)
  }

  /// What decided the number of endmembers, where it was counted.
  private var counting: UnmixingBody.Counting? {
    solution.number?.estimate.map {
      UnmixingBody.Counting(
        reason: $0.reason, errors: $0.noise == nil ? [] : $0.evidence, noise: $0.noise, alternatives: $0.alternatives)
    }
  }

  /// `fcls with 5 endmembers, median RMSE 0.0042`.
  var summary: String {
    let count = solution.endmembers.count
    var text = "\(solver.description.id) with \(count) endmember\(count == 1 ? "" : "s")"
    if let table = solution.models?.table {
      text = "\(solver.description.id) with \(count) classes, \(table.models.count) of \(table.tried) models in use"
    }
    if let counter = solution.number?.counter { text += " (counted by \(counter))" }
    if let choice = solution.choice { text += ": \(choice)" }
    if let residual = UnmixingBody.Residual(maps.previews.layers[count]) {
      text += String(format: ", median RMSE %.3g", residual.median)
    }
    if !solution.objective.isEmpty, !solution.converged { text += ", not converged" }
    return text
  }

  /// What the report says about mixture models.
  static func models(_ table: MixtureModelTable) -> UnmixingBody.Models {
    var groups: [UnmixingBody.ModelGroup] = []
    for model in table.models {
      let classes = table.classes(of: model)
      if let place = groups.firstIndex(where: { $0.classes == classes }) {
        groups[place].models += 1
        groups[place].pixels += model.pixels
      } else {
        groups.append(.init(index: 0, classes: classes, endmembers: model.level, models: 1, pixels: model.pixels))
      }
    }
    groups.sort { ($1.pixels, $0.classes) < ($0.pixels, $1.classes) }
    for i in groups.indices { groups[i].colour = CategoricalPalette.colour(i).hex }
    let common = table.models.indices.sorted {
      (table.models[$1].pixels, $0) < (table.models[$0].pixels, $1)
    }.prefix(UnmixingBody.Models.listed)
    return UnmixingBody.Models(
      tried: table.tried, used: table.models.count, unmodelledPixels: table.unmodelled, groups: groups,
      common: common.map { i in
        let model = table.models[i]
        return UnmixingBody.Model(
          number: i + 1, pixels: model.pixels,
          spectra: model.members.compactMap { $0 < 0 ? nil : table.library.spectra.names[Int($0)] })
      })
  }

  /// The JSON report.
  func report(outputs: [ReportOutput], provenance: Provenance) -> UnmixingReport {
    let reader = solver.scene.reader
    let metadata = reader.metadata
    let window = solver.window
    let statistics = maps.statistics.statistics
    let endmembers = (0..<solution.endmembers.count).map { k -> UnmixingBody.Endmember in
      let pixel = solution.endmembers.pixels.map {
        PixelPosition(line: $0[k].line + window.line, sample: $0[k].sample + window.sample)
      }
      let map = pixel.flatMap { metadata.georeference?.coordinates(line: $0.line, sample: $0.sample) }
      return UnmixingBody.Endmember(
        index: k, name: solution.endmembers.names[k],
        spectrum: SceneChannel.spread(
          solution.endmembers[k], used: solver.usedBands, bands: reader.shape.bands),
        match: solution.matches?[k], pixel: pixel,
        map: map.map { ReportMapPosition(x: $0.x, y: $0.y) },
        abundance: statistics[k])
    }
    let description = solver.description
    return UnmixingReport(
      of: ReportScene(
        path: solver.scene.path, format: reader.format,
        shape: CubeShape(lines: window.lines, samples: window.samples, bands: reader.shape.bands),
        usedBands: solver.usedBands.count, validPixels: maps.validPixels, metadata: metadata, window: window),
      channels: channels,
      body: UnmixingBody(
        method: ReportMethod(
          id: description.id, name: description.name, task: description.task.rawValue,
          citation: description.citation, settings: solution.settings),
        choice: solution.choice, countSource: solution.number?.source, counting: counting, endmembers: endmembers,
        convergence: solution.objective.isEmpty
          ? nil : UnmixingBody.Convergence(objective: solution.objective, converged: solution.converged),
        residual: UnmixingBody.Residual(maps.previews.layers[solution.endmembers.count]),
        models: solution.models?.table.map(UnmixFacts.models)),
      outputs: outputs, provenance: provenance)
  }
}
