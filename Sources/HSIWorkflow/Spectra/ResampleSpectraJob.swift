import HSICore
import HSINumerics
import HSIRaster
import HSIReport
import HSISpectral

/// Brings a spectral library to the bands of an instrument.
///
/// ```swift
/// let job = ResampleSpectraJob(library: "usgs.sli", output: "usgs_enmap.sli", target: "enmap")
/// let result = try job.run(RunContext())
/// ```
public struct ResampleSpectraJob: Sendable {
  /// The library.
  public var library: String
  /// The spectra: CSV for names that end so, else `.sli`, `.hdr` and `.csv`.
  public var output: String
  /// An instrument of `ResampleTarget.instruments`, or a file of bands or responses.
  public var target: String
  /// Whether bands that are narrower than those of the library are interpolated, rather than left out.
  public var interpolates = false
  /// Whether existing files may be replaced.
  public var overwrites = false

  /// A library on other bands.
  public init(library: String, output: String, target: String) {
    (self.library, self.output, self.target) = (library, output, target)
  }

  /// Does the work. Where a spectrum has no value, the bands that it would take part in have none.
  ///
  /// - Throws: the errors of reading, of the target and of writing; `SpectralError.inconsistent`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let target = try ResampleTarget(target, context)
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read([library] + [target.file].compactMap { $0 })
    for file in SpectraOutput.files(output) { plan.write(file) }
    try plan.check()
    let read = try SpectralLibraryFile.read(library, context: context)
    guard read.axis.wavelengths != nil else {
      throw RasterError.inconsistent(
        path: library, reason: "it has no wavelengths", advice: "use a library file that holds them")
    }
    let resolution = try BandResolution(
      from: read.axis, to: target.bands, interpolating: interpolates, named: target.name, owner: "the library")
    resolution.warn(target, owner: "the library", interpolates: interpolates, context)
    let weights = resolution.weights.weights
    var values: [Double] = []
    values.reserveCapacity(read.count * weights.columns)
    for i in 0..<read.count {
      let spectrum = Array(read[i])
      for k in 0..<weights.columns {
        var sum = 0.0
        for b in 0..<weights.rows where weights[b, k] != 0 { sum += weights[b, k] * spectrum[b] }
        values.append(sum)
      }
    }
    var axis = resolution.weights.axis
    axis.good = [Bool](repeating: true, count: axis.count)
    axis.unit = read.axis.unit
    let files = try SpectraOutput.write(
      SpectralLibrary(names: read.names, axis: axis, values: values), to: output, overwrite: overwrites,
      inputs: plan.protected)
    var result = JobResult(outputs: files.map { ReportOutput(path: $0, content: "spectra") })
    result.summary = "\(read.count) spectra on \(axis.count) of \(target.bandNames.count) bands of \(target.name)"
    return result
  }
}
