import HSICore
import HSIRaster
import HSIRestoration

/// A finer image of the area of a scene, whose details a sharpening takes.
struct FineImage {
  let opened: OpenScene
  /// Lines of it per line of the scene, and samples per sample.
  let scale: Int

  /// Opens the image and compares its grid with that of the scene.
  ///
  /// - Throws: the errors of opening; `RestorationError.fineGrid`; `CoreError.invalidParameter` for another task than a finer grid.
  init(_ path: String, for scene: OpenScene, task: RestorationTask, _ context: RunContext) throws {
    guard [.superres, .automatic].contains(task) else {
      throw CoreError.invalidParameter(
        name: "\(option: "fine")", value: path, requirement: "used with \(option: "task") superres")
    }
    opened = try SceneRequest(path).open(context)
    let (fine, coarse) = (opened.reader.shape, scene.reader.shape)
    let ratio = fine.lines / coarse.lines
    guard ratio > 1, fine.lines == ratio * coarse.lines, fine.samples == ratio * coarse.samples else {
      throw RestorationError.fineGrid(
        detail: "\(path) has \(fine.lines) × \(fine.samples) pixels, the scene \(coarse.lines) × \(coarse.samples)")
    }
    scale = ratio
    let place = scene.metadata.georeference
    switch GridComparison.compare(
      opened.metadata.georeference, fine.lines, fine.samples, to: place?.rescaled(by: Double(ratio)), fine)
    {
    case .same, .unrelated: break
    case .otherSystem: throw RestorationError.fineGrid(detail: "\(path) is in another reference system")
    case .other(let own, let target):
      // Half a fine pixel at every corner.
      let size = (target[1] * target[1] + target[4] * target[4]).squareRoot()
      let (width, height) = (Double(fine.samples), Double(fine.lines))
      for (x, y) in [(0, 0), (width, 0), (0, height), (width, height)] {
        let dx = own[0] - target[0] + (own[1] - target[1]) * x + (own[2] - target[2]) * y
        let dy = own[3] - target[3] + (own[4] - target[4]) * x + (own[5] - target[5]) * y
        let off = (dx * dx + dy * dy).squareRoot() / size
        guard off <= 0.5 else {
          throw RestorationError.fineGrid(
            detail: "a corner of \(path) lies \((off * 10).rounded() / 10) of its pixels from that of the scene")
        }
      }
    }
  }

  /// The sharpening of a part of the scene by the image in memory.
  func restorer(
    _ method: String?, _ values: [String: Double], window: PixelWindow, _ context: RunContext
  ) throws -> Sharpening {
    var values = values
    if let given = values.removeValue(forKey: "scale"), Int(clamping: given) != scale {
      throw CoreError.invalidParameter(
        name: "\(option: "scale")", value: PlainNumber.exact(given), requirement: "\(scale), as that of \(opened.path)")
    }
    let kind = try Sharpeners.all.entry(method ?? "gsa").make(values)
    var request = opened.request
    request.area = .pixels(
      PixelWindow(
        line: window.line * scale, sample: window.sample * scale, lines: window.lines * scale,
        samples: window.samples * scale))
    let fine = try OpenScene(request, opened.reader, context).source(bands: .good, context).load(
      context, label: "reading the finer image")
    return try Sharpening(
      kind, fine: fine, scene: CubeShape(lines: window.lines, samples: window.samples, bands: 1))
  }
}
