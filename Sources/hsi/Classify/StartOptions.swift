import ArgumentParser
import HSIKit

/// Where training starts, and which weights are trained.
struct StartOptions: ParsableArguments {
  @Option(help: "Start from weights that hsi pretrain made (less-…); less-tiny-base comes with hsi.")
  var from: WeightsPath?

  @Flag(help: "Train the head only, on what the weights of --from know.")
  var probe = false

  @OptionGroup var adaptation: AdaptationOptions

  /// The start; nil for none.
  var request: ClassifierStart? {
    get throws {
      guard let from else {
        guard !probe, adaptation.adapter == nil else {
          throw CoreError.invalidParameter(
            name: probe ? "--probe" : "--adapter", value: adaptation.adapter ?? "set", requirement: "used with --from")
        }
        return nil
      }
      guard !probe || adaptation.adapter == nil else {
        throw CoreError.invalidParameter(name: "--probe", value: "set", requirement: "left out with --adapter")
      }
      return ClassifierStart(from.text, probe ? .head : adaptation.adapter.map { .adapted($0) } ?? .all)
    }
  }
}
