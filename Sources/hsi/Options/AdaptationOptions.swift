import ArgumentParser
import HSIKit

/// What of a trained network changes when it is adapted.
struct AdaptationOptions: ParsableArguments {
  @Option(
    name: [.customLong("adapter"), .customLong("lora")],
    help: ArgumentHelp(
      "What of the weights of --from is trained: low-rank adapters beside them (lora:r=8, or r=8), adapters on some input channels (s2ft:ratio=0.03), a share of the weights (sara:share=0.1), all but those that a pattern drops (prune:2:4), or all (none).",
      valueName: "kind:settings"))
  var adapter: String?
}
