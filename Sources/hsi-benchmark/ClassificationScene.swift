import Foundation
import HSIClassification
import HSIKit

/// What tables of classification share: labelled scenes, and one run of a classifier.
enum ClassificationScene {
  /// What a run gave.
  struct Run {
    var accuracy: HSIClassification.Accuracy
    /// Of training.
    var seconds: Double
    /// Pixels that were learned from, and that were judged.
    var training, test: Int
  }

  /// Learns from the training pixels of a split and judges its test pixels.
  static func run(
    _ classifier: any Classifier, _ cube: Cube, _ labels: LabelMap, _ split: Split, resolution: Double?,
    _ context: RunContext
  ) throws -> Run {
    var task = ClassificationTask(
      scene: cube, training: split.pixels(.training, of: labels), classes: labels.classes.entries)
    task.resolution = resolution
    let start = Date()
    let trained = try classifier.train(task, context)
    let seconds = Date().timeIntervalSince(start)
    return Run(
      accuracy: try judged(trained, cube, labels, split, resolution: resolution, context), seconds: seconds,
      training: task.trainingCounts.reduce(0, +), test: split.pixels(.test, of: labels).labels.count)
  }

  /// Judges the test pixels of a split.
  static func judged(
    _ trained: any TrainedClassifier, _ cube: Cube, _ labels: LabelMap, _ split: Split, resolution: Double?,
    _ context: RunContext
  ) throws -> HSIClassification.Accuracy {
    let fitted = try trained.fitted(
      to: cube, resolution: resolution, acceptsAnyRange: true, named: "the model", context)
    let probabilities = try fitted.probabilities(cube, lines: 0..<cube.shape.lines, context)
    let task = ClassificationTask(
      scene: cube, training: split.pixels(.training, of: labels), classes: labels.classes.entries)
    let (rows, truth) = task.rows(of: split.pixels(.test, of: labels))
    let result = rows.map { row -> Int? in
      let values = probabilities.row(row)
      return values.indices.reduce(0) { values[$1] > values[$0] ? $1 : $0 }
    }
    return HSIClassification.Accuracy(
      ConfusionMatrix(classes: labels.classes.count, truth: truth, result: result))
  }

  /// A scene and its labels from files in a folder; pixels of zeros are no data.
  ///
  /// - Parameters:
  ///   - axis: the bands, where the file does not say.
  ///   - bands: those that are used, 0-based; nil for the good ones.
  static func load(
    _ folder: String, _ cubePath: String, _ labelPath: String, axis: SpectralAxis? = nil, bands: [Int]? = nil
  ) throws -> (Cube, LabelMap) {
    let context = RunContext(memory: MemoryBudget(bytes: 8 << 30))
    var selection = SelectionOptions()
    selection.excludesZeroSpectra = true
    if let bands { selection.bands = .list(bands) }
    var cube = try FileSource(
      RasterFormats.open(folder + "/" + cubePath, context: context), selection, context: context
    )
    .load(context)
    if let axis {
      var metadata = cube.metadata
      metadata.axis = bands.map(axis.selecting) ?? axis
      cube = Cube(shape: cube.shape, metadata: metadata, pixels: cube.pixels, positions: cube.positions)
    }
    let reader = try RasterFormats.open(folder + "/" + labelPath, context: context)
    let band = try FileSource(reader, SelectionOptions(), context: context).load(context)
    let labels = try LabelMap(
      lines: reader.shape.lines, samples: reader.shape.samples,
      values: UnsafeBufferPointer(start: band.pixels.pointer, count: band.count), positions: band.positions,
      known: reader.metadata.classes, path: labelPath)
    return (cube, labels.restricted(to: cube.positions))
  }

  /// A simulated scene of fields whose class is the material with the largest abundance, where that is 0.4 or more.
  static func simulated(_ axis: SpectralAxis, materials: Int, seed: UInt64) throws -> (Cube, LabelMap) {
    let spectra = try ParametricSpectra.library(count: materials, axis: axis, seed: seed)
    var recipe = SceneRecipe(lines: 72, samples: 72, endmembers: spectra)
    (recipe.snr, recipe.layout, recipe.seed) = (25, .leaves, seed)
    let simulator = try SceneSimulator(recipe)
    let context = RunContext(memory: MemoryBudget(bytes: 8 << 30))
    let cube = try simulator.load(context)
    let abundances = try simulator.abundances.load(context)
    var ids = [UInt16](repeating: 0, count: cube.shape.pixels)
    for (n, place) in abundances.positions.enumerated() {
      let row = abundances.pixels.row(n)
      let best = row.indices.reduce(0) { row[$1] > row[$0] ? $1 : $0 }
      if row[best] >= 0.4 { ids[Int(place)] = UInt16(best + 1) }
    }
    return (cube, LabelMap(lines: 72, samples: 72, ids: ids))
  }
}
