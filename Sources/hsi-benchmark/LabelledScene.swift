import Foundation
import HSICore
import HSINumerics
import HSIRaster
import HSISpectral
import HSIUnmixing

/// A scene whose abundances and endmembers are known.
struct LabelledScene {
  let name: String
  let lines: Int
  let samples: Int
  /// N × L.
  var pixels: PixelMatrix
  /// N × K.
  let abundances: PixelMatrix
  /// K × L.
  let endmembers: Matrix<Double>

  var bands: Int { pixels.columns }
  var count: Int { endmembers.rows }
  var cube: Cube { Cube(lines: lines, samples: samples, pixels: pixels) }
}

/// The scenes of the accuracy table.
struct SceneCollection {
  /// Folder with the data sets.
  let folder: String

  /// Names in the order of the table, those first whose files never change.
  static let names = ["Samson", "Moffett", "DC1", "DC2", "UrbanSim", "SynPure", "SynMixed", "SynShade"]

  /// Names of scenes that are drawn whole: light, materials, their number, noise and purity follow the seed. No choice of a
  /// method or a default was made on them.
  static let drawn = ["DrawnEven", "DrawnRelief", "DrawnVaried"]

  /// The scene of a name; random parts (noise, spectra, abundances) follow the seed.
  func scene(_ name: String, seed: UInt64) throws -> LabelledScene {
    switch name {
    case "Samson": try samson()
    case "Moffett": try moffett()
    case "DC1": try minerals("DC1", side: 75, count: 5, seed: seed)
    case "DC2": try minerals("DC2", side: 100, count: 9, seed: seed)
    case "UrbanSim": try urban(seed: seed)
    case let name where SceneCollection.drawn.contains(name): try drawn(name, seed: seed)
    default: try synthetic(name, seed: seed)
    }
  }

  /// A scene of `hsi simulate scene`, 100 × 100 × 180: 3 to 8 materials, of the USGS library or made up; no abundance above 0.7 to 1;
  /// 25 to 45 dB; `DrawnRelief` with shadows and relief, `DrawnVaried` with materials that vary as well.
  private func drawn(_ name: String, seed: UInt64) throws -> LabelledScene {
    let side = 100
    var random = CounterRandom(seed: seed, stream: 5_000 + UInt64(SceneCollection.drawn.firstIndex(of: name) ?? 0))
    func pick(_ values: [Double]) -> Double { values[random.index(below: values.count)] }
    let count = 3 + random.index(below: 6)
    guard let table = SensorTable.named("aviris-1995") else {
      throw CoreError.invalidParameter(name: "sensor", value: "aviris-1995", requirement: "a table of wavelengths")
    }
    let axis = SpectralAxis(wavelengths: table.wavelengths)
    let spectra =
      random.index(below: 2) == 0
      ? try ParametricSpectra.library(count: count, axis: axis, seed: seed + 77)
      : SpectralLibrary(
        names: (1...count).map { "material \($0)" }, axis: axis,
        values: try mineralSpectra(count, &random).flatMap { $0 })
    var recipe = SceneRecipe(lines: side, samples: side, endmembers: spectra)
    (recipe.seed, recipe.purity, recipe.snr) = (seed, pick([0.7, 0.8, 0.9, 1]), pick([25, 30, 35, 45]))
    (recipe.shadow, recipe.relief, recipe.variability) = (0, 0, 0)
    if name != "DrawnEven" { (recipe.shadow, recipe.relief) = (pick([0, 0.35, 0.6]), pick([0.04, 0.08, 0.15])) }
    if name == "DrawnVaried" { recipe.variability = pick([0.02, 0.05]) }
    let simulator = try SceneSimulator(recipe)
    let (cube, abundances) = try (simulator.load(RunContext()), simulator.abundances.load(RunContext()))
    // Where the air lets hardly any light through nobody unmixes.
    let kept = (0..<axis.count).filter { !SpectralAxis.isInWaterVapour(table.wavelengths[$0]) }
    let pixels = PixelMatrix(rows: cube.count, columns: kept.count)
    for n in 0..<cube.count { for (i, l) in kept.enumerated() { pixels[n, i] = cube.pixels[n, l] } }
    return LabelledScene(
      name: name, lines: side, samples: side, pixels: pixels, abundances: abundances.pixels,
      endmembers: Matrix(rows: count, columns: kept.count) { spectra.values[$0 * axis.count + kept[$1]] })
  }

  private func array(_ file: String, _ variable: String) throws -> MATLABArray {
    try MATLABArray(path: "\(folder)/\(file)", variable: variable)
  }

  /// Samson, 95 × 95 × 156, all of it; reference of Zhu et al. 2014.
  private func samson() throws -> LabelledScene {
    let scene = try array("samson/samson_1.mat", "V")
    let reference = try array("samson/end3.mat", "A")
    let spectra = try array("samson/end3.mat", "M")
    return LabelledScene(
      name: "Samson", lines: 95, samples: 95, pixels: columnMajor(scene, 156, 95, 95),
      abundances: columnMajor(reference, 3, 95, 95),
      endmembers: Matrix(rows: 3, columns: 156) { spectra.values[$0 * 156 + $1] })
  }

  /// Moffett Field, 50 × 50 × 184.
  private func moffett() throws -> LabelledScene {
    let scene = try array("moffett/moffett.mat", "Y")
    let reference = try array("moffett/moffett.mat", "S_GT")
    let spectra = try array("moffett/moffett.mat", "GT")
    let abundances = PixelMatrix(rows: 2500, columns: 3)
    for i in 0..<50 {
      for j in 0..<50 {
        for k in 0..<3 { abundances[i * 50 + j, k] = Float(reference.values[i + 50 * (j + 50 * k)]) }
      }
    }
    return LabelledScene(
      name: "Moffett", lines: 50, samples: 50, pixels: columnMajor(scene, 184, 50, 50),
      abundances: abundances,
      endmembers: Matrix(rows: 3, columns: 184) { spectra.values[$0 + 3 * $1] })
  }

  /// DC1 and DC2: the true abundances of their active library minerals, mixed anew with noise at 30 dB.
  private func minerals(_ name: String, side: Int, count: Int, seed: UInt64) throws -> LabelledScene {
    let maps = try array("dc1-dc2/\(name)_XT.mat", "XT")
    let library = try array("dc1-dc2/library_EE.mat", "EE")
    let abundances = PixelMatrix(rows: side * side, columns: count)
    for i in 0..<side {
      for j in 0..<side {
        for k in 0..<count {
          abundances[i * side + j, k] = Float(maps.values[(k + 1) + 240 * (i + side * j)])
        }
      }
    }
    let endmembers = Matrix<Double>(rows: count, columns: 224) { library.values[($0 + 1) * 224 + $1] }
    let pixels = mixed(abundances, endmembers)
    addNoise(pixels, decibels: 30, seed: seed)
    return LabelledScene(
      name: name, lines: side, samples: side, pixels: pixels, abundances: abundances, endmembers: endmembers)
  }

  /// The reference abundances of HYDICE Urban (307 × 307, six materials), every pixel mixed from spectra drawn anew
  /// from the bundle of each material, noise at 35 dB. Reference endmembers are the bundle means.
  private func urban(seed: UInt64) throws -> LabelledScene {
    let maps = try array("urban-reference/Urban_GT6.mat", "XT")
    let abundances = columnMajor(maps, 6, 307, 307)
    let pixels = PixelMatrix(rows: 307 * 307, columns: 162)
    var endmembers = Matrix<Double>(rows: 6, columns: 162)
    for k in 0..<6 {
      let bundle = try array("urban-reference/spectral_library_urban.mat", "lib\(k + 1)")
      let size = bundle.values.count / 162
      for l in 0..<162 {
        endmembers[k, l] = (0..<size).reduce(0) { $0 + bundle.values[$1 * 162 + l] } / Double(size)
      }
      var random = CounterRandom(seed: seed, stream: UInt64(100 + k))
      for n in 0..<pixels.rows {
        let pick = random.index(below: size)
        let a = abundances[n, k]
        guard a > 0 else { continue }
        for l in 0..<162 { pixels[n, l] += a * Float(bundle.values[pick * 162 + l]) }
      }
    }
    addNoise(pixels, decibels: 35, seed: seed)
    return LabelledScene(
      name: "UrbanSim", lines: 307, samples: 307, pixels: pixels, abundances: abundances,
      endmembers: endmembers)
  }

  /// Five USGS spectra at least 8° apart, smooth abundances, 100 × 100 pixels, 30 dB. `SynMixed`: no abundance above
  /// 0.8; `SynShade`: brightness varies by 25 % from pixel to pixel.
  private func synthetic(_ name: String, seed: UInt64) throws -> LabelledScene {
    let (side, count) = (100, 5)
    var random = CounterRandom(seed: seed, stream: 7)
    let spectra = try mineralSpectra(count, &random)
    let endmembers = Matrix(rows: count, columns: 224, values: spectra.flatMap { $0 })
    let abundances = PixelMatrix(rows: side * side, columns: count)
    let fields = (0..<count).map {
      SceneCollection.smoothField(side: side, width: 6, seed: seed, stream: UInt64(20 + $0))
    }
    for n in 0..<(side * side) {
      var a = fields.map { exp(3 * $0[n]) }
      let sum = a.reduce(0, +)
      a = a.map { $0 / sum }
      let top = a.max() ?? 1
      if name == "SynMixed", top > 0.8 {
        // Towards the centre of the simplex until the largest is 0.8.
        let step = (top - 0.8) / (top - 1 / Double(count))
        a = a.map { (1 - step) * $0 + step / Double(count) }
      }
      for k in 0..<count { abundances[n, k] = Float(a[k]) }
    }
    let pixels = mixed(abundances, endmembers)
    if name == "SynShade" {
      var random = CounterRandom(seed: seed, stream: 40)
      for n in 0..<pixels.rows {
        let brightness = Float(min(2, max(0.2, 1 + 0.25 * random.normal())))
        for l in 0..<224 { pixels[n, l] *= brightness }
      }
    }
    addNoise(pixels, decibels: 30, seed: seed)
    return LabelledScene(
      name: name, lines: side, samples: side, pixels: pixels, abundances: abundances, endmembers: endmembers)
  }

  // MARK: - Pieces

  /// Spectra of the USGS library at least 8° apart.
  private func mineralSpectra(_ count: Int, _ random: inout CounterRandom) throws -> [[Double]] {
    let library = try array("usgs-library/USGS_1995_Library.mat", "datalib")
    let usable = (3..<501).filter { c in
      let spectrum = library.values[(c * 224)..<(c * 224 + 224)]
      return spectrum.allSatisfy { $0 > 0 && $0 < 1.5 }
    }
    var spectra: [[Double]] = []
    while spectra.count < count {
      let c = usable[random.index(below: usable.count)]
      let candidate = Array(library.values[(c * 224)..<(c * 224 + 224)])
      if spectra.allSatisfy({ SpectralDistance.angle($0, candidate) > 8 * Double.pi / 180 }) {
        spectra.append(candidate)
      }
    }
    return spectra
  }

  /// A matrix values × pixels whose pixels run down the columns of the image, as pixels × values row by row.
  private func columnMajor(_ array: MATLABArray, _ columns: Int, _ lines: Int, _ samples: Int) -> PixelMatrix {
    let result = PixelMatrix(rows: lines * samples, columns: columns)
    for i in 0..<lines {
      for j in 0..<samples {
        for c in 0..<columns {
          result[i * samples + j, c] = Float(array.values[(j * lines + i) * columns + c])
        }
      }
    }
    return result
  }

  private func mixed(_ abundances: PixelMatrix, _ endmembers: Matrix<Double>) -> PixelMatrix {
    let result = PixelMatrix(rows: abundances.rows, columns: endmembers.columns)
    for n in 0..<result.rows {
      for k in 0..<endmembers.rows where abundances[n, k] != 0 {
        for l in 0..<endmembers.columns { result[n, l] += abundances[n, k] * Float(endmembers[k, l]) }
      }
    }
    return result
  }

  private func addNoise(_ pixels: PixelMatrix, decibels: Double, seed: UInt64) {
    let total = pixels.rows * pixels.columns
    var power = 0.0
    for i in 0..<total { power += Double(pixels.pointer[i]) * Double(pixels.pointer[i]) }
    let deviation = (power / Double(total) / pow(10, decibels / 10)).squareRoot()
    let values = pixels.pointer
    let bands = pixels.columns
    Parallel.forEachChunk(of: pixels.rows, chunk: 256) { index, range in
      var random = CounterRandom(seed: seed, stream: 1_000_000 + UInt64(index))
      for i in (range.lowerBound * bands)..<(range.upperBound * bands) {
        values[i] += Float(deviation * random.normal())
      }
    }
  }

  /// Gaussian-filtered noise of unit variance.
  private static func smoothField(side: Int, width: Double, seed: UInt64, stream: UInt64) -> [Double] {
    var random = CounterRandom(seed: seed, stream: stream)
    var field = (0..<(side * side)).map { _ in random.normal() }
    let reach = Int(3 * width)
    let kernel = (-reach...reach).map { exp(-0.5 * Double($0 * $0) / (width * width)) }
    for horizontal in [true, false] {
      var next = field
      for i in 0..<side {
        for j in 0..<side {
          var sum = 0.0
          for d in -reach...reach {
            let (p, q) = horizontal ? (i, reflected(j + d, side)) : (reflected(i + d, side), j)
            sum += kernel[d + reach] * field[p * side + q]
          }
          next[i * side + j] = sum
        }
      }
      field = next
    }
    let mean = field.reduce(0, +) / Double(field.count)
    let deviation = (field.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(field.count)).squareRoot()
    return field.map { $0 / deviation }
  }

  private static func reflected(_ i: Int, _ side: Int) -> Int {
    i < 0 ? -1 - i : i >= side ? 2 * side - 1 - i : i
  }
}

extension LabelledScene {
  /// The scene with `count` random channels spoiled, each in one of four ways: uniform noise up to the largest value
  /// of the scene, additive noise of three standard deviations, half of the pixels saturated, zeros.
  func corrupted(channels count: Int, seed: UInt64) -> (scene: LabelledScene, bad: Set<Int>) {
    let copy = PixelMatrix(rows: pixels.rows, columns: bands)
    copy.pointer.update(from: pixels.pointer, count: pixels.rows * bands)
    var random = CounterRandom(seed: seed, stream: 9_000_000)
    var bad: Set<Int> = []
    while bad.count < min(count, bands / 2) { bad.insert(random.index(below: bands)) }
    var largest: Float = 0
    for i in 0..<(pixels.rows * bands) { largest = max(largest, pixels.pointer[i]) }
    for l in bad.sorted() {
      var (sum, squares) = (0.0, 0.0)
      for n in 0..<pixels.rows {
        sum += Double(pixels[n, l])
        squares += Double(pixels[n, l]) * Double(pixels[n, l])
      }
      let mean = sum / Double(pixels.rows)
      let deviation = max(0, squares / Double(pixels.rows) - mean * mean).squareRoot()
      let kind = random.index(below: 4)
      var noise = CounterRandom(seed: seed, stream: 9_100_000 + UInt64(l))
      for n in 0..<pixels.rows {
        switch kind {
        case 0: copy[n, l] = Float(noise.uniform()) * largest
        case 1: copy[n, l] += Float(3 * deviation * noise.normal())
        case 2: if noise.uniform() < 0.5 { copy[n, l] = largest }
        default: copy[n, l] = 0
        }
      }
    }
    RobustStart.clipNegatives(copy)
    var scene = self
    scene.pixels = copy
    return (scene, bad)
  }
}
