import HSIKit

/// How much a step will write, from the size of the item's input.
enum DiskEstimate {
  /// Size of a scene, nil where it cannot be opened without more options.
  static func measure(_ path: String) -> SceneSize? {
    guard let reader = try? RasterFormats.open(path, context: RunContext(threads: 1)) else { return nil }
    let shape = reader.shape
    guard shape.lines < 1 << 24, shape.samples < 1 << 24, shape.bands < 1 << 15 else { return nil }
    return SceneSize(
      lines: shape.lines, samples: shape.samples, bands: shape.bands, sampleBytes: reader.sampleType.size)
  }

  /// Bytes without compression; pictures, spectra and reports are not counted.
  static func bytes(_ step: PlannedStep, _ size: SceneSize) -> Int {
    let pixels = size.lines * size.samples
    func value(_ name: String) -> String? {
      step.options.first { $0.hasPrefix("--\(name)=") }.map { String($0.dropFirst(name.count + 3)) }
    }
    switch step.command {
    case ["denoise"], ["restore"], ["simulate", "noise"], ["simulate", "degrade"]:
      return size.floatBytes * (value("residual") == nil && !step.options.contains("--all") ? 1 : 2)
    case ["convert"]: return pixels * size.bands * size.sampleBytes
    case ["unmix"]: return pixels * 4 * (value("count").flatMap { Int($0) } ?? min(size.bands, 20))
    case ["classify", "predict"]:
      let maps = ["prob", "confidence"].filter { value($0) != nil }.count
      return pixels * (1 + 4 * maps * (value("prob") == nil ? 1 : 16))
    default: return 0
    }
  }
}
