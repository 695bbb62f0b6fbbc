import HSICore
import HSINumerics
import HSITransformer

/// Square windows of scenes without labels, from which networks are pre-trained: any number of scenes, each with bands of its own.
///
/// Window `i` of scene `s` lies on a grid of half its side; drawn for training it is moved within that distance at random. A window
/// has no more than a quarter of missing pixels.
public struct SceneWindows: Sendable {
  /// The scenes that have a window.
  public let scenes: [NormalisedScene]
  /// Side of a window in pixels.
  public let side: Int
  /// First lines and samples of the windows of every scene.
  private let places: [[(line: Int, sample: Int)]]
  private let ends: [Int]

  /// Largest share of missing pixels of a window.
  public static let mostMissing = 0.25

  /// Windows of scenes; those that are too small, or of which too much is missing, have none.
  public init(_ scenes: [NormalisedScene], side: Int) {
    precondition(side >= 1)
    let places = scenes.map { SceneWindows.places($0, side: side) }
    let kept = scenes.indices.filter { !places[$0].isEmpty }
    self.scenes = kept.map { scenes[$0] }
    self.places = kept.map { places[$0] }
    self.side = side
    var ends: [Int] = []
    for list in self.places { ends.append((ends.last ?? 0) + list.count) }
    self.ends = ends
  }

  private static func places(_ scene: NormalisedScene, side: Int) -> [(line: Int, sample: Int)] {
    guard scene.shape.lines >= side, scene.shape.samples >= side else { return [] }
    func starts(_ extent: Int) -> [Int] {
      let step = max(side / 2, 1)
      let regular = Array(stride(from: 0, through: extent - side, by: step))
      return regular.last == extent - side ? regular : regular + [extent - side]
    }
    let most = Int(clamping: mostMissing * Double(side * side))
    return starts(scene.shape.lines).flatMap { line in starts(scene.shape.samples).map { (line, $0) } }
      .filter { scene.missingPixels(line: $0.0, sample: $0.1, side: side) <= most }
      .map { (line: $0.0, sample: $0.1) }
  }

  /// Windows of all scenes.
  public var count: Int { ends.last ?? 0 }

  /// Windows of one scene.
  public func count(of scene: Int) -> Int { places[scene].count }

  /// A scene, as often as it has windows.
  func drawScene(_ random: inout CounterRandom) -> Int {
    let window = random.index(below: count)
    return ends.firstIndex { window < $0 } ?? 0
  }

  /// A window of a scene, somewhere near one of its places, turned and mirrored at random.
  func draw(of scene: Int, _ random: inout CounterRandom) -> (line: Int, sample: Int, symmetry: PatchSymmetry) {
    let image = scenes[scene]
    let place = places[scene][random.index(below: places[scene].count)]
    let step = max(side / 2, 1)
    let line = min(place.line + random.index(below: step), image.shape.lines - side)
    let sample = min(place.sample + random.index(below: step), image.shape.samples - side)
    let symmetry = PatchSymmetry.all[random.index(below: 8)]
    let most = Int(clamping: SceneWindows.mostMissing * Double(side * side))
    let isGood = image.missingPixels(line: line, sample: sample, side: side) <= most
    return isGood ? (line, sample, symmetry) : (place.line, place.sample, symmetry)
  }

  /// The place of a window.
  func place(_ window: Int, of scene: Int) -> (line: Int, sample: Int) { places[scene][window] }
}
