import HSICore
import HSIDetection
import HSIRaster

/// The spectra that are looked for, on the bands that scene and spectra share.
struct DetectTargets {
  /// The spectra; nil where none are looked for.
  let library: SpectralLibrary?
  /// Bands of the file that are used.
  let bands: [Int]

  /// Reads what is looked for.
  ///
  /// - Parameters:
  ///   - source: all bands that the user leaves.
  ///   - comparesUnits: whether spectra have to be in the units of the scene.
  /// - Throws: the errors of reading; `RasterError.inconsistent` where bands or units do not fit.
  init(
    _ request: DetectRequest, in opened: OpenScene, _ source: FileSource, comparesUnits: Bool, _ context: RunContext
  ) throws {
    switch request.wanted {
    case .anomalies: (library, bands) = (nil, source.bands)
    case .pixels(let places):
      let placed = try PlacedPixels(places, in: opened, context)
      let statistics = try placed.measure(source, samples: opened.reader.shape.samples, context)
      let groups = placed.groups.indices.filter { statistics.counts[$0] > 0 }
      guard !groups.isEmpty else {
        throw RasterError.inconsistent(
          path: opened.path, reason: "no pixel of the target holds data in the part that is used",
          advice: "check \(option: "target pixels"), \(option: "nodata"), \(option: "mask") and \(option: "window")")
      }
      // Pixels are samples of one target; polygons with a name are targets of their own.
      var named: [(name: String, groups: [Int])] = []
      let isOne = if case .pixels = places { true } else { false }
      for group in groups {
        let name = isOne ? "pixels" : placed.groups[group].name
        if isOne, !named.isEmpty { named[0].groups.append(group) } else { named.append((name, [group])) }
      }
      let values = named.flatMap { entry -> [Double] in
        let total = Double(entry.groups.reduce(0) { $0 + statistics.counts[$1] })
        return source.bands.indices.map { b in
          entry.groups.reduce(0) { sum, group in
            let mean = statistics.mean(group)
            return sum + mean[mean.startIndex + b] * Double(statistics.counts[group])
          } / total
        }
      }
      if isOne, named.count == 1, placed.groups.count == 1 { named[0].name = placed.groups[0].name }
      library = SpectralLibrary(names: named.map(\.name), axis: source.metadata.axis, values: values)
      bands = source.bands
    case .spectra(let path):
      let spectra = try SpectralLibraryFile.read(path, context: context)
      let fit = try LibraryFit(
        spectra, path: path, axis: opened.metadata.axis, bands: source.bands, needsAll: true, context: context)
      bands = fit.bands
      let used = try opened.source(bands: .list(fit.bands), excludesZeroSpectra: true, context)
      if comparesUnits {
        library = try SpectraScale.applyToTargets(request.spectraScale, to: fit.library, path: path, used, context)
      } else {
        library = fit.library
      }
    case .gas(let path):
      let spectra = try SpectralLibraryFile.read(path, context: context)
      guard spectra.count == 1 else {
        throw RasterError.inconsistent(
          path: path, reason: "it holds \(spectra.count) spectra, but a gas has one absorption",
          advice: "leave one column of values beside the wavelengths")
      }
      let fit = try LibraryFit(
        spectra, path: path, axis: opened.metadata.axis, bands: source.bands, needsAll: true, context: context)
      var gas = fit.library
      guard gas.values.contains(where: { $0 != 0 }) else {
        throw DetectionError.badTarget(
          name: gas.names[0], reason: "absorbs nothing on the bands that are used",
          advice: "choose bands where it does with \(option: "wavelength ranges")")
      }
      // Tables of the change of radiance per unit of gas are negative where it absorbs.
      if gas.values.reduce(0, +) < 0 {
        context.logger.info("\(path): values are below 0 where the gas absorbs; their sign is turned")
        gas.values = gas.values.map { -$0 }
      }
      (library, bands) = (gas, fit.bands)
    }
  }
}

extension SpectraScale {
  /// Spectra of targets, multiplied by a factor where one is given. A target may be brighter or darker than any pixel, so that only what is
  /// a hundred times off is refused.
  ///
  /// - Throws: `RasterError.inconsistent`, `CoreError.invalidParameter`, the errors of reading.
  static func applyToTargets(
    _ factor: Double?, to spectra: SpectralLibrary, path: String, _ source: FileSource, _ context: RunContext
  ) throws -> SpectralLibrary {
    if factor != nil { return try apply(factor, to: spectra, path: path, source, context) }
    let means = (0..<spectra.count).map { i in spectra[i].reduce(0, +) / Double(max(spectra.bands, 1)) }
    guard let most = means.max(), let least = means.min(), let level = try UnitsCheck.level(of: source, context),
      level > 20 * most || level * 20 < least
    else { return spectra }
    return try apply(nil, to: spectra, path: path, source, context)
  }
}
