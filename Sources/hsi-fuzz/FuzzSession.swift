import Foundation
import HSIKit
import HSIMutation

/// Runs of one parser over damaged files.
struct FuzzSession {
  /// What happened.
  struct Outcome {
    /// A run that ended in what it must not.
    struct Failure {
      var run: Int
      var reason: String
      /// The damaged file, kept.
      var input: String
    }

    var runs = 0
    var accepted = 0
    var refused = 0
    /// Seconds of the longest run.
    var longest = 0.0
    var failures: [Failure] = []
  }

  /// Seconds of processor time that a run may take; files are a few kilobytes.
  static let patience = 5.0
  /// Bytes that the process may grow to.
  static let largest = 2 << 30

  let target: FuzzTarget
  let place: FuzzPlace
  let seed: UInt64

  /// Processor time of this process so far.
  private static func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }

  /// Most bytes that this process has had.
  private static func peak() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Int(usage.ru_maxrss) << 10
  }

  /// The damaged file of a run, a function of seed and number.
  func input(_ run: Int, of seeds: [FuzzTarget.Seed]) -> FuzzTarget.Seed {
    var random = CounterRandom(seed: seed, stream: UInt64(run))
    var chosen = seeds[random.index(below: seeds.count)]
    // A file that is damaged in many places is refused for the first of them.
    for _ in 0...max(0, random.index(below: 6) - 3) {
      chosen.bytes = FileMutation.mutated(chosen.bytes, heads: target.heads, &random)
    }
    return chosen
  }

  /// Runs until a number or a time is reached, or ten runs have failed.
  func run(from first: Int, most: Int, seconds: Double?) throws -> Outcome {
    let seeds = try target.seeds()
    // A valid file that is refused would make all that follows worthless.
    for seed in seeds { try target.read(seed, place) }
    let (clock, start) = (ContinuousClock(), ContinuousClock.now)
    var outcome = Outcome()
    // What another parser took before is not held against this one.
    let largest = FuzzSession.peak() + FuzzSession.largest
    for number in first..<(first + most) {
      if let seconds, start.duration(to: clock.now) > .seconds(seconds) { break }
      let input = input(number, of: seeds)
      let (begin, before) = (clock.now, FuzzSession.processorSeconds())
      // A run without an end is ended by the system; its input stays.
      alarm(60)
      var reason: String?
      do {
        try target.read(input, place)
        outcome.accepted += 1
      } catch is any HSIError {
        outcome.refused += 1
      } catch is SettingsText.Malformed {
        outcome.refused += 1
      } catch is FuzzTarget.PassedOver {
        outcome.refused += 1
      } catch {
        reason = "it ended in \(type(of: error)): \(error)"
      }
      alarm(0)
      let elapsed = begin.duration(to: clock.now) / .seconds(1)
      outcome.longest = max(outcome.longest, elapsed)
      outcome.runs += 1
      // A busy machine makes a run wait, which is not its fault.
      let busy = FuzzSession.processorSeconds() - before
      if busy > FuzzSession.patience { reason = String(format: "it took %.1f s of processor time", busy) }
      let isLarge = FuzzSession.peak() > largest
      if isLarge { reason = "the process took \(FuzzSession.peak() >> 20) MiB of memory" }
      if let reason {
        let kept = try place.write("\(target.name)-\(seed)-\(number)-\(input.name)", input.bytes)
        outcome.failures.append(.init(run: number, reason: reason, input: kept))
        if outcome.failures.count >= 10 || isLarge { break }
      }
    }
    return outcome
  }
}
