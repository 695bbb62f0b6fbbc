import Foundation
import Testing

/// Every kind of bad input ends with the documented exit code and one line that says what is wrong and what to do;
/// nothing is left behind.
@Suite struct BadInputTests {
  /// A command line (words separated by spaces), its exit code and a part of the message.
  struct Case: CustomTestStringConvertible, Sendable {
    let line: String
    let code: Int32
    let message: String

    init(_ line: String, _ code: Int32, _ message: String) {
      (self.line, self.code, self.message) = (line, code, message)
    }

    var testDescription: String { line }
  }

  static let files: [Case] =
    [
      Case("info in/absent.dat", 3, "in/absent.dat does not exist; check the name"),
      Case("unmix in/absent.dat o/a.tif --count 3", 3, "in/absent.dat does not exist"),
      Case("unmix in/empty.dat o/a.tif --count 3", 3, "in/empty.dat: it is empty"),
      Case("unmix in/short.dat o/a.tif --count 3", 3, "or pass --allow-truncated"),
      Case("unmix in/negative.dat o/a.tif --count 3", 3, "negative.hdr: `lines = -4` is no positive number"),
      Case("unmix in/huge.dat o/a.tif --count 3", 3, "huge.hdr"),
      Case("unmix in/zerolines.dat o/a.tif --count 3", 3, "zerolines.hdr"),
      Case("unmix in/nobands.dat o/a.tif --count 3", 3, "nobands.hdr: the header has no `bands`"),
      Case("unmix in/type99.dat o/a.tif --count 3", 3, "type99.hdr: `data type = 99`"),
    ]
    + ["junk.tif", "nothing.tif", "junk.mat", "junk.h5", "junk.npy", "junk.txt"].flatMap { name in
      [Case("info in/\(name)", 3, name), Case("convert in/\(name) o/a.tif", 3, name)]
    }

  static let pixels: [Case] = [
    Case("unmix in/nan.dat o/a.tif --count 3", 3, "0; check --nodata, --mask and --window"),
    Case("unmix in/nan.dat o/a.tif --count 3 --method fcls", 3, "0; check --nodata, --mask and --window"),
    Case("unmix in/nan.dat o/a.tif --count auto", 3, "0; check --nodata"),
    Case("unmix in/nan.dat o/a.tif --endmembers in/s_endmembers.sli", 3, "0; check --nodata"),
    Case("endmembers in/nan.dat o/e.sli --count 3", 3, "0; check --nodata"),
    Case("quicklook in/nan.dat o/q.png", 3, "0; check --nodata"),
    Case("unmix in/constant.dat o/a.tif --count 3", 3, "all valid pixels are the same"),
    Case("unmix in/constant.dat o/a.tif --count 3 --method fcls", 3, "same spectrum"),
    Case("endmembers in/constant.dat o/e.sli --count 3", 3, "same spectrum"),
    Case("unmix in/zero.dat o/a.tif --count 3", 3, "valid pixels but the scene has 0"),
    Case("unmix in/zero.dat o/a.tif --count auto", 3, "valid pixels but the scene has 0"),
    Case("unmix in/few2.dat o/a.tif --count 3", 3, "the scene has 2; check --nodata"),
    Case("unmix in/few2.dat o/a.tif --count 3 --method fcls", 3, "the scene has 2; check --nodata"),
    Case("unmix in/few7.dat o/a.tif --count 8", 3, "the scene has 7"),
    Case("simulate noise in/nan.dat o/n.dat", 3, "0; check --nodata"),
    Case("simulate noise in/nan.dat o/n.dat --range 0,1", 3, "0; check --nodata"),
    Case("simulate noise in/constant.dat o/n.dat", 3, "cannot be brought to [0, 1]"),
    Case("evaluate restoration in/s.dat in/constant.dat", 3, "cannot be brought to [0, 1]"),
    Case("evaluate restoration in/s.dat in/nan.dat", 3, "0; check --nodata"),
    Case("evaluate restoration in/s_abundances.dat in/s.dat", 3, "but the reference has 24 × 20 × 60"),
    Case("evaluate restoration in/s.dat in/s.dat --noisy in/s_abundances.dat", 3, "s_abundances.dat: it has"),
  ]

  static let counts: [Case] = [
    Case("unmix in/s.dat o/a.tif --count 1", 2, "--count is 1 but must be a number from 2, or auto"),
    Case("unmix in/s.dat o/a.tif --count 0", 2, "--count is 0 but"),
    Case("unmix in/s.dat o/a.tif --count -3", 2, "--count is -3 but"),
    Case("unmix in/s.dat o/a.tif -n x", 2, "--count is x but"),
    Case("unmix in/s.dat o/a.tif --count 99999999999999999999", 2, "--count is 99999999999999999999 but"),
    Case("unmix in/s.dat o/a.tif --count 61", 2, "at most 53 are possible"),
    Case("unmix in/s.dat o/a.tif --count 61 --method fcls", 2, "lower --count"),
    Case("endmembers in/s.dat o/e.sli --count 61", 2, "lower --count"),
    Case("endmembers in/s.dat o/e.sli --count 0", 2, "--count is 0 but"),
  ]

  static let spectra: [Case] =
    ["--endmembers", "--library", "--count 3 --library"].flatMap { option in
      [
        Case(
          "unmix in/s.dat o/a.tif \(option) in/far.csv", 3,
          "far.csv: the library (10980–74880 nm) and the scene"),
        Case(
          "unmix in/s.dat o/a.tif \(option) in/forty.csv", 3,
          "forty.csv: it has 40 bands but the scene has 60"),
        Case(
          "unmix in/s.dat o/a.tif \(option) in/header.csv", 3, "header.csv: it has a header but no numbers"),
        Case("unmix in/s.dat o/a.tif \(option) in/empty.csv", 3, "empty.csv: it is empty"),
        Case("unmix in/s.dat o/a.tif \(option) in/absent.sli", 3, "absent.sli does not exist"),
        Case("unmix in/s.dat o/a.tif \(option) in/s.dat", 3, "in/s.dat: it is no spectral library"),
      ]
    } + [
      Case("unmix in/s.dat o/a.tif --endmembers in/gap.csv", 3, "gap.csv has missing or infinite values"),
      Case("spectra info in/absent.sli", 3, "absent.sli does not exist"),
      Case("spectra convert in/s_endmembers.sli o/e.sli --select nothing", 2, "--select is nothing"),
      Case("spectra convert in/s_endmembers.sli o/e.sli --prune 100", 2, "--prune is 100"),
      Case(
        "spectra convert in/s_endmembers.sli o/e.sli --like in/absent.dat", 3, "absent.dat does not exist"),
    ]

  static let windows: [Case] = [
    Case(
      "unmix in/s.dat o/a.tif --count 3 --window 0,0,0,0", 2,
      "--window is 0,0,0,0 but must be X,Y,WIDTH,HEIGHT"),
    Case("unmix in/s.dat o/a.tif --count 3 --window -1,0,5,5", 2, "--window is -1,0,5,5"),
    Case("convert in/s.dat o/a.tif --window 0,0,21,5", 2, "inside the image of 20 samples × 24 lines"),
    Case("info in/s.dat --stats --window 100,0,5,5", 2, "inside the image"),
    Case(
      "convert in/s.dat o/a.tif --window 9223372036854775807,0,9223372036854775807,5", 2, "inside the image"),
    Case(
      "convert in/s.dat o/a.tif --bbox -10,0,1,1", 2,
      "--bbox is -10,0,1,1 but must be a box that meets the image"),
    Case("convert in/s.dat o/a.tif --bbox 1,1,0,0", 2, "--bbox"),
  ]

  static let options: [Case] = [
    Case("unmix in/s.dat o/a.tif --count 3 --frobnicate", 2, "Unknown option '--frobnicate'"),
    Case("frobnicate", 2, "see hsi --help"),
    Case("unmix", 2, "Missing expected argument '<scene>'; see hsi unmix --help"),
    Case("unmix in/s.dat", 2, "see hsi unmix --help"),
    Case("unmix in/s.dat o/a.tif b c --count 3", 2, "2 unexpected arguments"),
    Case("unmix in/s.dat o/a.tif", 2, "one of --count, --endmembers, --library"),
    Case("unmix in/s.dat o/a.tif --count", 2, "Missing value for '--count"),
    Case("unmx in/s.dat o/a.tif --count 3", 2, "there is no command unmx (did you mean unmix?); see hsi --help"),
    Case("classify predct in/s.dat o/a.tif", 2, "(did you mean predict?); see hsi classify --help"),
    Case("unmix in/s.dat o/a.tif --count 3 --method rlbs", 2, "(did you mean rrlbs?)"),
    Case("unmix in/s.dat o/a.tif --endmembers in/s_endmembers.sli --method fcsl", 2, "(did you mean fcls?)"),
    Case("unmix in/s.dat o/a.tif --count 3 --method foo", 2, "there is no blind method foo; known: auto, rrlbs"),
    Case("unmix in/s.dat o/a.tif --count auto --count-method foo", 2, "known: held-back, hysime, hfc, nwhfc"),
    Case("unmix in/s.dat o/a.tif --count 3 --method fcls --extract foo", 2, "known: vca"),
    Case("unmix in/s.dat o/a.tif --endmembers in/s_endmembers.sli --method rrlbs", 2, "known: fcls"),
    Case(
      "unmix in/s.dat o/a.tif --endmembers in/s_endmembers.sli --count 3", 2, "without --count and --library"),
    Case("unmix in/s.dat o/a.tif --count 3 --set foo=1", 2, "auto has no parameter foo; it has"),
    Case("unmix in/s.dat o/a.tif --count 3 --set foo", 2, "--set is foo but must be NAME=NUMBER"),
    Case(
      "unmix in/s.dat o/a.tif --count 3 --set iterations=1e300", 2, "iterations is 1e+300 but must be from"),
    Case("unmix in/s.dat o/a.tif --library in/s_endmembers.sli --set lambda=-1", 2, "sunsal lambda is -1"),
    Case("unmix in/s.dat o/a.xyz --count 3", 2, "o/a.xyz"),
    Case("unmix in/s.dat o/a.tif --count 3 --of foo", 2, "--of is foo but must be one of GTiff"),
    Case("unmix in/s.dat o/a.tif --count 3 --co COMPRESS=FOO", 2, "--co is COMPRESS=FOO"),
    Case("unmix in/s.dat o/a.tif --count 3 --co COMPRESS", 2, "--co is COMPRESS but must be NAME=VALUE"),
    Case("convert in/s.dat o/a.dat --co TILED=YES", 2, "--co is TILED=YES"),
    Case("convert in/s.dat o/a.tif --of COG --co COMPRESS=FOO -b 1-3", 2, "--co is COMPRESS=FOO"),
    Case("unmix in/s.dat o/a.tif --count 3 --memory x", 2, "--memory is x but must be a size such as 512M"),
    Case("unmix in/s.dat o/a.tif --count 3 --memory 1", 6, "raise --memory"),
    Case("unmix in/s.dat o/a.tif --count 3 -j 0", 2, "--threads is 0"),
    Case("unmix in/s.dat o/a.tif --count 3 --seed -1", 2, "--seed is -1"),
    Case(
      "unmix in/s.dat o/a.tif --count 3 --progress foo", 2,
      "--progress is foo but must be auto, bar, json or none"),
    Case("unmix in/s.dat o/a.tif --count 3 --config foo", 2, "--config is foo but must be KEY=VALUE"),
    Case("unmix in/s.dat o/a.tif --count 3 --add foo", 2, "--add is foo"),
    Case("unmix in/s.dat o/a.tif --count 3 -b 0", 2, "must be numbers from 1"),
    Case("unmix in/s.dat o/a.tif --count 3 -b 61", 2, "between 1 and 60"),
    Case("unmix in/s.dat o/a.tif --count 3 -b 1-9999999999", 2, "must be numbers from 1"),
    Case("unmix in/s.dat o/a.tif --count 3 --wl 3000-4000", 2, "--wl"),
    Case("unmix in/s.dat o/a.tif --count 3 --wl 500-900,3000-4000", 2, "--wl is 3000-4000"),
    Case("quicklook in/s.dat o/a.png --wl 650,550,5000", 2, "--wl is 5000 but must be within 50 nm"),
    Case("info in/s.dat --sensor hyperoin", 2, "did you mean hyperion?"),
    Case("unmix in/s.dat o/a.tif --count 3 --mask in/absent.tif", 3, "absent.tif does not exist"),
    Case("unmix in/s.dat o/a.tif --count 3 --nodata x", 2, "--nodata is x"),
    Case("unmix in/s.dat o/a.tif --count 3 --nodata-policy x", 2, "--nodata-policy is x"),
    Case("unmix in/s.dat o/a.tif --count 3 --quantity x", 2, "--quantity is x"),
    Case("unmix in/s.dat o/a.tif --count 3 --input-format x", 2, "input format is x"),
    Case("unmix in/s.dat o/a.tif --count 3 --input-format MATLAB", 3, "no MATLAB file"),
    Case("unmix in/s.dat o/a.tif --count 3 --var foo", 2, "--var is foo but must be left out"),
    Case("unmix in/s.dat o/a.tif --count 3 --axes bhw", 2, "--axes is bhw but must be left out"),
    Case("unmix in/s.dat o/a.tif --count 3 --wavelengths 400:2500:10", 3, "10 wavelengths for 60 bands"),
    Case("unmix in/s.dat o/a.tif --count 3 --wavelengths in/absent.csv", 3, "absent.csv does not exist"),
    Case("quicklook in/s.dat o/q.png --bands 0", 2, "--bands is 0"),
    Case("quicklook in/s.dat o/q.png --bands 1,2", 2, "one or three bands from 1 to 60"),
    Case("quicklook in/s.dat o/q.png --stretch 98,2", 2, "--stretch is 98,2"),
    Case("quicklook in/s.dat o/q.jpg", 2, "ends in .png"),
    Case("quicklook in/s.dat o/q.png --size 0", 2, "--size is 0"),
    Case("simulate scene o/x.dat --rows 0", 2, "rows is 0"),
    Case("simulate scene o/x.dat --rows -5", 2, "rows is -5"),
    Case("simulate scene o/x.dat --rows 99999999999 --cols 99999999999", 2, "rows is 99999999999"),
    Case("simulate scene o/x.dat --endmembers 0", 2, "endmembers is 0"),
    Case("simulate scene o/x.dat --endmembers in/absent.sli", 3, "absent.sli does not exist"),
    Case("simulate scene o/x.dat --bands 0", 2, "--bands is 0"),
    Case("simulate scene o/x.dat --bad-bands 500", 2, "bad bands is 500"),
    Case("simulate scene o/x.dat --snr x", 2, "--snr is x"),
    Case("simulate scene o/x.dat --purity 7", 2, "purity is 7"),
    Case("simulate scene o/x.dat --ot int8", 2, "--ot is int8"),
    Case("simulate noise in/s.dat o/n.dat --kind fog", 2, "--kind is fog but must be one of gaussian, blind"),
    Case("simulate noise in/s.dat o/n.dat --sigma -5", 2, "sigma is -5.0 but must be from 0"),
    Case("simulate noise in/s.dat o/n.dat --sigma x", 2, "--sigma is x"),
    Case("simulate noise in/s.dat o/n.dat --sigma 10,20", 2, "must be one number for gaussian"),
    Case("simulate noise in/s.dat o/n.dat --kind blind --sigma 70,10", 2, "must be LOWEST,HIGHEST"),
    Case("simulate noise in/s.dat o/n.dat --range 1,0", 2, "--range is 1,0"),
    Case("evaluate restoration in/s.dat in/s.dat --range 1,1", 2, "--range is 1,1"),
    Case("evaluate restoration in/s.dat in/s.dat --ssim-range 3", 2, "--ssim-range is 3 but must be 1 or 2"),
    Case("evaluate restoration in/s.dat in/s.dat --memory 100K", 6, "holding 2 scenes of 24 × 20 × 53"),
    Case("evaluate unmixing in/s_abundances.dat --reference in/absent.tif", 3, "absent.tif does not exist"),
    Case(
      "evaluate unmixing in/s_abundances.dat --reference in/s_abundances.dat --match sad", 2, "--match is sad"
    ),
    Case("methods foo", 2, "there is no method foo; known: held-back, hysime"), Case("schema foo", 2, "must be report"),
  ]

  static let denoising: [Case] = [
    Case("denoise in/absent.dat o/a.tif", 3, "in/absent.dat does not exist"),
    Case("denoise in/nan.dat o/a.tif", 3, "denoising needs at least 1 valid pixel"),
    Case("denoise in/short.dat o/a.tif", 3, "or pass --allow-truncated"),
    Case("denoise in/s.dat", 2, "see hsi denoise --help"),
    Case("denoise in/s.dat o/a.tif --method foo", 2, "there is no denoising method foo; known: pca"),
    Case("denoise in/s.dat o/a.tif --method mnf --set foo=1", 2, "mnf has no parameter foo; it has"),
    Case("denoise in/s.dat o/a.tif --method mnf --set rank=0", 2, "mnf rank is 0.0"),
    Case("denoise in/s.dat o/a.tif --method mnf --model hsdt", 2, "without --model and --weights"),
    Case("denoise in/s.dat o/a.tif --set rank=3", 2, "--set is rank=3 but must be used with --method"),
    Case("denoise in/s.dat o/a.tif --model foo", 2, "there is no model foo; known: hsdt"),
    Case("denoise in/s.dat o/a.tif --model hsdt --weights in/absent.pth", 7, "in/absent.pth does not exist"),
    Case("denoise in/s.dat o/a.tif --model hsdt --weights in/junk.txt", 7, "in/junk.txt"),
    Case("denoise in/s.dat o/a.tif --method mnf --memory 100K", 6, "raise --memory"),
    Case("denoise in/s.dat o/a.tif --memory 100K", 6, "raise --memory"),
    Case("denoise in/s.dat o/a.tif --ot int8", 2, "--ot is int8 but must be float32 or same"),
    Case("denoise in/s.dat o/a.tif --noise -1", 2, "--noise is -1"),
    Case("denoise in/s.dat o/a.tif --noise in/absent.csv", 3, "in/absent.csv does not exist"),
    Case("denoise in/s.dat o/a.tif --noise in/junk.txt", 3, "it has 0 noise levels but the scene has 60 bands"),
    Case("denoise in/s.dat o/a.tif -b 61", 2, "between 1 and 60"),
    Case("denoise in/s.dat o/a.tif --window 0,0,99,99", 2, "inside the image"),
    Case("denoise in/s.dat o/a.xyz", 2, "o/a.xyz"),
    Case("denoise in/s.dat nowhere/a.tif", 4, "nowhere does not exist"),
    Case("denoise in/s.dat in/s.dat --overwrite", 4, "in/s.dat is an input of this command"),
    Case("denoise in/s.dat o/a.tif --residual o/a.tif", 2, "different from every other output"),
  ]

  static let places: [Case] = [
    Case("unmix in/s.dat nowhere/a.tif --count 3", 4, "nowhere does not exist"),
    Case("unmix in/s.dat /proc/a.tif --count 3", 4, "cannot write /proc/a.tif"),
    Case("unmix in/s.dat o --count 3", 4, "cannot write o: it is a folder"),
    Case("unmix in/s.dat o/a.tif --count 3 --report nowhere/r.json", 4, "nowhere does not exist"),
    Case("unmix in/s.dat o/a.tif --count 3 --report o/a.tif", 2, "different from every other output"),
    Case("unmix in/s.dat in/s.dat --count 3 --overwrite", 4, "in/s.dat is an input of this command"),
    Case("unmix in/s.dat in/../in/s.dat --count 3 --overwrite", 4, "is an input of this command"),
    Case("convert in/s.dat in/s.img --overwrite", 4, "in/s.hdr is an input of this command"),
    Case(
      "unmix in/s.dat o/a.tif --endmembers in/s_endmembers.sli --endmembers-out in/s_endmembers --overwrite",
      4,
      "s_endmembers.sli is an input"),
    Case("quicklook in/s.dat nowhere/q.png", 4, "nowhere does not exist"),
    Case("endmembers in/s.dat nowhere/e.sli --count 3", 4, "nowhere does not exist"),
    Case("simulate scene nowhere/x.dat", 4, "nowhere does not exist"),
    Case("simulate noise in/s.dat nowhere/n.dat", 4, "nowhere does not exist"),
    Case("simulate noise in/s.dat in/s.dat --overwrite", 4, "in/s.dat is an input of this command"),
    Case("spectra convert in/s_endmembers.sli nowhere/e.sli", 4, "nowhere does not exist"),
    Case("convert in/s.dat in/s_endmembers.sli", 2, "output name"),
  ]

  @Test(arguments: files + pixels + counts) func scenesAndCounts(_ test: Case) throws { try check(test) }
  @Test(arguments: spectra + windows + places) func spectraWindowsAndPlaces(_ test: Case) throws {
    try check(test)
  }
  @Test(arguments: denoising) func denoisingIsChecked(_ test: Case) throws { try check(test) }
  @Test(arguments: options) func optionsAreChecked(_ test: Case) throws { try check(test) }

  private func check(_ test: Case) throws {
    let place = try SampleScene.workplace()
    let result = try Tool.run(test.line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == test.code, "\(result.errors)")
    #expect(result.errorLines.count == 1, "\(result.errors)")
    #expect(result.errorLines.first?.contains(test.message) == true, "\(result.errors)")
    #expect(result.errors.split(separator: "\n").allSatisfy { $0.hasPrefix("hsi: ") }, "\(result.errors)")
    #expect(result.output.isEmpty)
    #expect(place.names == ["in", "o"])
    let left = try FileManager.default.contentsOfDirectory(atPath: place.path("o"))
    #expect(left.isEmpty, "\(left)")
  }

  /// Files that are odd but usable: a warning that names the file, and a result.
  @Test(arguments: [
    ("unmix in/long.dat o/a.tif --count 3", "W-ENVI-LONG: in/long.dat"),
    ("info in/nounits.dat", "W-WL-UNIT: in/nounits.dat"),
    ("unmix in/s.dat o/a.tif --library in/gap.csv", "W-LIB-GAPS: in/gap.csv"),
  ])
  func oddButUsable(line: String, warning: String) throws {
    let place = try SampleScene.workplace()
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.contains("hsi: warning: ") && result.errors.contains(warning), "\(result.errors)")
  }

  /// Lines that a truncated file lacks are no data; those it has are not touched.
  @Test func truncatedFileOnRequest() throws {
    let place = try SampleScene.workplace()
    func run(_ line: String) throws -> Tool.Result {
      try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    }
    #expect(try run("convert in/s.dat s.bil").status == 0)
    #expect(try run("unmix s.bil o/a.dat --endmembers in/s_endmembers.sli").status == 0)
    let file = try FileHandle(forWritingTo: place.url.appendingPathComponent("s.bil"))
    try file.truncate(atOffset: UInt64(4 * SampleScene.samples * SampleScene.bands * 10))
    try file.close()
    #expect(try run("unmix s.bil o/b.dat --endmembers in/s_endmembers.sli").status == 3)
    let result = try run("unmix s.bil o/b.dat --endmembers in/s_endmembers.sli --allow-truncated")
    #expect(result.status == 0, "\(result.errors)")
    let whole = try SampleScene.floats(place.url.appendingPathComponent("o/a.dat"))
    let part = try SampleScene.floats(place.url.appendingPathComponent("o/b.dat"))
    let pixels = SampleScene.lines * SampleScene.samples
    for i in whole.indices {
      #expect(i % pixels < 10 * SampleScene.samples ? part[i] == whole[i] : part[i].isNaN)
    }
  }

  /// Invalid pixels are NaN in every map; no other pixel is touched by them.
  @Test(arguments: ["rrlbs", "fcls", "sunsal-tv"]) func invalidPixelsDoNotSpread(method: String) throws {
    let place = try SampleScene.workplace()
    let line = "unmix in/spots.dat o/a.dat --count 3 --method \(method) --residual o/r.dat --guidance o/g.dat"
    let result = try Tool.run(line.split(separator: " ").map(String.init), in: place.url)
    #expect(result.status == 0, "\(result.errors)")
    let invalid: Set = [3 * 20 + 4, 3 * 20 + 5, 10 * 20 + 10]
    let pixels = SampleScene.lines * SampleScene.samples
    for name in ["a.dat", "r.dat", "g.dat"]
    where FileManager.default.fileExists(atPath: place.path("o/" + name)) {
      let values = try SampleScene.floats(place.url.appendingPathComponent("o/" + name))
      for (i, value) in values.enumerated() {
        #expect(value.isFinite == !invalid.contains(i % pixels), "\(name) \(i)")
      }
    }
  }
}
