import ArgumentParser
import HSIKit

/// Where training starts, and which weights are trained.
struct StartOptions: ParsableArguments {
  @Option(help: "Start from weights that hsi pretrain made (less-…).")
  var from: WeightsPath?

  @Flag(help: "Train the head only, on what the weights of --from know.")
  var probe = false

  @Option(
    help: ArgumentHelp(
      "Train low-rank adapters beside the weights of --from, and the head.", valueName: "r=8[,alpha=16]"))
  var lora: String?

  /// The start; nil for none.
  var request: ClassifierStart? {
    get throws {
      guard let from else {
        guard !probe, lora == nil else {
          throw CoreError.invalidParameter(
            name: probe ? "--probe" : "--lora", value: lora ?? "set", requirement: "used with --from")
        }
        return nil
      }
      guard !probe || lora == nil else {
        throw CoreError.invalidParameter(name: "--probe", value: "set", requirement: "left out with --lora")
      }
      return ClassifierStart(from.text, probe ? .head : lora.map { .adapters($0) } ?? .all)
    }
  }
}
