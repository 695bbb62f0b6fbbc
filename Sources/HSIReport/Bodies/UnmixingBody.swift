import Foundation
import HSICore

/// Everything that `hsi unmix` has to say about a run; the schema is printed by `hsi schema report`.
public typealias UnmixingReport = Report<UnmixingBody>

/// What only unmixing has to say: endmembers and where they occur, and how well they explain the scene.
public struct UnmixingBody: ReportBody {
  public typealias Channel = SceneChannel

  public static let currentVersion = "1.2"
  public static let command = "unmix"

  /// The library spectrum that an endmember resembles most.
  public struct LibraryMatch: Codable, Sendable {
    /// Name in the library.
    public var name: String
    /// Spectral angle to it in radians.
    public var sadRad: Double
    /// Whether the angle is small enough for the endmember to take the name.
    public var accepted: Bool?
    /// The library spectrum that comes next, and its angle.
    public var runnerUp: String?
    public var runnerUpSadRad: Double?

    /// A match.
    public init(
      name: String, sadRad: Double, accepted: Bool? = nil, runnerUp: String? = nil, runnerUpSadRad: Double? = nil
    ) {
      self.name = name
      self.sadRad = sadRad
      self.accepted = accepted
      self.runnerUp = runnerUp
      self.runnerUpSadRad = runnerUpSadRad
    }
  }

  /// One endmember and where it occurs.
  public struct Endmember: Codable, Sendable {
    /// Name; band `abundance: NAME` of the abundance file.
    public var name: String
    /// Colour in every figure, `#rrggbb`.
    public var colour: String
    /// One value per entry of `channels`; null where the channel was not used.
    public var spectrum: [Double?]
    /// Nearest library spectrum, with `--library`.
    public var match: LibraryMatch?
    /// Pixel that it was taken from (line and sample of the file, 0-based), where the method picks pixels.
    public var pixel: PixelPosition?
    /// Map coordinates of the centre of that pixel.
    public var map: ReportMapPosition?
    /// How much of it there is.
    public var abundance: AbundanceStatistics?

    /// An endmember; `index` decides the colour. Values of `spectrum` that are not finite become null.
    public init(
      index: Int, name: String, spectrum: [Double], match: LibraryMatch? = nil, pixel: PixelPosition? = nil,
      map: ReportMapPosition? = nil, abundance: AbundanceStatistics? = nil
    ) {
      self.name = name
      colour = CategoricalPalette.colour(index).hex
      self.spectrum = spectrum.map { $0.isFinite ? $0 : nil }
      self.match = match
      self.pixel = pixel
      self.map = map
      self.abundance = abundance
    }
  }

  /// What decided the number of endmembers.
  public struct Counting: Codable, Sendable {
    /// Why it is so many.
    public var reason: String?
    /// Relative error of pixels that were held back, for 2, 3, … endmembers; empty for methods without.
    public var errors: [Double]
    /// Noise of the scene in the same units.
    public var noise: Double?
    /// What other methods count, by their names.
    public var alternatives: [String: Int]

    /// Evidence of a count.
    public init(
      reason: String? = nil, errors: [Double] = [], noise: Double? = nil, alternatives: [String: Int] = [:]
    ) {
      self.reason = reason
      self.errors = errors
      self.noise = noise
      self.alternatives = alternatives
    }
  }

  /// How an iterative method ended.
  public struct Convergence: Codable, Sendable {
    /// Iterations done.
    public var iterations: Int
    /// True when the tolerance was met.
    public var converged: Bool
    /// Objective before the first and after every iteration.
    public var objective: [Double]

    /// The course of the objective.
    public init(objective: [Double], converged: Bool) {
      iterations = max(0, objective.count - 1)
      self.converged = converged
      self.objective = objective
    }
  }

  /// Root mean square error of the reconstruction per pixel, over the valid pixels.
  public struct Residual: Codable, Sendable {
    /// Mean and median over the pixels.
    public var mean: Double
    public var median: Double
    /// 95 % of the pixels lie below.
    public var percentile95: Double
    public var maximum: Double

    /// Statistics of a map of residuals; NaN is left out. Nil without any value.
    public init?(_ rmse: [Float]) {
      let sorted = rmse.filter(\.isFinite).sorted()
      guard let last = sorted.last else { return nil }
      mean = sorted.reduce(0.0) { $0 + Double($1) } / Double(sorted.count)
      median = Double(sorted[sorted.count / 2])
      percentile95 = Double(sorted[min(sorted.count - 1, Int(clamping: 0.95 * Double(sorted.count)))])
      maximum = Double(last)
    }
  }

  /// Models of the same classes.
  public struct ModelGroup: Codable, Sendable {
    /// Their names, `grass + roof`.
    public var classes: String
    /// Colour in the map of models, `#rrggbb`.
    public var colour: String
    /// Endmembers of a model, shade included.
    public var endmembers: Int
    /// Models that occur.
    public var models: Int
    /// Pixels that have one.
    public var pixels: Int

    /// A group; `index` decides the colour.
    public init(index: Int, classes: String, endmembers: Int, models: Int, pixels: Int) {
      self.classes = classes
      colour = CategoricalPalette.colour(index).hex
      self.endmembers = endmembers
      self.models = models
      self.pixels = pixels
    }
  }

  /// A mixture model.
  public struct Model: Codable, Sendable {
    /// Its number in the map of models.
    public var number: Int
    /// Pixels that have it.
    public var pixels: Int
    /// Its spectra by name.
    public var spectra: [String]

    /// A model.
    public init(number: Int, pixels: Int, spectra: [String]) {
      self.number = number
      self.pixels = pixels
      self.spectra = spectra
    }
  }

  /// What mixture models occur.
  public struct Models: Codable, Sendable {
    /// Models that are listed one by one.
    public static let listed = 20

    /// Models that were tried.
    public var tried: Int
    /// Models that occur.
    public var used: Int
    /// Pixels without a model that keeps the limits.
    public var unmodelledPixels: Int
    /// By classes, the most frequent first.
    public var groups: [ModelGroup]
    /// The most frequent ones.
    public var common: [Model]

    /// Models of a scene.
    public init(tried: Int, used: Int, unmodelledPixels: Int, groups: [ModelGroup], common: [Model]) {
      self.tried = tried
      self.used = used
      self.unmodelledPixels = unmodelledPixels
      self.groups = groups
      self.common = common
    }
  }

  /// The method.
  public var method: ReportMethod
  /// Why there are so many endmembers: `given`, `HySime` …
  public var countSource: String?
  /// What a method that chooses has chosen from the scene, and why.
  public var choice: String?
  /// Evidence of the number, where it was counted.
  public var counting: Counting?
  /// The endmembers, in the order of the abundance bands.
  public var endmembers: [Endmember]
  /// Present for iterative methods.
  public var convergence: Convergence?
  /// Present where the residual was computed.
  public var residual: Residual?
  /// Present for mixture models.
  public var models: Models?

  /// What a run found.
  public init(
    method: ReportMethod, choice: String? = nil, countSource: String? = nil, counting: Counting? = nil,
    endmembers: [Endmember], convergence: Convergence? = nil,
    residual: Residual? = nil, models: Models? = nil
  ) {
    self.method = method
    self.choice = choice
    self.countSource = countSource
    self.counting = counting
    self.endmembers = endmembers
    self.convergence = convergence
    self.residual = residual
    self.models = models
  }
}
