import HSICore
import HSINumerics

/// σ of the fractions of classes: how much they change when other members of the classes stand in the library.
///
/// Every replicate draws as many spectra of every class as it has, with replacement, and unmixes the pixel anew; σ is the standard deviation
/// of the fraction over the replicates in which the pixel has a model, NaN with fewer than two. B replicates cost B times the work.
///
/// Source: B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7(1), 1979.
struct MixtureBootstrap {
  private let solvers: [MixtureModelSolver]
  private let result = MixtureModelSolver.Result()

  init(_ solver: MixtureModelSolver, _ settings: StripUnmixing.Bootstrap, _ context: RunContext) throws {
    let library = solver.library
    let count = library.spectra.count
    let needed = Int.product(settings.replicates, count, 8, Int.sum(count, .product(3, library.spectra.bands)))
    guard needed <= context.memory.bytes / 2 else {
      throw CoreError.memory(
        purpose: "\(settings.replicates) libraries of \(count) spectra", needed: .product(2, needed),
        budget: context.memory.bytes)
    }
    solvers = (0..<settings.replicates).map {
      solver.replacing(library.resampled(seed: context.seed, replicate: $0))
    }
  }

  /// σ of some pixels, into their rows of `sigma` (N × C).
  func sigma(_ pixels: PixelMatrix, _ range: Range<Int>, into sigma: PixelMatrix) throws {
    let classes = sigma.columns
    var count = [Int](repeating: 0, count: range.count)
    var mean = [Double](repeating: 0, count: range.count * classes)
    var squares = mean
    for solver in solvers {
      solver.solve(pixels, range, into: result)
      for i in 0..<range.count where result.levels[i] > 0 {
        count[i] += 1
        for c in 0..<classes {
          // Welford's running mean and sum of squares.
          let value = Double(result.fractions[i, c])
          let change = value - mean[i * classes + c]
          mean[i * classes + c] += change / Double(count[i])
          squares[i * classes + c] += change * (value - mean[i * classes + c])
        }
      }
    }
    for i in 0..<range.count {
      for c in 0..<classes {
        sigma[range.lowerBound + i, c] =
          count[i] < 2 ? .nan : Float((squares[i * classes + c] / Double(count[i] - 1)).squareRoot())
      }
    }
  }
}
