import HSICore
import HSINumerics

/// A blur of all active bands with one kernel; beside the image there are zeros.
///
/// Missing pixels stay missing and count as the values around them (`PlaneFilling`); pixels with a missing value are handed on.
/// Cost 2 N L times the kernel's weights that are not 0.
public protocol Blur: ParameterDegradation {
  /// The weights.
  var kernel: BlurKernel { get }
  /// What was asked for, by name.
  var settings: [String: Double] { get }
  /// Whether the image is mirrored at its borders, instead of zeros beside it.
  var mirrors: Bool { get }
}

extension Blur {
  public var usesRange: Bool { false }

  public func degrade(_ scene: Cube, _ target: DegradationTarget, _ context: RunContext) throws -> DegradedScene {
    let claim = context.claimThreads()
    defer { claim.release() }
    try context.checkCancellation()
    try requireMemory(for: scene, bytesPerPixel: 12 * scene.shape.bands, context)
    let finite = scene.finitePixels()
    let values = try kernel.blurred(finite, mirrors: mirrors, context)
    for (band, isActive) in target.active.enumerated() where !isActive {
      for row in 0..<finite.count { values[row, band] = finite.pixels[row, band] }
    }
    let facts = settings.mapValues { "\($0)" }.merging(["kind": description.id, "size": "\(kernel.size)"]) { $1 }
    return DegradedScene(scene: scene.replacingFinitePixels(by: values), facts: facts)
  }
}

extension Degradation {
  /// Throws `CoreError.memory` where a scene and so many bytes per pixel do not fit the budget.
  func requireMemory(for scene: Cube, bytesPerPixel: Int, _ context: RunContext) throws {
    let needed = scene.count * (scene.shape.bands * 4 + 4) + scene.shape.pixels * bytesPerPixel
    guard needed <= context.memory.bytes else {
      throw CoreError.memory(
        purpose: "\(description.id) on \(scene.shape)", needed: needed, budget: context.memory.bytes)
    }
  }
}

extension ParameterDescription {
  /// Lines and samples of a kernel.
  static func kernelSize(_ value: Double) -> ParameterDescription {
    ParameterDescription("size", value, in: 1...255, "lines and samples of the kernel, odd")
  }

  /// What is beside the image.
  static let mirror = ParameterDescription(
    "mirror", 0, in: 0...1, "1: the image is mirrored at its borders; 0: zeros beside it")
}

extension BlurKernel {
  /// The valid pixels of a scene, all of them finite, blurred: rows × bands.
  func blurred(_ scene: Cube, mirrors: Bool, _ context: RunContext) throws -> PixelMatrix {
    let (lines, samples, bands) = (scene.shape.lines, scene.shape.samples, scene.shape.bands)
    let result = PixelMatrix(rows: scene.count, columns: bands)
    guard scene.count > 0 else { return result }
    let image = scene.filledImage()
    let (source, out, positions) = (image.pointer, result.pointer, scene.positions)
    let taps = weights.enumerated().filter { $0.element != 0 }.map {
      (line: $0.offset / size - radius, sample: $0.offset % size - radius, weight: $0.element)
    }
    context.progress.report(phase: "blurring", fraction: 0)
    Parallel.forEachChunk(of: scene.count, chunk: 256) { _, rows in
      if context.cancellation.isCancelled { return }
      for row in rows {
        let (line, sample) = (Int(positions[row]) / samples, Int(positions[row]) % samples)
        let target = out + row * bands
        for tap in taps {
          var (y, x) = (line + tap.line, sample + tap.sample)
          if mirrors {
            (y, x) = (mirrored(y, lines), mirrored(x, samples))
          } else if y < 0 || y >= lines || x < 0 || x >= samples {
            continue
          }
          let values = source + (y * samples + x) * bands
          for b in 0..<bands { target[b] += tap.weight * values[b] }
        }
      }
    }
    try context.checkCancellation()
    context.progress.report(phase: "blurring", fraction: 1)
    return result
  }
}

extension Cube {
  /// A row for every place of the image: missing pixels take values from around them (`PlaneFilling`), for computations only. The
  /// cube's own pixels where none is missing.
  func filledImage() -> PixelMatrix {
    guard count < shape.pixels else { return pixels }
    let result = PixelMatrix(rows: shape.pixels, columns: shape.bands)
    let filling = PlaneFilling(self)
    let (source, target, bands, count, places) = (pixels.pointer, result.pointer, shape.bands, count, shape.pixels)
    Parallel.forEach(bands) { band in
      let plane = PixelMatrix(rows: 2, columns: places)
      let (values, image) = (plane.pointer, plane.pointer + places)
      for row in 0..<count { values[row] = source[row * bands + band] }
      filling.spread(values, into: image)
      for place in 0..<places { target[place * bands + band] = image[place] }
    }
    return result
  }
}
