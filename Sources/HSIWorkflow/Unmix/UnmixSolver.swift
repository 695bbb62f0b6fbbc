import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIUnmixing

/// Opens what a request needs and runs its method: known endmembers, a library, or blind.
final class UnmixSolver {
  let request: UnmixMethodRequest
  let scene: OpenScene
  let context: RunContext
  /// The valid pixels on the bands that are used.
  private(set) var source: FileSource
  /// Known endmembers or library on the bands of `source`.
  let known: SpectralLibrary?
  /// Names for blind endmembers, on the bands of `source`.
  private(set) var naming: SpectralLibrary?
  private let method: Method
  /// The library by classes, of methods that need them.
  private let classes: ClassLibrary?
  /// Spectrum of shade on the bands of `source`.
  private let shade: [Double]?
  private var isScreened = false
  /// Files read beside the scene.
  let files: [String]

  /// Finds the method, opens libraries, matches them to the bands of the scene and opens the scene on the bands that remain.
  init(_ request: UnmixMethodRequest, _ scene: OpenScene, _ context: RunContext) throws {
    method = try UnmixSolver.method(of: request)
    self.request = request
    self.scene = scene
    self.context = context
    let wanted = try scene.bands(default: .good)
    switch request.endmembers {
    case .known(let path), .library(let path):
      var library = try SpectralLibraryFile.read(path, context: context)
      var assigned: [String] = []
      var others: [String] = []
      if case .mixture = method {
        (library, assigned, others) = try UnmixSolver.classes(request, library, path, context)
      }
      let needsAll = if case .known = request.endmembers { true } else { false }
      let fit = try LibraryFit(
        library, path: path, axis: scene.metadata.axis, bands: wanted, needsAll: needsAll, context: context)
      let names = library.names
      source = try scene.source(bands: .list(fit.bands), excludesZeroSpectra: true, context)
      // Looked at through a source of its own: the other one counts the lines that it has read.
      let known = try SpectraScale.apply(
        request.spectraScale, to: fit.library, path: path, scene.source(bands: .list(fit.bands), context), context)
      self.known = known
      naming = nil
      if case .mixture = method {
        // Spectra that cover too few bands are gone; the order has stayed.
        var rest = Array(zip(names, assigned))[...]
        let own = known.names.map { name -> String in
          while let first = rest.popFirst() { if first.0 == name { return first.1 } }
          preconditionFailure("a spectrum that was not in the library")
        }
        classes = try ClassLibrary(known, classes: own)
        shade = try request.shade.map {
          try UnmixSolver.shade($0, scene, fit.bands, request.spectraScale ?? 1, context)
        }
      } else {
        (classes, shade) = (nil, nil)
      }
      files = [path] + others + [request.shade, request.uncertainty?.file].compactMap { $0 }
    case .blind(let blind):
      source = try scene.source(bands: .list(wanted), excludesZeroSpectra: true, context)
      known = nil
      (classes, shade) = (nil, nil)
      if let path = blind.naming {
        let library = try SpectralLibraryFile.read(path, context: context)
        naming = try LibraryFit(library, path: path, axis: scene.metadata.axis, bands: wanted, context: context)
          .spread(over: wanted)
        files = [path] + [request.uncertainty?.file].compactMap { $0 }
      } else {
        naming = nil
        files = [request.uncertainty?.file].compactMap { $0 }
      }
    }
  }

  /// The bands of the file that enter the work.
  var usedBands: [Int] { source.bands }
  /// The part of the file that is processed.
  var window: PixelWindow { source.window }

  /// True when endmembers are a result.
  var findsEndmembers: Bool { known == nil }

  /// True when the method finds mixture models.
  var hasModels: Bool { classes != nil }

  /// What is told about the method.
  var description: MethodDescription { method.description }

  // MARK: - Method

  private enum Method {
    case pixel(any AbundanceEstimator.Type)
    case scene(any SceneAbundanceEstimator.Type)
    case blind(any BlindUnmixer.Type)
    case extractor(any EndmemberExtractor.Type)
    case mixture(any ClassMixtureEstimator.Type)

    var description: MethodDescription {
      switch self {
      case .pixel(let type): type.description
      case .scene(let type): type.description
      case .blind(let type): type.description
      case .extractor(let type): type.description
      case .mixture(let type): type.description
      }
    }
  }

  /// Finds the method by name among those that fit the request.
  private static func method(of request: UnmixMethodRequest) throws -> Method {
    let name = request.method
    let findsEndmembers = if case .blind = request.endmembers { true } else { false }
    if let type = UnmixingMethods.abundance.find(name) { return .pixel(type) }
    if let type = UnmixingMethods.sceneAbundance.find(name) { return .scene(type) }
    if let type = UnmixingMethods.classMixture.find(name) {
      guard case .library = request.endmembers else {
        throw CoreError.invalidParameter(
          name: "\(option: "method")", value: name,
          requirement: "used with \(option: "library"), whose spectra belong to \(option: "classes")")
      }
      return .mixture(type)
    }
    if findsEndmembers {
      if let type = UnmixingMethods.blind.find(name) { return .blind(type) }
      if let type = UnmixingMethods.extract.find(name) { return .extractor(type) }
    }
    throw unknown(name, request)
  }

  /// The error for a method that is not there, or does not do what is asked.
  private static func unknown(_ name: String, _ request: UnmixMethodRequest) -> CoreError {
    let findsEndmembers = if case .blind = request.endmembers { true } else { false }
    let hasLibrary = if case .library = request.endmembers { true } else { false }
    var all = UnmixingMethods.abundance.descriptions + UnmixingMethods.sceneAbundance.descriptions
    if findsEndmembers { all = UnmixingMethods.blind.descriptions + all }
    if hasLibrary { all += UnmixingMethods.classMixture.descriptions }
    return .unknownMethod(
      kind: findsEndmembers ? UnmixingMethods.blind.kind : UnmixingMethods.abundance.kind, name: name,
      known: all.map(\.id), aliases: all.flatMap(\.aliases))
  }

  // MARK: - Run

  /// Endmembers that were extracted, with names and where their number comes from.
  struct Extraction {
    var endmembers: SpectralLibrary
    var matches: [UnmixingBody.LibraryMatch?]?
    var number: Number
  }

  /// How many endmembers, and why.
  struct Number {
    var count: Int
    /// `given`, or who counted.
    var source: String
    /// The method that counted, as users name it; nil for a number that was given.
    var counter: String?
    /// What was counted, with all that decided.
    var estimate: CountEstimate?
  }

  /// Extracts endmembers with the extractor of the request.
  func extract() throws -> Extraction {
    guard case .blind(let blind) = request.endmembers else {
      preconditionFailure("extraction needs a blind request")
    }
    let type = try UnmixingMethods.extract.entry(blind.extractor)
    let isMain = type.description.id == request.method || type.description.aliases.contains(request.method)
    let method = try make(type, isMain ? request.values : [:])
    try screen()
    let number = try resolvedCount(blind)
    let found = try method.extract(source, count: number.count, context)
    let (named, matches) = try name(found)
    EndmemberDoubts.warnOfDuplicates(named, context)
    return Extraction(endmembers: named, matches: matches, number: number)
  }

  /// Finds what has to be found before pixels can be delivered.
  func factorise() throws -> UnmixSolution {
    try refuseUncertainty()
    switch (method, request.endmembers) {
    case (.mixture(let type), .library):
      guard let classes else { break }
      return try mixtureSolution(type, classes)
    case (.pixel, .known), (.scene, .known), (.pixel, .library), (.scene, .library):
      guard let known else { break }
      return try knownSolution(method, known)
    case (.pixel, .blind), (.scene, .blind):
      let found = try extract()
      var solution = try knownSolution(method, found.endmembers)
      solution.matches = found.matches
      solution.number = found.number
      return solution
    case (.blind(let type), .blind(let blind)): return try blindSolution(type, blind)
    default: break
    }
    throw UnmixSolver.unknown(request.method, request)
  }

  /// Leaves channels that hold hardly anything but noise out of the work: plain extraction and least squares fail with
  /// them. Blind methods see all channels; they have a robust start of their own.
  private func screen() throws {
    guard !isScreened, !request.keepsBadChannels else { return }
    isScreened = true
    let outcome = try ChannelScreening.screen(source, context)
    guard outcome.isKept.contains(false) else { return }
    let dropped = outcome.isKept.indices.filter { !outcome.isKept[$0] }.map { source.bands[$0] + 1 }
    context.warn(
      "W-BAD-CHANNELS",
      "\(dropped.count) channels cannot be predicted from the others and are left out: bands "
        + "\(ChannelQuality.ranges(dropped)) (\(option: "keep bad channels") keeps them)")
    naming = naming?.selecting(bands: outcome.kept)
    source = try scene.source(bands: .list(outcome.kept.map { source.bands[$0] }), excludesZeroSpectra: true, context)
  }

  private func make<M: UnmixingMethod>(_ type: M.Type, _ values: [String: Double]) throws -> M {
    try type.init(values)
  }

  /// The solution for endmembers that are known or were extracted.
  private func knownSolution(_ method: Method, _ endmembers: SpectralLibrary) throws -> UnmixSolution {
    var solution: UnmixSolution
    switch method {
    case .pixel(let type):
      let method = try type.init(request.values)
      let uncertainty = try request.uncertainty?.closedForm(
        type, endmembers, source, bands: usedBands, total: scene.reader.shape.bands, context)
      solution = UnmixSolution(endmembers: endmembers) { [source, context] deliver in
        try StripUnmixing.run(source, method, endmembers, uncertainty: uncertainty, context, deliver: deliver)
      }
    case .scene(let type):
      let method = try type.init(request.values)
      solution = UnmixSolution(endmembers: endmembers) { [source, context] deliver in
        try StripUnmixing.run(source, method, endmembers, context, deliver: deliver)
      }
    case .blind, .extractor, .mixture: preconditionFailure("only abundance methods take known endmembers")
    }
    solution.settings = settings(method.description)
    return solution
  }

  /// The solution for a library of classes.
  private func mixtureSolution(_ type: any ClassMixtureEstimator.Type, _ classes: ClassLibrary) throws -> UnmixSolution
  {
    let method = try type.init(request.values)
    let found = FoundModels()
    var bootstrap: StripUnmixing.Bootstrap?
    if case .bootstrap(let count)? = request.uncertainty { bootstrap = .init(replicates: count) }
    var solution = UnmixSolution(endmembers: classes.means) { [source, shade, context] deliver in
      found.table = try StripUnmixing.run(
        source, method, classes, shade: shade, bootstrap: bootstrap, context, deliver: deliver)
    }
    solution.models = found
    solution.settings = settings(type.description)
    return solution
  }

  /// Refuses standard deviations where the method has none, before anything is computed.
  private func refuseUncertainty() throws {
    guard let uncertainty = request.uncertainty else { return }
    let isBootstrap = if case .bootstrap = uncertainty { true } else { false }
    let id = description.id
    switch method {
    case .mixture: if !isBootstrap { throw UncertaintyRequest.refusal(of: id) }
    case .pixel(let type):
      if isBootstrap || !(type is any LeastSquaresEstimator.Type) {
        throw UncertaintyRequest.refusal(of: id, bootstrap: isBootstrap)
      }
    case .scene, .blind, .extractor: throw UncertaintyRequest.refusal(of: id, bootstrap: isBootstrap)
    }
  }

  /// The spectra of a library that have a class, their classes, and the table that says so.
  private static func classes(
    _ request: UnmixMethodRequest, _ library: SpectralLibrary, _ path: String, _ context: RunContext
  ) throws -> (SpectralLibrary, [String], [String]) {
    let (classes, files) = try LibraryClasses.assign(request.classes, to: library, path: path)
    let kept = classes.indices.filter { classes[$0] != nil }
    if kept.count < classes.count {
      context.warn("W-LIB-CLASS", "\(path): \(classes.count - kept.count) spectra have no class and are left out")
    }
    return (library.selecting(kept), classes.compactMap { $0 }, files)
  }

  /// The spectrum of shade in a file, on bands of the scene.
  private static func shade(
    _ path: String, _ scene: OpenScene, _ bands: [Int], _ factor: Double, _ context: RunContext
  ) throws -> [Double] {
    let spectra = try SpectralLibraryFile.read(path, context: context)
    guard spectra.count == 1 else {
      throw RasterError.inconsistent(
        path: path, reason: "it holds \(spectra.count) spectra but shade is one",
        advice: "give a file with one spectrum")
    }
    let fit = try LibraryFit(
      spectra, path: path, axis: scene.metadata.axis, bands: bands, needsAll: true, context: context)
    guard fit.bands == bands else {
      throw RasterError.inconsistent(
        path: path, reason: "shade covers \(fit.bands.count) of the \(bands.count) bands that are used",
        advice: "choose bands that it covers with \(option: "band list")")
    }
    return fit.library.values.map { $0 * factor }
  }

  private func blindSolution(_ type: any BlindUnmixer.Type, _ blind: UnmixMethodRequest.Blind) throws -> UnmixSolution {
    let method = try type.init(request.values)
    let number = try resolvedCount(blind)
    let decided = type == AutomaticUnmixing.self ? nil : false
    let fit = try BlindUnmixing.factorise(
      source, method, count: number.count, unitLength: blind.usesUnitLength ?? decided, context)
    if !fit.converged, fit.objective.count > 1 {
      context.warn(
        "W-NOT-CONVERGED",
        "\(type.description.id) stopped at its limit of \(fit.objective.count - 1) iterations before it converged; "
          + "\(option: "set") iterations=\(10 * (fit.objective.count - 1)) lets it go on")
    }
    if let choice = fit.choice { context.logger.notice("\(type.description.id): \(choice)") }
    let (endmembers, matches) = try name(fit.endmembers, used: fit.healthyChannels)
    EndmemberDoubts.warnOfDuplicates(endmembers, used: fit.healthyChannels, context)
    var solution = UnmixSolution(endmembers: endmembers) { [context] deliver in
      _ = try fit.deliver(context, deliver)
    }
    solution.matches = matches
    solution.number = number
    solution.learnsGuidance = fit.guidanceIsLearnt
    solution.channelQuality = fit.channelQuality ?? fit.startQuality
    solution.reliableChannels = fit.healthyChannels
    solution.objective = fit.objective
    solution.converged = fit.converged
    solution.settings = fit.settings
    solution.choice = fit.choice
    return solution
  }

  private func settings(_ description: MethodDescription) -> [String: Double] {
    var values: [String: Double] = [:]
    for parameter in description.parameters { values[parameter.name] = parameter.defaultValue }
    return values.merging(request.values) { $1 }
  }

  /// The number of endmembers and where it comes from.
  private func resolvedCount(_ blind: UnmixMethodRequest.Blind) throws -> Number {
    if let count = blind.count { return Number(count: count, source: "given") }
    let type = try UnmixingMethods.count.entry(blind.counter)
    let estimate = try type.init().count(screenedForCounting(), context)
    let name = String(type.description.name.prefix { $0 != "(" }).trimmingCharacters(in: .whitespaces)
    context.logger.notice(
      "\(type.description.id) counts \(estimate.count) endmembers\(estimate.reason.map { ": \($0)" } ?? "")")
    guard estimate.count >= 2 else {
      context.warn("W-COUNT", "\(type.description.id) counts \(estimate.count) endmembers; 2 are used")
      return Number(count: 2, source: "\(name), raised to 2", counter: type.description.id, estimate: estimate)
    }
    return Number(count: estimate.count, source: name, counter: type.description.id, estimate: estimate)
  }

  /// The source without channels that would be counted as endmembers of their own.
  private func screenedForCounting() throws -> any StripSource {
    guard !isScreened, !request.keepsBadChannels else { return source }
    let outcome = try ChannelScreening.screen(source, context)
    guard outcome.isKept.contains(false) else { return source }
    context.logger.info("\(outcome.isKept.filter { !$0 }.count) noisy channels do not take part in the count")
    return try scene.source(bands: .list(outcome.kept.map { source.bands[$0] }), excludesZeroSpectra: true, context)
  }

  private func name(
    _ endmembers: SpectralLibrary, used: [Bool]? = nil
  ) throws -> (SpectralLibrary, [UnmixingBody.LibraryMatch?]?) {
    guard let naming else { return (endmembers, nil) }
    let result = try NameEndmembers.match(endmembers, to: naming, used: used)
    let matches = result.matches.map { match in
      match.map {
        UnmixingBody.LibraryMatch(
          name: $0.name, sadRad: $0.angle, accepted: $0.isAccepted, runnerUp: $0.runnerUp?.name,
          runnerUpSadRad: $0.runnerUp?.angle)
      }
    }
    EndmemberDoubts.warnOfNames(result.endmembers, result.matches, context)
    return (result.endmembers, matches)
  }

  /// Spectra of the used bands on all bands of the file: NaN and flagged bad where a band was not used.
  ///
  /// - Parameter reliable: used bands whose values can be trusted; the others are flagged bad too. Nil for all.
  func onFileBands(_ spectra: SpectralLibrary, reliable: [Bool]? = nil) -> SpectralLibrary {
    let bands = scene.reader.shape.bands
    var axis = scene.metadata.axis
    axis.good = [Bool](repeating: false, count: bands)
    for (i, band) in usedBands.enumerated() { axis.good[band] = reliable?[i] ?? true }
    let values = (0..<spectra.count).flatMap {
      SceneChannel.spread(spectra[$0], used: usedBands, bands: bands)
    }
    let pixels = spectra.pixels?.map {
      PixelPosition(line: $0.line + window.line, sample: $0.sample + window.sample)
    }
    return SpectralLibrary(names: spectra.names, axis: axis, values: values, pixels: pixels)
  }
}

/// The models that occur in a scene.
final class FoundModels {
  /// Nil until the maps are computed.
  var table: MixtureModelTable?
}

/// What is known before the maps are computed, and how to compute them.
struct UnmixSolution {
  /// K spectra on the bands used, with their final names.
  var endmembers: SpectralLibrary
  var matches: [UnmixingBody.LibraryMatch?]?
  /// How many endmembers were to be found, and why; nil where they are known.
  var number: UnmixSolver.Number?
  var learnsGuidance = false
  var channelQuality: [Double]?
  /// Channels that are not corrupted, of blind methods.
  var reliableChannels: [Bool]?
  var objective: [Double] = []
  var converged = false
  /// What the method chose from the scene.
  var choice: String?
  var settings: [String: Double] = [:]
  /// The mixture models, of methods that find such; the table is there once the maps are.
  var models: FoundModels?
  /// Computes the maps and hands them over strip by strip.
  let deliver: ((ProductStrip) throws -> Void) throws -> Void

  init(endmembers: SpectralLibrary, deliver: @escaping ((ProductStrip) throws -> Void) throws -> Void) {
    self.endmembers = endmembers
    self.deliver = deliver
  }
}
