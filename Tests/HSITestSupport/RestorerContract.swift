import HSICore
import HSINumerics
import HSIRestoration

/// What every restorer promises (see `Restorer`), checked on a complete noisy scene. Returns what is broken, in words.
public func checkRestorer(_ restorer: any Restorer, scene: Cube) throws -> [String] {
  let id = restorer.description.id
  var broken: [String] = []
  func expect(_ isGood: Bool, _ problem: String) { if !isGood { broken.append("\(id): \(problem)") } }
  func restored(_ cube: Cube, _ context: RunContext = RunContext()) throws -> Cube {
    try restorer.restore(cube, noise: nil, context).scene
  }
  precondition(scene.count == scene.shape.pixels && scene.pixels.values.allSatisfy(\.isFinite))
  let (bands, scale) = (scene.shape.bands, restorer.scale)

  // Shape, metadata, and the scene itself untouched.
  var placed = scene.metadata
  placed.georeference = Georeference(crs: nil, mapping: .affine([500, 30, 4, 800, 5, -30]))
  let before = scene.pixels.values
  let located = Cube(shape: scene.shape, metadata: placed, pixels: scene.pixels, positions: scene.positions)
  let result = try restored(located)
  expect(scene.pixels.values == before, "it changes the scene that it is given")
  expect(
    result.shape == restorer.shape(of: scene.shape),
    "the result is \(result.shape), not \(restorer.shape(of: scene.shape))")
  expect(
    result.metadata.georeference == placed.rescaled(by: Double(scale)).georeference,
    "the result lies elsewhere on the map")
  expect(result.metadata.axis == placed.axis, "the result has other bands")
  expect(result.count == result.shape.pixels, "pixels of a complete scene are missing in the result")
  expect(result.pixels.values.allSatisfy(\.isFinite), "the result has values that are not finite")

  // Threads.
  for count in [1, 3] {
    expect(
      try restored(scene, RunContext(threads: count)).pixels.values == result.pixels.values,
      "\(count) threads give other bits")
  }

  // Missing pixels, at a border and inside.
  let gone: Set<Int> = [0, scene.shape.samples + 1, scene.count / 2, scene.count - 1]
  let kept = (0..<scene.count).filter { !gone.contains($0) }
  let holed = Cube(
    shape: scene.shape, metadata: scene.metadata,
    pixels: PixelMatrix(rows: kept.count, columns: bands, values: kept.flatMap { Array(scene.pixels.row($0)) }),
    positions: kept.map { scene.positions[$0] })
  let around = try restored(holed)
  let coarse = Set(
    around.positions.map { position in
      let (line, sample) = (
        Int(position) / (scene.shape.samples * scale), Int(position) % (scene.shape.samples * scale)
      )
      return line / scale * scene.shape.samples + sample / scale
    })
  if restorer.fills.contains(.pixels) {
    expect(around.count == around.shape.pixels, "missing pixels are not filled")
  } else {
    expect(coarse == Set(kept) && around.count == kept.count * scale * scale, "missing pixels do not stay missing")
  }
  expect(around.pixels.values.allSatisfy(\.isFinite), "missing pixels spread")

  // A missing value, and a missing band.
  func damaged(_ change: (PixelMatrix) -> Void) -> Cube {
    let pixels = PixelMatrix(rows: scene.count, columns: bands, values: before)
    change(pixels)
    return Cube(shape: scene.shape, metadata: scene.metadata, pixels: pixels, positions: scene.positions)
  }
  let place = scene.count / 3
  let patched = try restored(damaged { $0[place, 1] = .nan })
  if restorer.fills.contains(.values) {
    expect(patched.pixels.values.allSatisfy(\.isFinite), "a missing value is not filled")
  } else if scale == 1 {
    expect(
      patched.pixels[place, 1].isNaN && patched.pixels[place, 0] == scene.pixels[place, 0],
      "a pixel with a missing value is not handed on as it is")
    expect(patched.pixels.values.count { !$0.isFinite } == 1, "a missing value spreads")
  }
  if restorer.fills.contains(.bands) {
    let whole = try restored(damaged { pixels in for row in 0..<scene.count { pixels[row, 1] = .nan } })
    expect(whole.pixels.values.allSatisfy(\.isFinite), "a missing band is not filled")
  }

  // Nothing to work on.
  let empty = Cube(
    shape: scene.shape, metadata: scene.metadata, pixels: PixelMatrix(rows: 0, columns: bands), positions: [])
  expect(try restorer.fills.contains(.pixels) || restored(empty).count == 0, "an empty scene gives pixels")

  // Budget and cancellation.
  func error(_ context: RunContext) -> (any Error)? {
    do {
      _ = try restored(scene, context)
      return nil
    } catch { return error }
  }
  if case .memory = error(RunContext(memory: MemoryBudget(bytes: 1000))) as? CoreError {
  } else {
    expect(false, "it works within 1000 bytes, or does not say why not")
  }
  let cancelled = RunContext()
  cancelled.cancellation.cancel()
  if case .cancelled = error(cancelled) as? CoreError {} else { expect(false, "it does not stop when cancelled") }
  expect(restorer.workingBytes(scene.shape) > 0, "it needs no memory")
  return broken
}
