import Foundation
import Testing

/// Outputs appear complete or not at all: existing files, full disks, interruption, kill.
@Suite struct OutputSafetyTests {
  private func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }

  private func outputs(_ place: TemporaryFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: place.path("o")).sorted()
  }

  /// Every product that exists already stops the run before it begins; with `--overwrite` it is replaced.
  @Test(arguments: [
    ("unmix in/s.dat o/a.tif --count 3 --all", "a.tif"),
    ("unmix in/s.dat o/a.tif --count 3 --all", "a_endmembers.csv"),
    ("unmix in/s.dat o/a.tif --count 3 --all", "a_report.html"),
    ("unmix in/s.dat o/a.dat --count 3", "a.hdr"),
    ("denoise in/s.dat o/a.tif --all", "a.tif"), ("denoise in/s.dat o/a.tif --all", "a_residual.tif"),
    ("denoise in/s.dat o/a.tif --all", "a_after.png"), ("denoise in/s.dat o/a.tif --all", "a_report.json"),
    ("denoise in/s.dat o/a.dat", "a.hdr"),
    ("convert in/s.dat o/a.dat", "a.hdr"), ("convert in/s.dat o/a.tif", "a.tif"),
    ("convert in/s.dat o/a.npy", "a.npy"),
    ("quicklook in/s.dat o/a.png", "a.png"), ("endmembers in/s.dat o/a.sli --count 3", "a.hdr"),
    ("spectra convert in/s_endmembers.sli o/a.csv", "a.csv"),
    ("simulate noise in/s.dat o/a.dat", "a.hdr"),
    ("simulate degrade in/s.dat o/a.dat --kind mask --missing-out o/b.dat --truth o/c.dat", "b.hdr"),
    ("simulate degrade in/s.dat o/a.dat --kind mask --missing-out o/b.dat --truth o/c.dat", "c.dat"),
    ("simulate scene o/a.dat --rows 8 --cols 8 --endmembers 2 --bands 20", "a_abundances.hdr"),
    ("simulate scene o/a.dat --rows 8 --cols 8 --endmembers 2 --bands 20", "a_truth.json"),
  ])
  func existingOutputsStay(line: String, existing: String) throws {
    let place = try SampleScene.workplace()
    let old = Data("precious".utf8)
    let file = place.url.appendingPathComponent("o/" + existing)
    try old.write(to: file)
    let refused = try Tool.run(words(line), in: place.url)
    #expect(refused.status == 4)
    #expect(refused.errorLines.count == 1)
    #expect(refused.errors.contains("o/\(existing) exists already; choose another name or pass --overwrite"))
    #expect(try Data(contentsOf: file) == old)
    #expect(try outputs(place) == [existing])
    let replaced = try Tool.run(words(line + " --overwrite"), in: place.url)
    #expect(replaced.status == 0, "\(replaced.errors)")
    #expect(try Data(contentsOf: file) != old)
  }

  /// A file-size limit stands for a full disk: `ulimit -f` counts KiB.
  @Test(arguments: [
    "unmix in/s.dat o/a.tif --count 3 --all", "unmix in/s.dat o/a.dat --endmembers in/s_endmembers.sli",
    "denoise in/s.dat o/a.tif --all", "denoise in/s.dat o/a.dat --ot same",
    "convert in/s.dat o/a.tif", "convert in/s.dat o/a.tif --of COG", "convert in/s.dat o/a.dat",
    "convert in/s.dat o/a.npy", "convert in/s.dat o/a.mat", "quicklook in/s.dat o/a.png --bands 1,2,3",
    "simulate scene o/a.dat --rows 20 --cols 20 --endmembers 2 --bands 20",
    "simulate noise in/s.dat o/a.tif",
    "spectra convert in/s_endmembers.sli o/a.sli",
  ])
  func fullDisk(line: String) throws {
    let place = try SampleScene.workplace()
    let result = try Tool.launch(
      ["bash", "-c", "ulimit -f 1; exec \(Tool.executable.path) \(line)"], in: place.url)
    #expect(result.status == 6, "\(result.errors)")
    #expect(result.errorLines.count == 1)
    #expect(result.errors.contains("no space left on the disk while writing o/a"), "\(result.errors)")
    #expect(try outputs(place).isEmpty)
  }

  @Test(arguments: [
    "info in/s.dat", "info in/s.dat --json", "methods", "unmix in/s.dat o/a.tif --count 3 --report -",
    "denoise in/s.dat o/a.tif --report -",
  ])
  func fullStandardOutput(line: String) throws {
    let place = try SampleScene.workplace()
    let result = try Tool.launch(
      ["bash", "-c", "exec \(Tool.executable.path) \(line) > /dev/full"], in: place.url)
    #expect(result.status == 6)
    #expect(result.errorLines.count == 1)
    #expect(try outputs(place).isEmpty)
  }

  @Test func closedPipeIsQuiet() throws {
    let place = try SampleScene.workplace()
    let result = try Tool.launch(
      ["bash", "-c", "hsi info --stats in/s.dat | head -1; exit ${PIPESTATUS[1]}"], in: place.url)
    #expect(result.status == 0)
    #expect(result.output.hasPrefix("file "))
    #expect(result.errors.isEmpty)
  }

  /// A program that was started with hangups ignored lives on.
  @Test func nohup() throws {
    let place = try SampleScene.workplace()
    let script = """
      nohup \(Tool.executable.path) unmix in/s.dat o/a.dat --count 3 --method clsunsal --set iterations=3000 \
        --set tolerance=0 >/dev/null 2>&1 & p=$!; sleep 0.3; kill -HUP $p; wait $p
      """
    let result = try Tool.launch(["bash", "-c", script], in: place.url)
    #expect(result.status == 0)
    #expect(try outputs(place).contains("a.dat"))
  }

  /// Long work that is stopped exits with 128 + signal within 5 s and leaves nothing; after `kill -9` there is no
  /// file under a final name, and the same command succeeds.
  @Test(arguments: [
    (
      "INT", 130,
      "unmix in/s.dat o/a.tif --count 3 --method sunsal-tv --set iterations=1000000 --set tolerance=0 --all"
    ),
    (
      "TERM", 143,
      "unmix in/s.dat o/a.dat --count 3 --method clsunsal --set iterations=1000000 --set tolerance=0"
    ),
    ("HUP", 129, "simulate scene o/a.dat --rows 3000 --cols 3000 --endmembers 3"),
    ("INT", 130, "simulate scene o/a.dat --rows 3000 --cols 3000 --endmembers 3"),
    ("TERM", 143, "simulate scene o/a.tif --rows 3000 --cols 3000 --endmembers 3"),
    ("KILL", 137, "simulate scene o/a.dat --rows 3000 --cols 3000 --endmembers 3"),
  ])
  func interrupted(signal: String, code: Int32, line: String) throws {
    let place = try SampleScene.workplace()
    let script = """
      \(Tool.executable.path) \(line) & p=$!; sleep 1; s=$(date +%s%N); kill -\(signal) $p; wait $p; r=$?
      echo $(( ($(date +%s%N) - s) / 1000000 )); exit $r
      """
    let result = try Tool.launch(["bash", "-c", script], in: place.url)
    #expect(result.status == code, "\(result.errors)")
    #expect((Int(result.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0) < 5000)
    let left = try outputs(place)
    if signal == "KILL" {
      #expect(left.allSatisfy { $0.hasPrefix(".") && $0.contains(".part") }, "\(left)")
      let again = try Tool.run(
        words("simulate scene o/a.dat --rows 8 --cols 8 --endmembers 3"), in: place.url)
      #expect(again.status == 0, "\(again.errors)")
    } else {
      #expect(left.isEmpty, "\(left)")
      #expect(
        result.errorLines == ["hsi: error: " + ["INT": "interrupted", "HUP": "hung up"][signal, default: "terminated"]])
    }
  }
}
