import ArgumentParser

/// `hsi batch run`.
struct BatchRunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a job; what is done already is left alone.",
    discussion: """
      An item is left alone when its record says done for the same options, version, input (size and time) and weights, \
      and its outputs are there in the recorded size. A run that was killed goes on where it stopped; several runs of \
      one job, on one machine or many, share the items. Exit codes: 0 all done, 5 some failed, 1 none done.

      Examples:
        hsi batch run job.yml
        hsi batch run job.yml --workers 4 --memory 16G
        hsi batch run job.yml --shard 3/10
      """)

  @OptionGroup(title: "Job") var arguments: BatchRunOptions

  @Option(help: "Run one stage, from 0, of a job that joins items; all items of the stages before must be done.")
  var stage: Int?

  @Flag(help: "Run everything again.")
  var force = false

  @Flag(help: "Run only items that failed, as hsi batch retry does.")
  var onlyFailed = false

  @Flag(help: "Compare the contents of finished outputs with their digests (SHA-256), not their sizes only.")
  var verify = false

  func run() throws {
    try BatchExecution.run(arguments, stage: stage, isForced: force, onlyFailed: onlyFailed, verifies: verify)
  }
}

/// `hsi batch retry`.
struct BatchRetryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry",
    abstract: "Run the items of a job that failed again.",
    discussion: """
      Example:
        hsi batch retry job.yml
      """)

  @OptionGroup(title: "Job") var arguments: BatchRunOptions

  func run() throws { try BatchExecution.run(arguments, onlyFailed: true) }
}
