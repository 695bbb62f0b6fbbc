import Foundation
import Testing

/// Every call that writes fails once: a full disk, an error of the device, a signal in between. Every output is complete or absent then.
///
/// `Support/faults.c`, loaded before `hsi`, makes the n-th such call fail, in the program itself and in the libraries below it. By default
/// some calls of every command fail; with `HSI_FAULTS=all` in the environment all of them, one after the other.
@Suite struct FaultInjectionTests {
  private static let errors: [(code: Int32, status: Int32?)] = [(ENOSPC, 6), (EIO, nil), (EINTR, 0)]
  private static let takesAll = ProcessInfo.processInfo.environment["HSI_FAULTS"] == "all"

  /// The library of the faults; nil without a C compiler.
  private static let library: String? = {
    let path = NSTemporaryDirectory() + "hsi-faults-\(UUID().uuidString).so"
    let source = Tool.package.appendingPathComponent("Tests/CommandTests/Support/faults.c").path
    for compiler in ["cc", "clang", "gcc"] {
      let built = try? Tool.launch([compiler, "-shared", "-fPIC", "-O1", "-o", path, source, "-ldl"])
      if built?.status == 0 {
        atexit { if let path = FaultInjectionTests.library { unlink(path) } }
        return path
      }
    }
    return nil
  }()

  /// The files of a folder and what is in them.
  private func contents(_ folder: String) throws -> [String: Data] {
    var found: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: folder) {
      found[name] = FileManager.default.contents(atPath: folder + "/" + name) ?? Data()
    }
    return found
  }

  @Test(arguments: [
    "convert in/s.dat o/a.tif", "convert in/s.dat o/a.tif --of COG", "convert in/s.dat o/a.dat",
    "convert in/s.dat o/a.npy",
    "convert in/s.dat o/a.mat", "mosaic o/a.vrt in/s.dat", "quicklook in/s.dat o/a.png",
    "endmembers in/s.dat o/a.sli --count 3",
    "unmix in/s.dat o/a.tif --endmembers in/s_endmembers.sli --report o/r.json --html o/r.html",
    "simulate labels in/s_abundances.dat o/a.dat", "simulate scene o/a.dat --rows 8 --cols 8 --bands 12 --endmembers 2",
    "classify train in/s.dat l.dat --model logistic --out o/a.safetensors",
  ])
  func outputsAreCompleteOrAbsent(line: String) throws {
    guard let library = FaultInjectionTests.library else {
      print("skipped: there is no C compiler")
      return
    }
    func run(_ fault: (at: Int, code: Int32)?) throws -> (result: Tool.Result, files: [String: Data], calls: Int) {
      let place = try SampleScene.workplace()
      if line.contains("l.dat") {
        let labels = "simulate labels in/s_abundances.dat l.dat --purity 0.55"
        #expect(try Tool.run(labels.split(separator: " ").map(String.init), in: place.url).status == 0)
      }
      var environment = [
        "LD_PRELOAD": library, "FAULT_BELOW": place.path("o"), "FAULT_COUNT": place.path("calls"), "TMPDIR": "",
        "HSI_TMPDIR": "", "SOURCE_DATE_EPOCH": "1700000000",
      ]
      if let fault { (environment["FAULT_AT"], environment["FAULT_CODE"]) = ("\(fault.at)", "\(fault.code)") }
      let words = line.split(separator: " ").map(String.init)
      // Relative names are those of the working folder, whose real name the library sees.
      let full = words.map { $0.hasPrefix("o/") ? place.path($0) : $0 }
      let result = try Tool.run(full + ["-q", "-j", "1"], in: place.url, environment: environment)
      let calls = (try? String(contentsOfFile: place.path("calls"), encoding: .utf8)).flatMap {
        Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
      }
      return (result, try contents(place.path("o")), calls ?? 0)
    }
    let whole = try run(nil)
    #expect(whole.result.status == 0 && !whole.files.isEmpty && whole.calls > 2, "\(whole.result.errors)")
    // Call and error differ between commands, and are the same in every run of the test.
    let draw = line.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF }
    for (number, error) in FaultInjectionTests.errors.enumerated()
    where FaultInjectionTests.takesAll || number == draw % 3 {
      let one = 1 + draw % max(1, whole.calls)
      for place in FaultInjectionTests.takesAll ? Array(1...max(1, whole.calls)) : [one] {
        let found = try run((place, error.code))
        let what = "\(line): call \(place) of \(whole.calls) fails by \(error.code): \(found.result.errors)"
        if found.result.status == 0 {
          #expect(Set(found.files.keys) == Set(whole.files.keys), "\(what)")
          // What names folders differs between runs.
          for (name, data) in found.files where ![".json", ".html", ".vrt"].contains(where: name.hasSuffix) {
            #expect(data == whole.files[name], "\(what): \(name)")
          }
        } else {
          #expect(found.files.isEmpty, "\(what): \(found.files.keys.sorted())")
          #expect(found.result.errorLines.count == 1, "\(what)")
          #expect([4, 6].contains(found.result.status), "\(what)")
        }
        // matio keeps to itself why it cannot write, and GDAL's driver of COG opens once.
        if let status = error.status, !line.hasSuffix(".mat"), error.code != EINTR || !line.hasSuffix("COG") {
          #expect([0, status].contains(found.result.status), "\(what)")
        }
      }
    }
  }
}
