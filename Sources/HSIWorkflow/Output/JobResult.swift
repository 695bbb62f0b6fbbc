import HSIReport

/// What a job has done.
public struct JobResult: Sendable {
  /// The files that were written, with what they hold.
  public var outputs: [ReportOutput] = []
  /// What the job has to say to whoever started it: a table, or the report that was asked for at `-`. Ends in a newline.
  public var text: String?
  /// What was chosen and the figure that matters, in a few words without a full stop; nil where there is nothing to say.
  public var summary: String?

  /// Nothing yet.
  public init(outputs: [ReportOutput] = [], text: String? = nil) {
    self.outputs = outputs
    self.text = text
  }
}
