import Foundation
import HSIClassification
import HSICore
import HSIDetection
import HSIRaster
import HSIReport
import HSISpectral

/// Which products to write beside the map of matches, and under which names.
public struct MatchProductRequest: Sendable {
  /// Whether every product that has no name gets one from the stem of the map.
  public var everything = false
  /// How well the best spectrum fits.
  public var fit: String?
  /// Depth of the features of the best spectrum, of methods that tell it.
  public var depth: String?
  /// The second best spectrum.
  public var second: String?
  /// Picture of the map (`.png`).
  public var quicklook: String?
  /// Reports.
  public var reports = ReportPlaces()

  /// The map only.
  public init() {}
}

/// Finds for every pixel of a scene the spectrum of a library that it is most like: a map of minerals, fits, depths and a report.
///
/// Works strip by strip within the memory budget. "None of them" is an answer. When it throws, nothing is left.
///
/// ```swift
/// var job = MatchJob(scene: SceneRequest("cuprite.hdr"), output: "minerals.tif", library: "usgs.sli")
/// job.products.everything = true
/// let result = try job.run(RunContext())
/// ```
public struct MatchJob: Sendable {
  /// What is mapped.
  public var scene: SceneRequest
  /// The map: number of the best spectrum from 1, 0 for none.
  public var output: String
  /// The spectra.
  public var library: String
  /// Method by id or alias.
  public var method = FeatureMatcher.description.id
  /// Parameters of the method.
  public var values: [String: Double] = [:]
  /// Parts of the names of the spectra that are compared; empty for all.
  public var selected: [String] = []
  /// Further products.
  public var products = MatchProductRequest()
  /// How rasters are written.
  public var writing = RasterWriting()
  /// Provenance, STAC item, map grid.
  public var records = RecordRequest()

  /// A map of a scene by a library.
  public init(scene: SceneRequest, output: String, library: String) {
    (self.scene, self.output, self.library) = (scene, output, library)
  }

  /// Most spectra: as many as a map of classes has values, less those for none and no data.
  private static let mostSpectra = 4094

  /// Does the work; the text of the result is a table of the spectra that were found.
  ///
  /// - Throws: the errors of opening, of the library and of writing; `CoreError.memory`, `.cancelled`.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let type = try SpectralMatchers.all.entry(method)
    let parameters = try MethodParameters(values, for: type.description)
    var sweep = try SceneSweep(
      scene, output: output, everything: products.everything, reports: products.reports,
      options: ["method": type.description.id, "library": library].merging(values.mapValues { "\($0)" }) { $1 },
      writing: writing, records: records, context)
    let read = try SpectraChoice.named(selected, in: SpectralLibraryFile.read(library, context: context))
    guard read.count <= MatchJob.mostSpectra else {
      throw CoreError.invalidParameter(
        name: "the library", value: "\(read.count) spectra",
        requirement: "at most \(MatchJob.mostSpectra); choose some by \(option: "select")")
    }
    let fit = try LibraryFit(
      read, path: library, axis: sweep.opened.metadata.axis, bands: sweep.source.bands, context: context)
    try sweep.use(bands: fit.bands)
    var spectra = fit.library
    spectra.axis = sweep.source.metadata.axis
    sweep.read([library])
    let paths = try declare(on: &sweep, type)
    try sweep.check()

    let matcher = try type.init(spectra, parameters)
    MatchJob.warn(of: matcher.unusable, spectra.names, library, context)
    let matching = LibraryMatching(matcher, count: spectra.count, limit: parameters.value("limit"))
    var facts = MatchFacts(spectra: spectra, sense: type.sense, givesDepth: type.givesDepth, shape: sweep.source.shape)
    let rasters = products(paths, spectra, sweep)
    var run = try sweep.run(rasters, label: "matching", bytesPerPixel: 60) { strip in
      let found = matching.match(strip.pixels)
      facts.add(strip, found)
      var results = ProductStrip(window: strip.window, positions: strip.positions)
      func column(_ value: (Int) -> Float) -> PixelMatrix {
        let matrix = PixelMatrix(rows: strip.count, columns: 1)
        for n in 0..<strip.count { matrix[n, 0] = value(n) }
        return matrix
      }
      results[.bestMatch] = column { Float(found.best[$0]) }
      results[.fit] = column { found.fit[$0] }
      results[.bandDepth] = column { found.best[$0] > 0 ? found.depth[$0] : .nan }
      results[.secondMatch] = column { Float(found.second[$0]) }
      return results
    }
    guard facts.pixels > 0 else {
      throw DetectionError.tooFewPixels(valid: 0, needed: 1, purpose: "matching")
    }
    facts.warn(context)
    let outcome = MatchOutcome(
      job: self, description: type.description, parameters: parameters, sweep: sweep, facts: facts, context: context)
    if let quicklook = paths.quicklook {
      try run.write(
        outcome.picture, to: quicklook, georeference: sweep.source.metadata.georeference, step: facts.previews.step,
        content: "picture of the map")
    }
    var result = try sweep.finish(&run, main: rasters[0]) { outputs, provenance in
      RunReport(try outcome.report(outputs: outputs, provenance: provenance)) { try outcome.figures() }
    }
    if result.text == nil { result.text = facts.table }
    result.summary = "\(type.description.id): \(facts.summary)"
    return result
  }

  private struct Paths {
    var fit, depth, second, quicklook: String?
  }

  private func declare(on sweep: inout SceneSweep, _ type: any SpectralMatcher.Type) throws -> Paths {
    if let depth = products.depth, !type.givesDepth {
      throw CoreError.invalidParameter(
        name: "\(option: "depth")", value: depth,
        requirement: "left out with \(type.description.id), which fits no features")
    }
    let paths = Paths(
      fit: sweep.paths.raster(products.fit, "fit"),
      depth: type.givesDepth ? sweep.paths.raster(products.depth, "depth") : nil,
      second: sweep.paths.raster(products.second, "second"), quicklook: sweep.paths.file(products.quicklook, "map.png"))
    for raster in [paths.fit, paths.depth, paths.second] { try sweep.writeRaster(raster) }
    sweep.plan.writePicture(paths.quicklook, georeference: sweep.source.metadata.georeference)
    return paths
  }

  private func products(_ paths: Paths, _ spectra: SpectralLibrary, _ sweep: SceneSweep) -> [RasterProduct] {
    let none = spectra.count < 254 ? 255.0 : 65535.0
    func classes(_ name: ProductName, _ path: String, _ content: String) -> RasterProduct {
      var metadata = sweep.described([content], .class)
      metadata.classes =
        [ClassEntry(name: "none of them", colour: [0, 0, 0])]
        + spectra.names.enumerated().map { ClassEntry(name: $1, colour: ClassRaster.palette($0)) }
      metadata.nodata = [none]
      var product = RasterProduct(name, path: path, content: content, metadata: metadata)
      product.type = none < 256 ? .uint8 : .uint16
      product.interleave = nil
      return product
    }
    var all = [classes(.bestMatch, output, "best spectrum")]
    if let path = paths.second { all.append(classes(.secondMatch, path, "second best spectrum")) }
    for (name, path) in [(ProductName.fit, paths.fit), (.bandDepth, paths.depth)] {
      guard let path else { continue }
      all.append(
        RasterProduct(name, path: path, content: name.rawValue, metadata: sweep.described([name.rawValue], .score)))
    }
    return all
  }

  /// Says which spectra can never be found.
  private static func warn(of unusable: [Int: String], _ names: [String], _ path: String, _ context: RunContext) {
    guard let first = unusable.keys.min(), let reason = unusable[first] else { return }
    let others = unusable.count > 1 ? ", nor can \(unusable.count - 1) others of the library" : ""
    context.warn("W-MATCH-SPECTRA", "\(path): \(names[first]) \(reason) and cannot be matched\(others)")
  }
}
