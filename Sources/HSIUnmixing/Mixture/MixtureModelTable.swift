import Foundation
import HSICore

/// The models that a scene was found to need, numbered from 1 in the order of the pixels in which they first occur.
///
/// The numbers depend neither on threads nor on the height of strips. 0 stands for pixels without a model.
public struct MixtureModelTable: Sendable {
  /// A model.
  public struct Model: Sendable {
    /// Endmembers, shade included.
    public var level: Int
    /// Spectrum of every class as a place in `ClassLibrary.spectra`; −1 where the class is not in the model.
    public var members: [Int32]
    /// Pixels that it is the best of.
    public var pixels: Int
  }

  /// The models; the first has number 1.
  public private(set) var models: [Model] = []
  /// Pixels without a model.
  public private(set) var unmodelled = 0
  /// The library that the members are places of.
  public let library: ClassLibrary
  /// Models that were tried.
  public let tried: Int
  private var numbers: [[Int32]: Int] = [:]

  /// No models yet.
  public init(_ solver: MixtureModelSolver) {
    library = solver.library
    tried = solver.modelCount
  }

  /// The number of a model, a new one for one that has not occurred.
  mutating func number(of members: [Int32], level: Int) -> Int {
    guard level > 0 else {
      unmodelled += 1
      return 0
    }
    if let number = numbers[members] {
      models[number - 1].pixels += 1
      return number
    }
    models.append(Model(level: level, members: members, pixels: 1))
    numbers[members] = models.count
    return models.count
  }

  /// The classes of a model by name, `grass + roof`.
  public func classes(of model: Model) -> String {
    model.members.indices.filter { model.members[$0] >= 0 }.map { library.classes[$0] }.joined(separator: " + ")
  }

  /// A table: `model,endmembers,classes,pixels` and a column per class with the name of its spectrum.
  public var csv: String {
    func field(_ text: String) -> String {
      let text = SpreadsheetText.guarded(text)
      guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
      return "\"\(text.replacingOccurrences(of: "\"", with: "\"\""))\""
    }
    var lines = [(["model", "endmembers", "classes", "pixels"] + library.classes.map(field)).joined(separator: ",")]
    for (i, model) in models.enumerated() {
      let names = model.members.map { $0 < 0 ? "" : field(library.spectra.names[Int($0)]) }
      lines.append(
        (["\(i + 1)", "\(model.level)", field(classes(of: model)), "\(model.pixels)"] + names).joined(separator: ","))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
