/// A part of the items of a job: those with `index % count == number`.
public struct Shard: Hashable, Sendable {
  public let number: Int
  public let count: Int

  /// Parses `k/n` with 0 ≤ k < n, or `auto`: the task of a Slurm array that the environment speaks of.
  ///
  /// - Throws: `BatchError.badShard`.
  public init(_ text: String, environment: [String: String]) throws {
    if text == "auto" {
      self = try Shard.slurm(environment)
      return
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let number = parts[0], let count = parts[1], count >= 1,
      (0..<count).contains(number)
    else {
      throw BatchError.badShard(text: text, requirement: "K/N with K from 0 to N - 1, or auto")
    }
    (self.number, self.count) = (number, count)
  }

  private static func slurm(_ environment: [String: String]) throws -> Shard {
    func value(_ name: String) -> Int? { environment["SLURM_ARRAY_TASK_" + name].flatMap { Int($0) } }
    guard let id = value("ID"), let count = value("COUNT") else {
      throw BatchError.badShard(
        text: "auto", requirement: "K/N outside of a Slurm array (there is no SLURM_ARRAY_TASK_ID and _COUNT)"
      )
    }
    let number = (id - (value("MIN") ?? 0)) / max(1, value("STEP") ?? 1)
    guard count >= 1, (0..<count).contains(number) else {
      throw BatchError.badShard(
        text: "auto", requirement: "K/N here: the tasks of this Slurm array are not numbered without gaps")
    }
    return Shard(number: number, count: count)
  }

  private init(number: Int, count: Int) { (self.number, self.count) = (number, count) }

  /// Whether an item belongs to this part.
  public func contains(_ index: Int) -> Bool { index % count == number }
}
