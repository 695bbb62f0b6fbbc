import Foundation
import HSICore

/// What a file of weights is: stored as JSON in its metadata under `ModelCard.metadataKey`.
public struct ModelCard: Sendable, Codable, Equatable {
  /// The metadata key of the card.
  public static let metadataKey = "hsi.model_card"

  /// One figure of merit.
  public struct Metric: Sendable, Codable, Equatable {
    /// Such as `MPSNR`.
    public var name: String
    /// Its value in `unit`.
    public var value: Double
    /// Such as `dB`.
    public var unit: String?
    /// Data and conditions it was measured under.
    public var conditions: String?

    public init(name: String, value: Double, unit: String? = nil, conditions: String? = nil) {
      self.name = name
      self.value = value
      self.unit = unit
      self.conditions = conditions
    }
  }

  /// Family of networks, such as `HSDT`.
  public var architecture: String
  /// Member of the family, such as `S`.
  public var variant: String?
  /// What it is for, such as `denoising`.
  public var task: String?
  /// Number of bands that it was built for.
  public var bands: Int?
  /// Centre wavelengths of the training data in nanometres.
  public var wavelengths: [Double]?
  /// How samples become network input, such as `cube minimum and maximum to [0, 1]`.
  public var normalisation: String?
  /// Data that it was trained on.
  public var trainingData: String?
  /// How it was trained: steps, noise, time, hardware.
  public var training: String?
  /// Licence of the weights.
  public var licence: String?
  /// How good it is.
  public var metrics: [Metric]?
  /// Seed of the training.
  public var seed: UInt64?
  /// Number of parameters.
  public var parameters: Int?
  /// Program and version that wrote it.
  public var createdBy: String?
  /// The weights it was made from, when it was converted, merged or fine-tuned.
  public var source: String?
  /// Settings that rebuild the network, such as `channels`: `16`.
  public var configuration: [String: String]?
  /// Anything else.
  public var notes: String?

  public init(architecture: String, variant: String? = nil) {
    self.architecture = architecture
    self.variant = variant
  }

  /// The card in metadata, nil when there is none.
  ///
  /// - Throws: `TransformerError.badHeader` when it is there and cannot be understood.
  public init?(metadata: [String: String], path: String) throws {
    guard let text = metadata[ModelCard.metadataKey] else { return nil }
    // The decoder descends recursively; a card has three levels.
    guard text.utf8.count <= 1 << 20, ModelCard.depth(text) <= 8,
      let card = try? JSONDecoder().decode(ModelCard.self, from: Data(text.utf8))
    else { throw TransformerError.badHeader(path: path, detail: "its model card is not understood") }
    self = card
  }

  /// The card as JSON with sorted keys.
  public var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  /// Label and text of everything that the card says, for people.
  public var summary: [(label: String, text: String)] {
    var lines: [(String, String)] = [
      ("architecture", ([architecture] + (variant.map { [$0] } ?? [])).joined(separator: " "))
    ]
    func add(_ label: String, _ text: String?) { if let text { lines.append((label, text)) } }
    add("task", task)
    add("bands", bands.map(String.init))
    if let wavelengths, let least = wavelengths.min(), let most = wavelengths.max() {
      add("wavelengths", "\(ModelCard.number(least)) to \(ModelCard.number(most)) nm")
    }
    add("normalisation", normalisation)
    add("training data", trainingData)
    add("training", training)
    add("licence", licence)
    for metric in metrics ?? [] {
      let text = ModelCard.number(metric.value) + (metric.unit.map { " " + $0 } ?? "")
      add(metric.name, text + (metric.conditions.map { ", " + $0 } ?? ""))
    }
    add("seed", seed.map { String($0) })
    add("parameters", parameters.map(String.init))
    add("created by", createdBy)
    add("made from", source)
    for (key, value) in (configuration ?? [:]).sorted(by: { $0.key < $1.key }) { add(key, value) }
    add("notes", notes)
    return lines
  }

  private static func number(_ value: Double) -> String { String(format: "%.6g", value) }

  /// Deepest nesting of brackets outside strings.
  private static func depth(_ json: String) -> Int {
    var (depth, deepest, inString, escaped) = (0, 0, false, false)
    for byte in json.utf8 {
      if inString {
        if escaped {
          escaped = false
        } else if byte == 0x5C {
          escaped = true
        } else if byte == 0x22 {
          inString = false
        }
        continue
      }
      switch byte {
      case 0x22: inString = true
      case 0x5B, 0x7B:
        depth += 1
        deepest = max(deepest, depth)
      case 0x5D, 0x7D: depth -= 1
      default: break
      }
    }
    return deepest
  }
}

extension WeightFile {
  /// The model card in the metadata, nil when there is none.
  ///
  /// - Throws: `TransformerError.badHeader` when it cannot be understood.
  public func card() throws -> ModelCard? { try ModelCard(metadata: metadata, path: path) }
}
