import ArgumentParser
import Foundation
import HSIKit
import Testing

@testable import hsi

/// Numbers of options that nothing can mean, wherever they enter.
@Suite struct HostileOptionTests {
  private static let largest = "\(Int.max)"

  /// A line per option that is a whole number, with a number that no `Int` arithmetic survives.
  private static let lines: [(property: String, line: String)] = [
    ("rows", "simulate scene o.dat --rows"), ("cols", "simulate scene o.dat --cols"),
    ("bands", "simulate scene o.dat --bands"), ("badBands", "simulate scene o.dat --bad-bands"),
    ("longestSide", "quicklook s.dat o.png --longest-side"),
    ("scale", "restore s.dat o.dat --task super-resolution --scale"),
    ("components", "embed s.dat o.dat --model m --components"),
    ("mostBands", "embed s.dat o.dat --model m --most-bands"),
    ("workers", "batch run j.yaml --workers"), ("stage", "batch run j.yaml --stage"),
    ("columns", "mosaic o.vrt a.tif --columns"), ("arraySize", "batch submit j.yaml --slurm --array-size"),
    ("concurrency", "batch submit j.yaml --slurm --concurrency"),
    ("side", "pretrain s.dat --out o --side"), ("batch", "pretrain s.dat --out o --batch"),
    ("epochs", "pretrain s.dat --out o --epochs"), ("windowsPerEpoch", "pretrain s.dat --out o --windows-per-epoch"),
    ("evaluateEvery", "pretrain s.dat --out o --evaluate-every"),
    ("patch", "train denoise s.dat --out o --patch"), ("stride", "train denoise s.dat --out o --stride"),
    ("patchesPerEpoch", "train denoise s.dat --out o --patches-per-epoch"),
    ("guardRadius", "classify split l.tif --out o.tif --guard"),
    ("runs", "evaluate transfer s.dat l.tif --model m --runs"), ("count", "cluster s.dat o.tif --count"),
    ("columnGroup", "detect s.dat o.tif --anomaly --column-group"),
    ("maxLevel", "unmix s.dat o.tif --library l.sli --method mesma --classes name --max-level"),
    ("samples", "classify forget s.dat l.tif --from m --class 1 --out o --samples"),
    ("steps", "classify forget s.dat l.tif --from m --class 1 --out o --steps"),
    ("perClass", "spectra optimise l.sli o.sli --classes name --per-class"),
  ]

  /// The command itself refuses them, before it opens anything.
  @Test func everyWholeNumber() throws {
    for (property, line) in Self.lines {
      for number in [Self.largest, "\(Int.min)", "1000000001"] {
        let words = line.split(separator: " ").map(String.init) + [number]
        let command = try HSICommand.parseAsRoot(ArgumentSpelling.tolerated(words))
        let error = #expect(throws: CoreError.self, "\(property) \(number)") { try OptionRanges.check(command) }
        #expect(error?.identifier == "E-PARAMETER" && error?.description.contains(number) ?? false)
      }
    }
    let usual = try HSICommand.parseAsRoot(["simulate", "scene", "o.dat", "--rows", "1000000", "--bands=-1"])
    try OptionRanges.check(usual)
  }

  /// The list above has every option that is a whole number.
  @Test func noneIsForgotten() throws {
    let sources = Tool.package.appendingPathComponent("Sources/hsi")
    let names = FileManager.default.enumerator(atPath: sources.path)?.compactMap { $0 as? String } ?? []
    var found: Set<String> = []
    for name in names where name.hasSuffix(".swift") {
      let text = try String(contentsOf: sources.appendingPathComponent(name), encoding: .utf8)
      for part in text.split(separator: "@Option").dropFirst() {
        let pattern = /\n  var ([A-Za-z]+)(?:: \[?Int\]?\??| = -?[0-9_]+)(?:$|\n| =)/
        guard let declaration = part.firstRange(of: "\n  var "), let match = part.firstMatch(of: pattern),
          match.range.lowerBound == declaration.lowerBound
        else { continue }
        found.insert(String(match.1))
      }
    }
    #expect(found == Set(Self.lines.map(\.property)))
  }

  /// Numbers inside other options, counts of endmembers among them: an error of usage or input, never a trap.
  private static let texts = [
    "unmix in/s.dat o/u.tif --count \(largest)", "unmix in/s.dat o/u.tif --count \(largest) --method rrlbs",
    "unmix in/s.dat o/u.tif --count \(largest) --method nmf", "endmembers in/s.dat o/e.sli --count \(largest)",
    "endmembers in/s.dat o/e.sli --count \(largest) --extract sisal",
    "endmembers in/s.dat o/e.sli --count \(largest) --extract nfindr", "unmix in/s.dat o/u.tif --count -\(largest)",
    "convert in/s.dat o/c.dat --window \(largest),\(largest),\(largest),\(largest)",
    "convert in/s.dat o/c.dat --window 0,0,\(largest),1", "convert in/s.dat o/c.dat -b \(largest)",
    "convert in/s.dat o/c.dat -b 1-\(largest)", "quicklook in/s.dat o/q.png --bands \(largest),1e300,-1e300",
    "spectra extract in/s.dat o/x.csv --pixel \(largest),\(largest)", "info in/s.dat --size \(largest),\(largest)",
    "denoise in/s.dat o/d.dat --memory 1e300", "unmix in/s.dat o/u.tif --count 3 --set iterations=1e300",
    "info in/s.dat --wavelengths 1:2:\(largest)", "endmembers in/s.dat o/e.sli --count 3 --mask in/s.dat:\(largest)",
    "info in/s.dat --threads \(largest)", "simulate scene o/x.dat --endmembers \(largest)",
  ]

  @Test func numbersInTexts() throws {
    let place = try SampleScene.workplace()
    for line in Self.texts {
      let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
      #expect([2, 3, 6].contains(result.status), "\(line): \(result.status) \(result.errors)")
      #expect(result.errorLines.count == 1, "\(line): \(result.errors)")
    }
  }

  /// More endmembers than there are bands is said as that, whatever the number.
  @Test func countBeyondTheScene() throws {
    let place = try SampleScene.workplace()
    for number in ["1000", Self.largest] {
      let result = try Tool.run(["unmix", "in/s.dat", "o/u.tif", "--count", number], in: place.url)
      #expect(result.status == 2 && result.errors.contains("E-COUNT"), "\(result.errors)")
    }
  }

  /// Conversions of rounded numbers to whole ones stop the program at infinity and NaN: sources say `Int(clamping:)` or
  /// `Int(exactly:)`.
  @Test func conversionsOfNumbers() throws {
    let sources = Tool.package.appendingPathComponent("Sources")
    let names = FileManager.default.enumerator(atPath: sources.path)?.compactMap { $0 as? String } ?? []
    var found: [String] = []
    for name in names where name.hasSuffix(".swift") && !name.hasPrefix("hsi-benchmark") {
      let text = try String(contentsOf: sources.appendingPathComponent(name), encoding: .utf8)
      for line in text.split(separator: "\n") where line.contains(/[^A-Za-z]Int\((?!clamping|exactly)[^\n]*rounded\(/) {
        found.append("\(name): \(line)")
      }
    }
    #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
  }

  /// The peak of memory of a conversion stays within the budget and 200 MiB, for lines that are far too wide for a row of tiles,
  /// and for lines that do not fit themselves.
  @Test(arguments: [
    (8000, 70, 200, "c.tif"), (1_000_000, 1, 10, "c.tif"),
    (1_000_000, 2, 40, "c.bsq"), (60, 60, 10_000, "c.tif"),
  ])
  func peakOfMemory(samples: Int, lines: Int, bands: Int, name: String) throws {
    let place = try TemporaryFolder()
    let header = """
      ENVI
      samples = \(samples)
      lines = \(lines)
      bands = \(bands)
      data type = 2
      interleave = bil
      byte order = 0

      """
    try Data(header.utf8).write(to: place.url.appendingPathComponent("w.hdr"))
    try Data().write(to: place.url.appendingPathComponent("w.dat"))
    // Sparse: zeros that take no room.
    #expect(truncate(place.path("w.dat"), samples * lines * bands * 2) == 0)
    let process = Process()
    process.executableURL = Tool.executable
    process.arguments = ["convert", "w.dat", name, "--memory", "64M", "-q"]
    process.currentDirectoryURL = place.url
    process.standardInput = FileHandle.nullDevice
    try process.run()
    // What `wait4` says of a child includes what its parent had when it was started.
    var peak = 0
    while process.isRunning {
      peak = max(peak, residentPeak(process.processIdentifier) ?? 0)
      usleep(3000)
    }
    #expect(process.terminationStatus == 0 && peak > 0)
    #expect(peak < (64 + 200) << 10, "\(peak >> 10) MiB")
  }

  /// `VmHWM` of a process in KiB.
  private func residentPeak(_ process: Int32) -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8),
      let match = text.firstMatch(of: /VmHWM:\s*([0-9]+) kB/)
    else { return nil }
    return Int(match.1)
  }
}
