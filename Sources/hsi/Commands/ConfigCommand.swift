import ArgumentParser
import Foundation
import HSIKit

/// `hsi config`: settings of files and environment.
struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "config", abstract: "Show the settings in force and where each comes from.",
    subcommands: [ConfigShowCommand.self], defaultSubcommand: ConfigShowCommand.self)
}

/// `hsi config show`.
struct ConfigShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Print every setting with its value and origin.",
    discussion: """
      Options beat HSI_ variables, these the project's file ./.hsi.toml, this the
      user's file $XDG_CONFIG_HOME/hsi/config.toml, this the default.

      Examples:
        hsi config show
        hsi config show --threads 4 --json
      """)

  @Flag(help: "JSON on standard output.")
  var json = false

  @OptionGroup(title: "Running") var options: SeededRunOptions

  /// A line of the list.
  private struct Row {
    let key: String
    let value: Any
    let origin: Configuration.Origin
  }

  func run() throws {
    let configuration = try Configuration()
    let rows = try rows(configuration)
    if json {
      var object: [String: Any] = [:]
      for row in rows {
        object[row.key] =
          ["value": row.value, "source": row.origin.kind, "place": row.origin.place] as [String: Any]
      }
      let data = try JSONSerialization.data(
        withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
      try Terminal.output(String(decoding: data, as: UTF8.self) + "\n")
      return
    }
    let texts = rows.map { row in
      [
        row.key, row.key == "memory" ? MemoryBudget.text(row.value as? Int ?? 0) : "\(row.value)",
        row.origin.kind,
        row.origin.place,
      ]
    }
    let widths = (0..<3).map { column in texts.map { $0[column].count }.max() ?? 0 }
    for row in texts {
      let cells = zip(row, widths).map {
        $0.padding(toLength: max($1, $0.count), withPad: " ", startingAt: 0)
      }
      try Terminal.output((cells + [row[3]]).joined(separator: "  ") + "\n")
    }
  }

  private func rows(_ configuration: Configuration) throws -> [Row] {
    let settings = try RunSettings(options.run, seed: options.seed, configuration)
    let scratch = ResourceDefaults(environment: configuration.environment).scratchFolder
    let isRandom = (options.seed ?? configuration.values["seed"]?.text) == "random"
    func origin(_ key: String, _ rule: String) -> Configuration.Origin {
      configuration.values[key]?.origin ?? .builtIn(rule)
    }
    var rows = [
      Row(key: "threads", value: settings.threads.value, origin: settings.threads.origin),
      Row(key: "memory", value: settings.memory.value.bytes, origin: settings.memory.origin),
      Row(key: "seed", value: isRandom ? "random" : settings.seed.value, origin: settings.seed.origin),
      Row(key: "progress", value: settings.progress.value.rawValue, origin: settings.progress.origin),
      Row(key: "log", value: LogLevel.name(settings.log.value), origin: settings.log.origin),
      Row(key: "log_format", value: settings.logFormat.value, origin: settings.logFormat.origin),
      Row(key: "device", value: settings.device.value, origin: settings.device.origin),
      Row(
        key: "tmpdir", value: scratch?.value ?? "folder of the output",
        origin: origin("tmpdir", scratch?.rule ?? "default")),
      Row(
        key: "model_path", value: configuration.values["model_path"]?.text ?? "",
        origin: origin("model_path", "default")),
      Row(
        key: "allow_remote",
        value: options.run.allowRemote ? "yes" : configuration.values["allow_remote"]?.text ?? "no",
        origin: options.run.allowRemote ? .commandLine("--allow-remote") : origin("allow_remote", "default")),
    ]
    let given = Set(options.run.config.compactMap { $0.split(separator: "=").first.map(String.init) })
    for (name, value) in configuration.gdal.sorted(by: { $0.key < $1.key }) where !given.contains(name) {
      let set = configuration.environment[name]
      let shown = Secrets.masked(set ?? value.text, of: name)
      rows.append(
        Row(key: "gdal.\(name)", value: shown, origin: set == nil ? value.origin : .environment(name))
      )
    }
    for entry in options.run.config {
      let (name, value) = try RunOptions.setting(entry)
      rows.append(
        Row(key: "gdal.\(name)", value: Secrets.masked(value, of: name), origin: .commandLine("--config")))
    }
    return rows
  }

}
