import ArgumentParser
import Foundation
import HSIKit

/// `hsi batch plan`.
struct BatchPlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Check a job and show what it would read and write, and what that takes.",
    discussion: """
      Nothing is run or written. Disk is what outputs take without compression, where the input can be opened.

      Examples:
        hsi batch plan job.yml
        hsi batch plan job.yml --json
      """)

  @Argument(help: "The job file (YAML or JSON).")
  var job: String

  @Option(help: "Items at the same time.")
  var workers = 1

  @Flag(help: "JSON on standard output.")
  var json = false

  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let base = try options.makeContext()
    let setting = try BatchSetting(job, options, base)
    let context = BatchSetting.resources(base, options, setting.plan.job)
    let status = BatchStatus(setting.plan, version: Version.text, seed: setting.seed)
    let estimate = PlanEstimate(
      setting.plan, status, workers: try BatchSetting.workers(workers), context,
      measure: DiskEstimate.measure,
      disk: DiskEstimate.bytes)
    if let free = estimate.diskFreeBytes, estimate.diskBytes > free {
      context.warn(
        "W-BATCH-DISK",
        "the outputs may take \(MemoryBudget.text(estimate.diskBytes)) but \(MemoryBudget.text(free)) are free"
      )
    }
    try Terminal.output(
      json ? String(decoding: try BatchJSON.data(estimate), as: UTF8.self) : BatchPlanCommand.text(estimate))
  }

  private static func text(_ plan: PlanEstimate) -> String {
    var lines = ["\(plan.job): \(plan.total) items, steps \(plan.steps.joined(separator: ", "))"]
    for item in plan.items {
      let size = item.diskBytes.map { $0 > 0 ? ", about \(MemoryBudget.text($0))" : "" } ?? ", size unknown"
      lines.append(
        "  \(item.index)  \(item.input) → \(item.outputs.joined(separator: ", "))"
          + (item.isDone ? " (done)" : size))
    }
    let free = plan.diskFreeBytes.map { " of \(MemoryBudget.text($0)) free" } ?? ""
    lines.append("to do: \(plan.total - plan.done) items, about \(MemoryBudget.text(plan.diskBytes))\(free)")
    lines.append(
      "\(plan.workers) at a time, each with \(plan.threadsPerItem) threads and "
        + "\(MemoryBudget.text(plan.memoryPerItemBytes)) of memory")
    return lines.joined(separator: "\n") + "\n"
  }
}
