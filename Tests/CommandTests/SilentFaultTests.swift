import Foundation
import HSIKit
import Testing

/// What was wrong without a word: each test stands for a kind, over the commands that share it.
@Suite struct SilentFaultTests {
  private func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }

  @discardableResult
  private func run(_ line: String, _ place: TemporaryFolder, _ status: Int32 = 0, _ word: String? = nil) throws
    -> Tool.Result
  {
    let result = try Tool.run(words(line), in: place.url)
    #expect(result.status == status, "\(line)\n\(result.errors)")
    if let word { #expect(result.errors.contains(word), "\(line)\n\(result.errors)") }
    return result
  }

  /// Weights that are NaN or infinite would make everything so: refused by every command that reads them.
  @Test(arguments: [Float.nan, .infinity])
  func weightsThatAreNoNumbers(value: Float) throws {
    let place = try SampleScene.workplace()
    let train = "train denoise in/s.dat --model hsdt-tiny --patch 8 --stride 8 --scales 1 --band-steps 1 --batch 2"
    try run(train + " --epochs 1 --patches-per-epoch 4 --evaluate-every 2 --out o/w.safetensors -q", place)
    let file = try WeightFile.open(place.path("o/w.safetensors"))
    let tensor = try #require(file.tensors.last { $0.shape.count > 1 })
    let values = try tensor.floats()
    values.output[0] = value
    try SafetensorsWriter.write(
      file.tensors.map { ($0.name, $0.name == tensor.name ? .floats(values) : .stored($0)) }, card: file.card(),
      to: place.path("o/bad.safetensors"), overwrite: true)
    let refused = try run("denoise in/s.dat o/x.tif --weights o/bad.safetensors", place, 7, "E-WEIGHTS-NUMBERS")
    #expect(refused.errorLines.count == 1 && refused.errors.contains(tensor.name))
    #expect(!FileManager.default.fileExists(atPath: place.path("o/x.tif")))
    try run(train + " --from o/bad.safetensors --out o/y.safetensors", place, 7, "E-WEIGHTS-NUMBERS")
  }

  /// A queued job repeats its command: `--resume` where nothing was saved yet begins, and says so.
  @Test(arguments: [
    "train denoise in/s.dat --model hsdt-tiny --patch 8 --stride 8 --scales 1 --band-steps 1 --batch 2 --epochs 1 "
      + "--patches-per-epoch 4 --evaluate-every 2",
    "pretrain in/s.dat --epochs 1 --windows-per-epoch 4 --batch 4 --evaluate-every 1 --side 8 --most-bands 8",
  ])
  func resumeBeforeTheFirstState(line: String) throws {
    let place = try SampleScene.workplace()
    try run(line + " --resume --out o/w.safetensors", place, 0, "W-TRAINING-ANEW")
    #expect(FileManager.default.fileExists(atPath: place.path("o/w.safetensors")))
    let again = try run(line + " --resume --out o/w.safetensors", place)
    #expect(!again.errors.contains("W-TRAINING-ANEW"))
  }

  /// Names of spectra hold any separator, quote or comment character, and come back from every format that hsi writes.
  @Test func namesWithSeparators() throws {
    let place = try SampleScene.workplace()
    let names = ["kaolinite; KGa-1", "a,b", "say \"so\"", "# three"]
    let cells = names.map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }.joined(separator: ",")
    let rows = (0..<5).map { "\(450 + 50 * $0),0.1,0.2,0.3,0.\($0)" }.joined(separator: "\n")
    try Data("wavelength_nm,\(cells)\n\(rows)\n".utf8).write(to: URL(fileURLWithPath: place.path("o/in.csv")))
    try run("spectra convert o/in.csv o/out.csv", place)
    try run("spectra convert o/out.csv o/back.csv", place)
    let back = try SpectralLibraryFile.read(place.path("o/back.csv"), context: RunContext())
    #expect(back.names == names && back.bands == 5 && back[3].last == 0.4)
    // Decimal commas with semicolons are still told from them.
    try Data("nm;eins;zwei\n450;0,1;0,2\n500;0,3;0,4\n".utf8).write(to: URL(fileURLWithPath: place.path("o/de.csv")))
    let german = try SpectralLibraryFile.read(place.path("o/de.csv"), context: RunContext())
    #expect(german.names == ["eins", "zwei"] && german[1].last == 0.4)
  }

  /// The most natural call: a library beside the CSV that it is made from, which stays as it is.
  @Test func libraryBesideItsCSV() throws {
    let place = try SampleScene.workplace()
    let text = "wavelength_nm,a,b\n450,0.10,0.2\n500,0.30,0.4\n"
    try Data(text.utf8).write(to: URL(fileURLWithPath: place.path("o/l.csv")))
    try run("spectra convert o/l.csv o/l.sli", place)
    #expect(try String(contentsOfFile: place.path("o/l.csv"), encoding: .utf8) == text)
    #expect(try SpectralLibraryFile.read(place.path("o/l.sli"), context: RunContext()).names == ["a", "b"])
    try run("spectra convert o/l.csv o/l.csv --overwrite", place, 4, "E-OUTPUT-IS-INPUT")
  }

  /// What exists under the very name is that file, not a pattern.
  @Test(arguments: ["star*.dat", "q?m.dat"])
  func filesWithPatternCharacters(name: String) throws {
    let place = try SampleScene.workplace()
    for (from, to) in [("in/s.dat", name), ("in/s.hdr", name.replacing(".dat", with: ".hdr"))] {
      try FileManager.default.copyItem(atPath: place.path(from), toPath: place.path("o/" + to))
    }
    let result = try run("info o/\(name)", place)
    #expect(result.output.contains("60 bands") && !result.errors.contains("W-STACK"), "\(result.output)")
  }

  /// Spectra are compared at their wavelengths: descending files give the same figures, shifted ones are resampled and said.
  @Test func evaluationByWavelength() throws {
    let place = try SampleScene.workplace()
    let truth = try SpectralLibraryFile.read(place.path("in/s_endmembers.sli"), context: RunContext())
    let wavelengths = try #require(truth.axis.wavelengths)
    func write(_ name: String, _ library: SpectralLibrary) throws {
      try SpectralLibraryFile.writeCSV(library, to: place.path("o/" + name), overwrite: true)
    }
    try write("up.csv", truth)
    try write("down.csv", truth.selecting(bands: Array((0..<truth.bands).reversed())))
    var shifted = truth
    shifted.axis = SpectralAxis(wavelengths: wavelengths.map { $0 + 4 })
    try write("shifted.csv", shifted)
    shifted.axis = SpectralAxis(wavelengths: wavelengths.map { $0 + 9000 })
    try write("far.csv", shifted)
    let line = "evaluate unmixing in/s_abundances.dat --reference in/s_abundances.dat --json --endmembers o/up.csv"
    func mean(_ reference: String, _ status: Int32 = 0) throws -> (Double?, String) {
      let result = try run(line + " --reference-endmembers o/\(reference)", place, status)
      let object = try? JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
      return (object?["mean_sad"] as? Double ?? (object?["mean"] as? [String: Any])?["sad"] as? Double, result.errors)
    }
    let (same, reversed, moved) = (try mean("up.csv"), try mean("down.csv"), try mean("shifted.csv"))
    #expect(abs((same.0 ?? 1) - (reversed.0 ?? 2)) < 1e-7 && !reversed.1.contains("W-"), "\(same) \(reversed)")
    #expect(moved.1.contains("W-SPECTRA-RESAMPLED"))
    #expect(try mean("far.csv", 3).1.contains("do not overlap"))
  }

  /// Iterations that met their limit are said by every sparse method.
  @Test(arguments: ["sunsal", "clsunsal", "sunsal-tv"])
  func iterationsThatRanOut(method: String) throws {
    let place = try SampleScene.workplace()
    let line = "unmix in/s.dat o/a.tif --library in/s_endmembers.sli --method \(method) --set tolerance=1e-9"
    try run(line + " --set iterations=2", place, 0, "W-NOT-CONVERGED")
  }

  /// More endmembers than the pixels span are refused by every extractor, without noise too.
  @Test(arguments: ["vca", "sisal", "spa", "nfindr"])
  func moreEndmembersThanDimensions(method: String) throws {
    let place = try SampleScene.workplace()
    try run(
      "simulate scene o/c.dat --rows 20 --cols 20 --endmembers 3 --bands 30 --snr none --variability 0 --seed 4", place)
    let result = try run("endmembers o/c.dat o/e.sli --count 6 --method \(method)", place, 2, "E-COUNT")
    #expect(result.errorLines.count == 1 && !FileManager.default.fileExists(atPath: place.path("o/e.sli")))
    try run("endmembers o/c.dat o/e.sli --count 3 --method \(method)", place)
  }

  /// Spectra in other units than the scene: refused with the factor, right when it is given, believed when 1 is.
  @Test func spectraInOtherUnits() throws {
    let place = try SampleScene.workplace()
    try run("convert in/s.dat o/f.dat --ot float32", place)
    let path = place.url.appendingPathComponent("o/f.dat")
    let values = try SampleScene.floats(path)
    try values.map { $0 * 10_000 }.withUnsafeBytes { try Data($0).write(to: path) }
    for option in ["--endmembers", "--library"] {
      let line = "unmix o/f.dat o/a.dat \(option) in/s_endmembers.sli --overwrite"
      let refused = try run(line, place, 3, "--spectra-scale 10000")
      #expect(refused.errorLines.count == 1 && refused.errors.contains("10000 times"))
      try run(line + " --spectra-scale 10000", place)
      try run("unmix in/s.dat o/b.dat \(option) in/s_endmembers.sli --overwrite", place)
      let (a, b) = try (
        SampleScene.floats(place.url.appendingPathComponent("o/a.dat")),
        SampleScene.floats(place.url.appendingPathComponent("o/b.dat"))
      )
      if option == "--endmembers" {
        #expect(zip(a, b).allSatisfy { ($0.isNaN && $1.isNaN) || abs($0 - $1) < 1e-3 })
      }
      try run(line + " --spectra-scale 1", place)
    }
    // A spectrum of shade takes the lower bound away, not the upper one; a scene that is far too dark is refused without it.
    let truth = try SpectralLibraryFile.read(place.path("in/s_endmembers.sli"), context: RunContext())
    let shade = SpectralLibrary(
      names: truth.names + ["shade"], axis: truth.axis,
      values: truth.values + [Double](repeating: 0, count: truth.bands))
    try SpectralLibraryFile.writeCSV(shade, to: place.path("o/shade.csv"), overwrite: true)
    try run("unmix o/f.dat o/a.dat --endmembers o/shade.csv --overwrite", place, 3, "--spectra-scale 10000")
    try run("unmix in/s.dat o/a.dat --endmembers o/shade.csv --overwrite", place)
    try values.map { $0 / 100 }.withUnsafeBytes { try Data($0).write(to: path) }
    try run("unmix o/f.dat o/a.dat --endmembers in/s_endmembers.sli --overwrite", place, 3, "--spectra-scale 0.01")
    try run(
      "unmix in/s.dat o/a.dat --endmembers in/s_endmembers.sli --overwrite --spectra-scale 0", place, 2,
      "--spectra-scale")
    try run("unmix in/s.dat o/a.dat --count 3 --overwrite --spectra-scale 2", place, 2, "--spectra-scale")
  }

  /// A GeoTIFF that ends anywhere: what is printed are our lines, not those of the libraries below.
  @Test func messagesOfLibrariesStayInside() throws {
    let place = try SampleScene.workplace()
    try run("convert in/s.dat o/s.tif", place)
    let whole = try Data(contentsOf: place.url.appendingPathComponent("o/s.tif"))
    for part in [1, 16, 200] {
      let path = place.url.appendingPathComponent("o/cut\(part).tif")
      try whole.prefix(whole.count * part / 256).write(to: path)
      for line in ["info o/cut\(part).tif", "quicklook o/cut\(part).tif o/cut\(part).png"] {
        let result = try Tool.run(words(line), in: place.url)
        #expect([0, 3].contains(result.status), "\(line): \(result.errors)")
        #expect(result.errorLines.count == (result.status == 0 ? 0 : 1), "\(line): \(result.errors)")
        let lines = result.errors.split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix("hsi: ") }, "\(line): \(result.errors)")
      }
    }
  }

  /// A model meets a scene in other units: refused with the factor, the same map when it is given, believed when 1 is. Models that
  /// are blind to brightness, or bring a scene to their range, map it.
  @Test func scenesInOtherUnitsThanTheModel() throws {
    let place = try SampleScene.workplace()
    try run("simulate labels in/s_abundances.dat l.dat --purity 0.5", place)
    try run("convert in/s.dat o/f.dat --ot float32", place)
    let path = place.url.appendingPathComponent("o/f.dat")
    try SampleScene.floats(path).map { $0 * 10_000 }.withUnsafeBytes { try Data($0).write(to: path) }
    // One of the pixel-wise classifiers, which share the check, one of LIBSVM, one blind to brightness, and two networks.
    let models = [
      "gml": "", "svm": "", "sam": "", "lola-specvit-tiny": "--set epochs=1", "less-tiny": "--set epochs=1",
    ]
    for (model, settings) in models {
      try run(
        "classify train in/s.dat l.dat --train 8/class --guard 0 -q --model \(model) \(settings) --out \(model).safetensors",
        place)
      let line = "classify predict o/f.dat \(model).dat --overwrite --model \(model).safetensors"
      switch model {
      case "sam": try run(line, place)
      case "less-tiny": try run(line, place, 0, "W-MODEL-SCALE")
      default:
        let refused = try run(line, place, 7, "--scene-scale 0.0001")
        #expect(refused.errorLines.count == 1 && refused.errors.contains("10000 times"), "\(model)")
        try run(line + " --scene-scale 0.0001 --prob o/a.dat", place)
        try run("classify predict in/s.dat o/m.dat --overwrite --model \(model).safetensors --prob o/b.dat", place)
        let (a, b) = try (
          SampleScene.floats(place.url.appendingPathComponent("o/a.dat")),
          SampleScene.floats(place.url.appendingPathComponent("o/b.dat"))
        )
        #expect(a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 2e-3 }, "\(model)")
      }
    }
    // Believed where it is said, also where it is wrong: the map says so itself.
    try run("classify predict o/f.dat o/told.dat --model svm.safetensors --scene-scale 1", place)
    try run("classify predict o/f.dat o/w.dat --model gml.safetensors --scene-scale 1e-6", place, 0, "W-ONE-CLASS")
    // An ensemble is as strict as its members, and so is fine-tuning, whose adapter knows the units that it learned.
    try run(
      "classify predict o/f.dat o/e.dat --model sam.safetensors --with svm.safetensors", place, 7,
      "--scene-scale 0.0001")
    let tune =
      "classify finetune o/f.dat l.dat --train 8/class --guard 0 -q --from lola-specvit-tiny.safetensors --lora r=2"
    try run(tune + " --epochs 1 --out t.safetensors", place, 7, "--scene-scale 0.0001")
    try run(tune + " --epochs 1 --out t.safetensors --scene-scale 0.0001", place)
    let adapted = "--model lola-specvit-tiny.safetensors --adapter t.safetensors"
    try run("classify predict o/f.dat o/t.dat \(adapted)", place, 7, "--scene-scale 0.0001")
    try run("classify predict in/s.dat o/t.dat \(adapted)", place)
    for factor in ["0", "-1", "nan", "inf"] {
      try run("info in/s.dat --scene-scale=\(factor)", place, 2, "--scene-scale")
    }
  }

  /// Fill that no header declares: pixels of zeros have no abundances, are no endmembers, are not denoised, and are counted once.
  @Test func undeclaredFill() throws {
    let place = try SampleScene.workplace()
    try run("convert in/s.dat o/f.dat --ot float32", place)
    let path = place.url.appendingPathComponent("o/f.dat")
    var values = try SampleScene.floats(path)
    let (bands, samples, pixels) = (SampleScene.bands, SampleScene.samples, SampleScene.lines * SampleScene.samples)
    for band in 0..<bands { for sample in 0..<samples { values[band * pixels + 3 * samples + sample] = 0 } }
    try values.withUnsafeBytes { try Data($0).write(to: path) }
    let header = try String(contentsOfFile: place.path("o/f.hdr"), encoding: .utf8)
    #expect(header.contains("interleave = bsq"))
    let lines = [
      "unmix o/f.dat o/a.dat --endmembers in/s_endmembers.sli", "unmix o/f.dat o/c.dat --count 3",
      "endmembers o/f.dat o/e.csv --count 3 --method nfindr", "denoise o/f.dat o/d.dat --method pca",
    ]
    for line in lines {
      let result = try run(line, place, 0, "W-ZERO-SPECTRA")
      #expect(result.errors.contains("20 pixels"), "\(result.errors)")
    }
    // What is no data keeps what is stored.
    #expect(try SampleScene.floats(place.url.appendingPathComponent("o/d.dat"))[3 * samples] == 0)
    for name in ["o/a.dat", "o/c.dat"] {
      let result = try SampleScene.floats(place.url.appendingPathComponent(name))
      #expect((0..<samples).allSatisfy { result[3 * samples + $0].isNaN } && result[0].isFinite, "\(name)")
    }
    let found = try SpectralLibraryFile.read(place.path("o/e.csv"), context: RunContext())
    #expect((0..<3).allSatisfy { found[$0].contains { $0 > 0.01 } })
    let kept = try run("unmix o/f.dat o/k.dat --endmembers in/s_endmembers.sli --nodata none", place)
    #expect(!kept.errors.contains("W-ZERO-SPECTRA"))
    #expect(try SampleScene.floats(place.url.appendingPathComponent("o/k.dat"))[3 * samples].isFinite)
    // A pixel without length has no direction, and no abundances.
    try run("unmix o/f.dat o/n.dat --count 3 --normalise --nodata none", place)
    #expect(try SampleScene.floats(place.url.appendingPathComponent("o/n.dat"))[3 * samples].isNaN)
  }

  /// No data of 0 is a pixel that is 0 in all bands, whatever the type: single zeros are clipped or noisy samples.
  @Test func nodataOfZero() throws {
    let place = try SampleScene.workplace()
    try run("convert in/s.dat o/f.dat --ot float32", place)
    let path = place.url.appendingPathComponent("o/f.dat")
    var values = try SampleScene.floats(path)
    for n in stride(from: 0, to: values.count, by: 7) { values[n] = 0 }
    try values.withUnsafeBytes { try Data($0).write(to: path) }
    let header = try String(contentsOfFile: place.path("o/f.hdr"), encoding: .utf8)
      .replacing(/data ignore value = .*\n/, with: "")
    try Data((header + "data ignore value = 0\n").utf8).write(to: URL(fileURLWithPath: place.path("o/f.hdr")))
    try run("unmix o/f.dat o/a.dat --endmembers in/s_endmembers.sli", place)
    #expect(try SampleScene.floats(place.url.appendingPathComponent("o/a.dat")).allSatisfy { $0.isFinite })
    try run("unmix o/f.dat o/b.dat --endmembers in/s_endmembers.sli --nodata-policy any", place, 3)
  }

  /// A run that ends worse than its input, or in numbers that are none, is no success without a word.
  @Test func trainingThatDiverges() throws {
    let place = try SampleScene.workplace()
    let line =
      "train denoise in/s.dat --model hsdt-tiny --patch 8 --stride 8 --scales 1 --band-steps 1 --batch 2 --epochs 1 "
      + "--patches-per-epoch 8 --evaluate-every 4 --out o/w.safetensors"
    let result = try Tool.run(words(line + " --rate 1"), in: place.url)
    #expect(
      (result.status == 0 && result.errors.contains("W-TRAINING-HARM"))
        || (result.status == 7 && result.errors.contains("E-TRAINING-DIVERGED")), "\(result.errors)")
  }

  /// Sparse regression that leaves nothing says so.
  @Test(arguments: ["sunsal", "s2wsu"])
  func sparsityThatLeavesNothing(method: String) throws {
    let place = try SampleScene.workplace()
    try run(
      "unmix in/s.dat o/a.dat --library in/s_endmembers.sli --method \(method) --set lambda=1e6", place, 0,
      "W-NO-ABUNDANCES")
  }

  /// Methods without sparsity are not told of it.
  @Test func nothingExplainedWithoutSparsity() throws {
    let place = try SampleScene.workplace()
    try run("convert in/s.dat o/f.dat --ot float32", place)
    let path = place.url.appendingPathComponent("o/f.dat")
    let values = try SampleScene.floats(path).map { -$0 }
    try values.withUnsafeBytes { try Data($0).write(to: path) }
    let line = "unmix o/f.dat o/a.dat --endmembers in/s_endmembers.sli --method nnls --spectra-scale 1"
    #expect(!(try run(line, place, 0, "W-NO-ABUNDANCES").errors.contains("lambda")))
  }

  /// A merged classifier maps as model and adapter do, whatever was adapted; an adapter beside other weights is refused.
  @Test(arguments: ["lora:r=2", "s2ft:ratio=0.1", "sara:share=0.05", "prune:2:4", "none"])
  func adaptersAndTheirBase(_ kind: String) throws {
    let place = try SampleScene.workplace()
    try run("simulate labels in/s_abundances.dat l.dat --purity 0.5", place)
    let data = "in/s.dat l.dat --train 20% --guard 0 -q"
    for (name, seed) in [("base", 1), ("other", 9)] {
      try run(
        "classify train \(data) --model lola-specvit-tiny --set epochs=1 --seed \(seed) --out \(name).safetensors",
        place)
    }
    try run("classify finetune \(data) --from base.safetensors --adapter \(kind) --epochs 1 --out a.safetensors", place)
    try run("classify predict in/s.dat one.dat --model base.safetensors --adapter a.safetensors --prob p1.dat", place)
    try run("model merge base.safetensors merged.safetensors --adapter a.safetensors", place)
    try run("classify predict in/s.dat two.dat --model merged.safetensors --prob p2.dat", place)
    let (first, second) = try (
      SampleScene.floats(place.url.appendingPathComponent("p1.dat")),
      SampleScene.floats(place.url.appendingPathComponent("p2.dat"))
    )
    let gap = zip(first, second).reduce(0) { max($0, abs($1.0 - $1.1)) }
    #expect(first.count == second.count && gap < 1e-5, "\(gap)")
    try run(
      "classify predict in/s.dat x.dat --model other.safetensors --adapter a.safetensors", place, 7, "E-ADAPTER-BASE")
  }

  /// A library gives its names to what resembles its spectra; the nearest of strangers is said, not taken.
  @Test func namesOfStrangers() throws {
    let place = try SampleScene.workplace()
    let truth = try SpectralLibraryFile.read(place.path("in/s_endmembers.sli"), context: RunContext())
    try run("unmix in/s.dat o/a.tif --count 3 --library in/s_endmembers.sli --report o/a.json", place)
    let named = try String(contentsOfFile: place.path("o/a.json"), encoding: .utf8)
    #expect(truth.names.allSatisfy { named.contains("\"\($0)\"") })
    var stranger = truth.selecting([0, 1])
    stranger.names = ["comb", "rake"]
    for k in 0..<2 {
      for l in 0..<stranger.bands { stranger.values[k * stranger.bands + l] = (l + k) % 3 == 0 ? 1 : 0.05 }
    }
    try SpectralLibraryFile.writeCSV(stranger, to: place.path("o/far.csv"), overwrite: true)
    let result = try run("unmix in/s.dat o/b.tif --count 3 --library o/far.csv --report o/b.json", place, 0, "W-NAMES")
    #expect(result.errors.contains("nearest: comb") || result.errors.contains("nearest: rake"), "\(result.errors)")
    let report = try String(contentsOfFile: place.path("o/b.json"), encoding: .utf8)
    #expect(report.contains("\"endmember 1\"") && report.contains("\"accepted\""))
  }

  /// The default says what it chose and why; what the user decides is not overruled.
  @Test func theDefaultSaysWhatItChose() throws {
    let place = try SampleScene.workplace()
    try run("unmix in/s.dat o/a.tif --count 3 -v", place, 0, "brightness varies by")
    let raw = try run("unmix in/s.dat o/b.tif --count 3 --no-normalise -v", place)
    #expect(!raw.errors.contains("brightness varies by"))
    try run("unmix in/s.dat o/c.tif --count auto -v --html o/c.html", place, 0, "held-back counts")
    let page = try String(contentsOfFile: place.path("o/c.html"), encoding: .utf8)
    #expect(page.contains("Number of endmembers") && page.contains("Chosen from the scene"))
    let old = try run("unmix in/s.dat o/d.tif --count 3 --method rrlbs -v", place)
    #expect(!old.errors.contains("brightness varies by"))
  }

  /// A product that was asked for and is not made is said, by every kind of method.
  @Test(arguments: ["--count 3 --method nmf", "--endmembers in/s_endmembers.sli", "--count 3 --method fcls"])
  func guidanceThatIsNotLearnt(how: String) throws {
    let place = try SampleScene.workplace()
    try run("unmix in/s.dat o/a.tif \(how) --guidance o/g.tif", place, 0, "W-NO-GUIDANCE")
    #expect(!FileManager.default.fileExists(atPath: place.path("o/g.tif")))
    let learnt = try run("unmix in/s.dat o/b.tif --count 3 --method rrlbs --guidance o/h.tif", place)
    #expect(!learnt.errors.contains("W-NO-GUIDANCE") && FileManager.default.fileExists(atPath: place.path("o/h.tif")))
  }

  /// Noise that is correlated between bands passes for signal: a denoiser that leaves it says so.
  @Test func noiseThatIsCorrelatedBetweenBands() throws {
    let place = try SampleScene.workplace()
    let (side, bands) = (40, 60)
    var random = CounterRandom(seed: 8)
    func write(_ name: String, _ value: (Int, [Double], [Double]) -> Double) throws {
      var values: [Float] = []
      for _ in 0..<(side * side) {
        let white = (0..<(bands + 12)).map { _ in random.normal() }
        let shares = (0..<3).map { _ in random.uniform() }
        for l in 0..<bands { values.append(Float(value(l, white, shares))) }
      }
      try values.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: place.path("o/\(name).dat"))) }
      let header =
        "ENVI\nsamples = \(side)\nlines = \(side)\nbands = \(bands)\ndata type = 4\ninterleave = bip\nbyte order = 0\n"
      try Data(header.utf8).write(to: URL(fileURLWithPath: place.path("o/\(name).hdr")))
    }
    try write("alike") { l, white, shares in
      let noise = (0..<13).reduce(0.0) { $0 + white[l + $1] * exp(-Double(($1 - 6) * ($1 - 6)) / 4.5) } / 1.63
      return 0.3 + (0..<3).reduce(0.0) { $0 + 0.1 * shares[$1] * sin(Double(($1 + 1) * l) * 0.05) } + 0.03 * noise
    }
    try run("denoise o/alike.dat o/a.dat", place, 0, "W-DENOISE-LITTLE")
    try write("noise") { l, white, _ in 0.02 + 0.1 * white[l] }
    try run("denoise o/noise.dat o/n.dat", place, 0, "W-DENOISE-MUCH")
    let right = try run("denoise in/s.dat o/s.dat", place)
    #expect(!right.errors.contains("W-DENOISE-LITTLE") && !right.errors.contains("W-DENOISE-MUCH"), "\(right.errors)")
  }
}
