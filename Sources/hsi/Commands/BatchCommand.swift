import ArgumentParser

/// `hsi batch`: many scenes, one job.
struct BatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch", abstract: "Run steps over many scenes as one job that can be stopped and resumed.",
    discussion: """
      Examples:
        hsi batch plan job.yml
        hsi batch run job.yml --workers 2
        hsi batch status job.yml
        hsi batch report job.yml
        hsi batch retry job.yml
        hsi batch submit --slurm job.yml

      A job file names inputs and steps (denoise, unmix, classify predict, …); see docs/commands/batch.md.
      """,
    subcommands: [
      BatchPlanCommand.self, BatchRunCommand.self, BatchStatusCommand.self, BatchReportCommand.self,
      BatchRetryCommand.self, BatchSubmitCommand.self,
    ])
}
