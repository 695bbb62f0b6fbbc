import ArgumentParser
import Foundation
import HSIKit

/// Hands parsers damaged files.
@main
struct Fuzz: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hsi-fuzz",
    abstract: "Hand a parser damaged copies of valid files, and stop at what is neither success nor an error of hsi.",
    discussion: """
      Run N of a seed is the same whatever ran before: --seed S --first N --runs 1 repeats it. A run that ends the program leaves \
      its input in the folder that is named at the beginning.
      """)

  @Argument(help: "A parser of the list, or all.")
  var name: String

  @Option(help: "Damaged files per parser, where no time is given.")
  var runs = 10_000

  @Option(help: "Number of the first of them.")
  var first = 0

  @Option(help: "Seconds in place of a number of runs, shared by all parsers.")
  var seconds: Double?

  @Option(help: "Seed of the damage.")
  var seed: UInt64 = 0

  @Option(help: "Where inputs lie while they are read; by default a new folder.")
  var folder: String?

  /// The first argument of a child that examines an HDF5 file for its parent.
  static let probeWord = "_examine-hdf5"

  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if (2...3).contains(arguments.count), arguments[0] == probeWord {
      Foundation.exit(HDF5Probe.examine(arguments[1], array: arguments.count == 3 ? arguments[2] : nil) ? 0 : 3)
    }
    main(arguments)
  }

  func validate() throws {
    guard name == "all" || FuzzTargets.all.contains(where: { $0.name == name }) else {
      throw ValidationError("known: all " + FuzzTargets.all.map(\.name).joined(separator: " "))
    }
    guard (0...1 << 40).contains(runs), (0...1 << 40).contains(first), (seconds ?? 1) > 0, (seconds ?? 1) < 1e6 else {
      throw ValidationError("numbers of runs and seconds are above 0")
    }
  }

  func run() throws {
    let place = try FuzzPlace(folder)
    if let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
      HDF5Probe.install([executable, Fuzz.probeWord])
    }
    let targets = FuzzTargets.all.filter { name == "all" || $0.name == name }
    print("seed \(seed), inputs in \(place.folder)")
    var failures = 0
    for target in targets {
      let session = FuzzSession(target: target, place: place, seed: seed)
      let outcome = try session.run(
        from: first, most: seconds == nil ? runs : .max - first, seconds: seconds.map { $0 / Double(targets.count) })
      print(
        "\(target.name): \(outcome.runs) runs, \(outcome.accepted) read, \(outcome.refused) refused, "
          + String(format: "longest %.2f s", outcome.longest))
      for failure in outcome.failures {
        print("FAILED \(target.name) run \(failure.run): \(failure.reason); \(failure.input)")
      }
      failures += outcome.failures.count
    }
    if failures == 0 { place.remove() }
    guard failures == 0 else { throw ExitCode.failure }
  }
}
