import Foundation
import HSIClassification
import HSICore
import HSIRaster

/// Classes from an attribute of polygons, on the pixels of a scene.
///
/// An attribute of whole numbers gives the values of classes (0 is none); any other gives their names: those that
/// `known` has keep its values and colours, the others are numbered in natural order behind it. A pixel inside polygons
/// of several classes gets none (`W-LABELS-OVERLAP`).
enum PolygonLabels {
  /// The map, on all pixels of the scene.
  ///
  /// - Throws: the errors of `VectorFeatures`; `ClassificationError.badLabels`, `.noLabels`; `CoreError.memory`.
  static func map(
    _ vectors: VectorFeatures, attribute: String, lines: Int, samples: Int, known: [ClassEntry]?,
    _ context: RunContext
  ) throws -> LabelMap {
    let path = vectors.path
    let values = try vectors.isNumeric ? numbers(vectors, attribute) : names(vectors, known)
    let nameless = vectors.features.filter { feature in feature.text.map { values.byText[$0] == 0 } ?? true }.count
    if nameless > 0 {
      context.warn(
        "W-LABELS-NONE",
        "\(path): \(nameless) of \(vectors.features.count) features have no class in \(attribute) and are left out")
    }
    let needed = lines * samples * 4
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(purpose: "holding the labels of \(path)", needed: needed, budget: context.memory.bytes)
    }
    var ids = [UInt16](repeating: 0, count: lines * samples)
    var isShared = [Bool](repeating: false, count: lines * samples)
    for feature in vectors.features {
      guard let text = feature.text, let value = values.byText[text], value != 0 else { continue }
      for place in feature.places {
        if ids[place] != 0, ids[place] != value { isShared[place] = true }
        ids[place] = value
      }
    }
    let shared = isShared.reduce(0) { $0 + ($1 ? 1 : 0) }
    if shared > 0 {
      for place in ids.indices where isShared[place] { ids[place] = 0 }
      context.warn(
        "W-LABELS-OVERLAP", "\(path): \(shared) pixels lie in polygons of several classes and get none")
    }
    let labels = LabelMap(
      lines: lines, samples: samples, ids: ids, known: values.entries, palette: ClassRaster.palette)
    guard labels.classes.count > 0 else { throw ClassificationError.noLabels(path: path) }
    return labels
  }

  /// What texts of an attribute stand for, and names and colours by value.
  private struct Values {
    var byText: [String: UInt16] = [:]
    var entries: [ClassEntry]?
  }

  private static func numbers(_ vectors: VectorFeatures, _ attribute: String) throws -> Values {
    var values = Values()
    for text in Set(vectors.features.compactMap(\.text)) {
      guard let number = Int(text), (0...65535).contains(number) else {
        throw ClassificationError.badLabels(
          path: vectors.path, reason: "\(attribute) is \(text), but class numbers go from 0 to 65535",
          advice: "renumber the classes, or give an attribute with their names")
      }
      values.byText[text] = UInt16(number)
    }
    return values
  }

  private static func names(_ vectors: VectorFeatures, _ known: [ClassEntry]?) throws -> Values {
    let texts = Set(vectors.features.compactMap(\.text)).sorted {
      $0.compare($1, options: .numeric) == .orderedAscending
    }
    guard texts.count <= ClassTable.limit else {
      throw ClassificationError.badLabels(
        path: vectors.path, reason: "the attribute has \(texts.count) different values",
        advice: "at most \(ClassTable.limit) classes are possible; choose \(option: "attribute") that holds classes")
    }
    var values = Values()
    let taken = (known ?? []).dropFirst()
    for (value, entry) in zip(1..., taken) where values.byText[entry.name] == nil {
      values.byText[entry.name] = UInt16(clamping: value)
    }
    values.byText = values.byText.filter { texts.contains($0.key) }
    var entries = known ?? [ClassEntry(name: "Unclassified", colour: [0, 0, 0])]
    if entries.isEmpty { entries = [ClassEntry(name: "Unclassified", colour: [0, 0, 0])] }
    for text in texts where values.byText[text] == nil {
      values.byText[text] = UInt16(clamping: entries.count)
      entries.append(ClassEntry(name: text, colour: ClassRaster.palette(entries.count - 1)))
    }
    values.entries = entries
    return values
  }
}
