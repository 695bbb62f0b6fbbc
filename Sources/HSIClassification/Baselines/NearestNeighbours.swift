import HSICore
import HSINumerics
import HSITransformer

/// The classes of the nearest training pixels in the space of standardised bands vote.
///
/// Probabilities are shares of votes, weighted by 1/distance² (a pixel that equals a training pixel takes its class).
public struct NearestNeighbours: Classifier {
  public static let description = MethodDescription(
    id: "knn", name: "k nearest neighbours",
    task: .classify,
    citation: "T. Cover, P. Hart, Nearest neighbor pattern classification, IEEE Trans. Information Theory 13, 1967",
    cost: "N L n", advice: "No training, no assumptions; slow with many training pixels.",
    parameters: [ParameterDescription("k", 5, in: 1...255, "neighbours that vote")], aliases: ["nearest-neighbour"])

  private let k: Int

  public init(_ parameters: MethodParameters) throws { k = Int(parameters.value("k")) }

  public var patchRadius: Int { 0 }

  public func trainingBytes(_ shape: CubeShape, samples: Int, classes: Int) -> Int { 12 * samples * shape.bands }

  public func train(_ task: ClassificationTask, _ context: RunContext) throws -> any TrainedClassifier {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try task.check()
    let (pixels, labels) = task.spectra(of: task.training)
    let features = try task.features(.standardised)
    return TrainedNeighbours(
      features: features, examples: features.apply(pixels).values, labels: labels, classCount: task.classes.count,
      neighbours: min(k, labels.count))
  }
}

/// The training pixels.
struct TrainedNeighbours: SpectralModel {
  let id = NearestNeighbours.description.id
  let features: Features
  let classCount: Int
  var scratchPerPixel: Int { labels.count }
  private let examples: [Float]
  private let labels: [Int]
  private let neighbours: Int
  private let packed: PackedMatrix
  /// ‖e‖².
  private let squares: [Float]

  init(features: Features, examples: [Float], labels: [Int], classCount: Int, neighbours: Int) {
    (self.features, self.examples, self.labels) = (features, examples, labels)
    (self.classCount, self.neighbours) = (classCount, neighbours)
    let d = features.dimension
    packed = PackedMatrix(transposing: examples, rows: labels.count, columns: d)
    squares = labels.indices.map { n in examples[(n * d)..<((n + 1) * d)].reduce(0) { $0 + $1 * $1 } }
  }

  init(_ file: WeightFile, _ card: ModelCard) throws {
    let features = try Features(file)
    let (count, examples) = try file.matrix("knn.examples", columns: features.dimension)
    let labels = try file.integers("knn.labels", in: 0...(ClassTable.limit - 1))
    let neighbours = try file.integers("knn.k", in: 1...255)
    guard labels.count == count, neighbours.count == 1, neighbours[0] <= count else {
      throw ClassificationError.badModel(path: file.path, reason: "its examples and labels do not fit")
    }
    let classes = try file.integers("knn.classes", in: 2...ClassTable.limit).first ?? 0
    guard labels.allSatisfy({ $0 < classes }) else {
      throw ClassificationError.badModel(path: file.path, reason: "its examples have more classes than it names")
    }
    self.init(features: features, examples: examples, labels: labels, classCount: classes, neighbours: neighbours[0])
  }

  var configuration: [String: String] { ["k": "\(neighbours)"] }

  var contents: [(name: String, content: SafetensorsWriter.Content)] {
    features.contents + [
      ("knn.examples", .floats(Tensor([labels.count, features.dimension], examples))),
      ("knn.labels", .integers(labels.map(Int64.init), shape: [labels.count])),
      ("knn.k", .integers([Int64(neighbours)], shape: [1])),
      ("knn.classes", .integers([Int64(classCount)], shape: [1])),
    ]
  }

  func classify(
    _ values: UnsafePointer<Float>, count: Int, scratch: UnsafeMutablePointer<Float>,
    into probabilities: UnsafeMutablePointer<Float>
  ) {
    let d = features.dimension
    packed.multiply(values, rows: count, scratch)
    var best: [(distance: Float, index: Int)] = []
    best.reserveCapacity(neighbours + 1)
    for n in 0..<count {
      var square: Float = 0
      for i in 0..<d { square += values[n * d + i] * values[n * d + i] }
      let row = scratch + n * labels.count
      best.removeAll(keepingCapacity: true)
      for e in 0..<labels.count {
        let distance = max(0, square + squares[e] - 2 * row[e])
        guard best.count < neighbours || distance < best[best.count - 1].distance else { continue }
        var place = best.count
        while place > 0, best[place - 1].distance > distance { place -= 1 }
        best.insert((distance, e), at: place)
        if best.count > neighbours { best.removeLast() }
      }
      let out = probabilities + n * classCount
      for c in 0..<classCount { out[c] = 0 }
      var total: Float = 0
      // Rounding makes 1e-6 of the lengths out of no distance.
      let floor = max(1e-6 * square, 1e-30)
      for (distance, e) in best {
        let weight = 1 / max(distance, floor)
        out[labels[e]] += weight
        total += weight
      }
      for c in 0..<classCount { out[c] /= total }
    }
  }
}
