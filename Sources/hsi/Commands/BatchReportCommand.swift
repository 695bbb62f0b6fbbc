import ArgumentParser
import Foundation
import HSIKit

/// `hsi batch report`.
struct BatchReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write a page over a job: state, time, figures, pictures and links of every item.",
    discussion: """
      The page shows what the records say and the reports that steps wrote (report, html, all: true); it lies beside the \
      job file as NAME.report.html and links to the results by relative paths. Nothing is run, and a job that is still \
      running can be looked at.

      Examples:
        hsi batch report job.yml
        hsi batch report job.yml --out index.html --overwrite
      """)

  @Argument(help: "The job file (YAML or JSON).")
  var job: String

  @Option(help: "The page (default: NAME.report.html beside the job file, replaced).")
  var out: OutputPath?

  @Flag(help: "Replace an existing page of --out.")
  var overwrite = false

  @OptionGroup(title: "Running") var options: SeededRunOptions

  func run() throws {
    let context = try options.makeContext()
    let setting = try BatchSetting(job, options, context, isLenient: true)
    let status = BatchStatus(setting.plan, version: Version.text, seed: setting.seed)
    let path = out?.text ?? setting.plan.job.beside(".report.html")
    let inputs =
      [job]
      + (setting.plan.items.map(\.path) + status.items.flatMap { $0.steps.flatMap(\.outputs) })
      .map(setting.plan.job.resolved)
    let file = try OutputFile(path, overwrite: overwrite || out == nil, inputs: inputs)
    let index = BatchIndex(plan: setting.plan, status: status, path: path, context: context)
    do {
      try file.write(index.page().html(version: Version.number))
      try file.commit()
    } catch {
      file.discard()
      throw error
    }
    if !options.run.quiet { Terminal.note("\(status.total) items in \(path)") }
  }
}
