import ArgumentParser
import Foundation
import HSIKit

/// `hsi batch status`.
struct BatchStatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show where a job stands.",
    discussion: """
      The records beside the job file tell, whoever wrote them; tasks in the queue of Slurm are shown where it can be \
      asked.

      Examples:
        hsi batch status job.yml
        hsi batch status job.yml --json
      """)

  @Argument(help: "The job file (YAML or JSON).")
  var job: String

  @Flag(help: "JSON on standard output, with every item and step.")
  var json = false

  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    let setting = try BatchSetting(job, options, context, isLenient: true)
    var status = BatchStatus(setting.plan, version: Version.text, seed: setting.seed)
    status.slurm = Slurm.states(setting.plan.job)
    if status.damagedLines > 0 {
      context.warn(
        "W-MANIFEST", "\(status.damagedLines) lines of the manifest cannot be read and are passed over")
    }
    try Terminal.output(
      json ? String(decoding: try BatchJSON.data(status), as: UTF8.self) : BatchStatusCommand.text(status))
  }

  private static func text(_ status: BatchStatus) -> String {
    let counts = BatchStatus.State.allCases.filter { status.count($0) > 0 }
      .map { "\(status.count($0)) \($0.rawValue)" }
    var lines = ["\(status.job): \(status.total) items: " + counts.joined(separator: ", ")]
    for item in status.items {
      for step in item.steps where step.state == .failed {
        let tries = (step.attempts ?? 1) > 1 ? ", \(step.attempts ?? 1) tries" : ""
        lines.append(
          "  failed \(item.input), step \(step.id), exit code \(step.exit ?? 1)\(tries): \(step.message ?? "")"
        )
        lines.append("    log \(item.log)")
      }
      if let worker = item.worker { lines.append("  running \(item.input) (\(worker))") }
    }
    if let seconds = status.secondsPerItem {
      let left = status.total - status.count(.done) - status.count(.failed)
      lines.append(
        "\(ProgressDisplay.duration(seconds)) per item"
          + (left > 0 ? ", about \(ProgressDisplay.duration(seconds * Double(left))) of work left" : ""))
    }
    for job in status.slurm ?? [] {
      let tasks = job.tasks.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
      lines.append("Slurm job \(job.id): \(tasks.joined(separator: ", "))")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
