import HSICore
import HSINumerics

extension ProductName {
  /// Fraction of shade, N × 1.
  public static let shade: ProductName = "shade"
  /// Number of the model (`MixtureModelTable`) and, for every class, the spectrum of the library from 1 on, 0 for none: N × (1 + C).
  public static let model: ProductName = "model"
  /// Abundances divided by their sum, so that shade is left out, N × C.
  public static let normalised: ProductName = "normalised"
}

extension StripUnmixing {
  /// How σ of the fractions of mixture models is found: by drawing the spectra of the classes again.
  public struct Bootstrap: Sendable {
    /// How often.
    public var replicates: Int

    /// At least 2.
    public init(replicates: Int) { self.replicates = max(2, replicates) }
  }

  /// Finds the mixture model of every pixel, strip by strip, and hands each strip to `deliver` in order: abundances, rmse, shade, model,
  /// normalised, and sigma with a bootstrap.
  ///
  /// Says the number of models and, from a few pixels, how long it will take (`notice`).
  ///
  /// - Parameters:
  ///   - shade: on the bands of `scene`, nil for zero.
  ///   - bootstrap: for σ of every fraction; costs as much again per replicate.
  /// - Returns: the models that occur.
  /// - Throws: `CoreError.memory` for a library whose products do not fit the budget; the errors of `prepare`.
  @discardableResult
  public static func run(
    _ scene: any StripSource, _ method: any ClassMixtureEstimator, _ library: ClassLibrary, shade: [Double]? = nil,
    bootstrap: Bootstrap? = nil, _ context: RunContext, deliver: (ProductStrip) throws -> Void
  ) throws -> MixtureModelTable {
    let claim = context.claimThreads()
    defer { claim.release() }
    guard library.spectra.bands == scene.shape.bands else {
      throw UnmixingError.bandMismatch(
        spectra: library.spectra.bands, scene: scene.shape.bands,
        advice: "give both wavelengths so that the spectra can be resampled")
    }
    let solver = try method.prepare(library, shade: shade)
    let needed = Int.product(2, solver.workingBytes)
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "mesma on a library of \(library.spectra.count) spectra", needed: needed, budget: context.memory.bytes)
    }
    let draws = try bootstrap.map { try MixtureBootstrap(solver, $0, context) }
    var table = MixtureModelTable(solver)
    let cost = MixtureCost(solver, runs: 1 + (bootstrap?.replicates ?? 0), pixels: scene.shape.pixels)
    let classes = library.classes.count
    let (abundances, shades) = (PixelMatrix(rows: 0, columns: classes), PixelMatrix(rows: 0, columns: 1))
    let (models, sigma) = (PixelMatrix(rows: 0, columns: 1 + classes), PixelMatrix(rows: 0, columns: classes))
    let result = MixtureModelSolver.Result()
    var hasSaid = false
    try scene.forEachStrip(context, label: "reading", extraBytesPerPixel: 4 * (4 * classes + 4)) { strip in
      let count = strip.count
      if !hasSaid, count > 0 {
        hasSaid = true
        cost.say(strip.pixels, context)
      }
      abundances.reshape(rows: count, columns: classes)
      shades.reshape(rows: count, columns: 1)
      models.reshape(rows: count, columns: 1 + classes)
      sigma.reshape(rows: count, columns: classes)
      var members = [Int32](repeating: -1, count: count * classes)
      var rmse = [Float](repeating: .nan, count: count)
      for first in stride(from: 0, to: count, by: solver.block) {
        try context.checkCancellation()
        let range = first..<min(count, first + solver.block)
        solver.solve(strip.pixels, range, into: result)
        (abundances.pointer + first * classes).update(from: result.fractions.pointer, count: range.count * classes)
        for i in 0..<range.count {
          let own = Array(result.members[(i * classes)..<((i + 1) * classes)])
          let number = table.number(of: own, level: Int(result.levels[i]))
          models[first + i, 0] = Float(number)
          var total = 0.0
          for c in 0..<classes {
            members[(first + i) * classes + c] = own[c]
            models[first + i, 1 + c] = own[c] < 0 ? 0 : Float(library.places[Int(own[c])] + 1)
            total += Double(result.fractions[i, c])
          }
          shades[first + i, 0] = Float(1 - total)
          rmse[first + i] = result.rmse[i]
        }
        try draws?.sigma(strip.pixels, range, into: sigma)
        let done = Double(strip.window.line) + Double(range.upperBound) / Double(count) * Double(strip.window.lines)
        context.progress.report(phase: "models", fraction: done / Double(scene.shape.lines))
      }
      var product = ProductStrip(
        window: strip.window, positions: strip.positions, abundances: abundances, rmse: rmse, bands: scene.shape.bands
      ) { solver.residual(strip.pixels, rows: $0, members: members, fractions: abundances, into: $1) }
      product[.shade] = shades
      product[.model] = models
      if draws != nil { product[.sigma] = sigma }
      product.set(.normalised, columns: classes) { rows, output in
        output.reshape(rows: rows.count, columns: classes)
        for (i, n) in rows.enumerated() {
          let row = abundances.row(n)
          let total = row.reduce(0, +)
          for c in 0..<classes { output[i, c] = row[c] / total }
        }
      }
      try deliver(product)
    }
    return table
  }
}

/// What the search for models costs, said before it begins.
struct MixtureCost {
  private let solver: MixtureModelSolver
  private let runs: Int
  private let pixels: Int
  /// Pixels that are tried first, and models up to which they are.
  private static let looks = 64
  private static let mostTried = 20_000_000
  /// Seconds per pixel and model where nothing is tried, on one thread.
  private static let usual = 1e-9

  init(_ solver: MixtureModelSolver, runs: Int, pixels: Int) {
    self.solver = solver
    self.runs = runs
    self.pixels = pixels
  }

  /// Tries a few pixels and says models, pixels and the time that follows.
  func say(_ pixels: PixelMatrix, _ context: RunContext) {
    let count = min(pixels.rows, MixtureCost.looks)
    var each = MixtureCost.usual * Double(solver.modelCount)
    // Blocks of 32 pixels are shared by the threads.
    var shared = Double(max(1, min(context.threads, self.pixels / 32)))
    if solver.modelCount <= MixtureCost.mostTried {
      let start = ContinuousClock.now
      solver.solve(pixels, 0..<count, into: MixtureModelSolver.Result())
      let (seconds, attoseconds) = (ContinuousClock.now - start).components
      each = (Double(seconds) + Double(attoseconds) * 1e-18) / Double(count)
      shared /= Double(max(1, min(context.threads, count / 32)))
    }
    let total = each * Double(self.pixels) * Double(runs) / shared
    let levels = solver.levels.map { "\(solver.modelCount(level: $0)) of level \($0)" }.joined(separator: ", ")
    context.logger.notice(
      "mesma: \(solver.modelCount) models (\(levels)) in \(self.pixels) pixels\(runs > 1 ? ", \(runs) times" : ""), about \(MixtureCost.text(total)); limits count in reflectance, of which 1 is \(PlainNumber.rounded(solver.unit)) here"
    )
  }

  private static func text(_ seconds: Double) -> String {
    switch seconds {
    case ..<1: "a second or less"
    case ..<120: "\(Int(clamping: seconds.rounded(.up))) s"
    case ..<7200: "\(Int(clamping: (seconds / 60).rounded(.up))) min"
    default: "\(Int(clamping: (seconds / 3600).rounded(.up))) h"
    }
  }
}
