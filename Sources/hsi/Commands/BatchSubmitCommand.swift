import ArgumentParser
import Foundation
import HSIKit

/// `hsi batch submit`.
struct BatchSubmitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "submit",
    abstract: "Submit a job to a cluster as an array; each task is hsi batch run with its shard.",
    discussion: """
      Items that are done are left out. --threads and --memory (or the defaults of the job file) are those of one task.

      Examples:
        hsi batch submit --slurm job.yml --dry-run
        hsi batch submit --slurm job.yml --array-size 100 --concurrency 20
        hsi batch submit --slurm job.yml --time 2:00:00 --sbatch-arg --partition=long
        hsi batch submit --slurm job.yml --only-failed
      """)

  @Argument(help: "The job file (YAML or JSON).")
  var job: String

  @Flag(help: "Submit to Slurm (the only scheduler so far).")
  var slurm = false

  @Option(help: "Tasks of the array (default: one per item, at most 1000).")
  var arraySize: Int?

  @Option(help: "Tasks at the same time.")
  var concurrency: Int?

  @Option(help: "Time limit of a task, as sbatch takes it.")
  var time: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Argument for sbatch, repeatable.", valueName: "argument"))
  var sbatchArg: [String] = []

  @Flag(help: "Submit the items that failed.")
  var onlyFailed = false

  @Flag(help: "Print the script and do nothing.")
  var dryRun = false

  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    guard slurm else {
      throw CoreError.invalidParameter(
        name: "the scheduler", value: "not given",
        requirement: "--slurm; for others see docs/commands/batch.md")
    }
    try check("--array-size", arraySize)
    try check("--concurrency", concurrency)
    let setting = try BatchSetting(job, options, context)
    let status = BatchStatus(setting.plan, version: Version.text, seed: setting.seed)
    let stages = openStages(setting.plan, status)
    guard !stages.isEmpty else {
      if !options.run.quiet {
        Terminal.note("nothing to submit: no item \(onlyFailed ? "failed" : "is left")")
      }
      return
    }
    let defaults = setting.plan.job.defaults
    var before: String?
    for (stage, open) in stages {
      var request = scriptOptions()
      if setting.plan.job.stages > 1 { request.stage = stage }
      if let before { request.arguments.append("--dependency=afterok:\(before)") }
      let script = try SlurmScript(
        setting.plan, open: open, maximum: Slurm.maximumArraySize(),
        threads: options.run.threads == "auto" ? defaults.threads : context.threads,
        memory: options.run.memory == nil ? defaults.memory : context.memory,
        executable: try BatchExecution.executable(), request)
      if dryRun {
        try Terminal.output(script.text)
        continue
      }
      let submission = try Slurm.submit(script, setting.plan.job, request)
      if !options.run.quiet {
        let name = request.stage.map { "stage \($0): " } ?? ""
        Terminal.note("\(name)\(open.count) items in \(submission.tasks) tasks; see hsi batch status \(job)")
      }
      try Terminal.output(submission.id + "\n")
      before = submission.id
    }
  }

  /// The items to submit, by stage; with `--only-failed` also what had to wait for those that failed.
  private func openStages(_ plan: BatchPlan, _ status: BatchStatus) -> [(stage: Int, items: [Int])] {
    let left = zip(plan.items, status.items).filter { !$0.steps.isEmpty && $1.state != .done }
    let failed = left.filter { $1.state == .failed }.map { $0.0.stage }.min()
    let chosen = left.filter { item, state in
      !onlyFailed || state.state == .failed || failed.map { item.stage > $0 } ?? false
    }.map(\.0)
    return (0..<plan.job.stages).compactMap { stage in
      let items = chosen.filter { $0.stage == stage }.map(\.index)
      return items.isEmpty ? nil : (stage, items)
    }
  }

  private func scriptOptions() -> SlurmScript.Options {
    var request = SlurmScript.Options()
    request.arraySize = arraySize
    request.concurrency = concurrency
    request.time = time
    request.arguments = sbatchArg
    request.onlyFailed = onlyFailed
    // Options of this command line go before the job file in the tasks, too.
    if options.run.threads != "auto" { request.runOptions += ["--threads", options.run.threads] }
    if let memory = options.run.memory { request.runOptions += ["--memory", memory] }
    if let seed = options.seed { request.runOptions += ["--seed", seed] }
    request.runOptions += options.run.config.flatMap { ["--config", $0] }
    if options.run.allowRemote { request.runOptions.append("--allow-remote") }
    return request
  }

  private func check(_ name: String, _ value: Int?) throws {
    guard let value, !(1...1_000_000).contains(value) else { return }
    throw CoreError.invalidParameter(name: name, value: "\(value)", requirement: "a number from 1")
  }
}
