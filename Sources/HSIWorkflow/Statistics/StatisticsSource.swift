import HSICore
import HSINumerics

/// A scene whose statistics a file holds: methods learn from them what they need to know of all pixels. What else they would read of it is
/// refused, so that no method takes a window for the whole scene.
final class StatisticsSource: KnownStatistics {
  let shape: CubeShape
  let metadata: CubeMetadata
  let blockLines = 1
  let workingBytesPerLine = 0
  /// Pixels that the statistics are of.
  let count: Int
  private let path: String
  private let method: String
  private let statistics: SceneStatistics
  private let noise: NeighbourNoise

  /// The statistics of a file for a scene.
  ///
  /// - Parameters:
  ///   - path: of the file.
  ///   - source: the scene as it is used.
  ///   - name: of the scene, for messages.
  ///   - method: that will ask.
  /// - Throws: the errors of reading; `RasterError.inconsistent` for statistics of other bands or units.
  init(_ path: String, for source: any StripSource, of name: String, method: String, _ context: RunContext) throws {
    let file = try StatisticsFile(path: path)
    let (pixels, differences) = try file.fitted(to: source.metadata, of: name)
    (shape, metadata, count) = (source.shape, source.metadata, file.count)
    (self.path, self.method) = (path, method)
    (statistics, noise) = (pixels.statistics, NeighbourNoise(differences: differences.statistics))
    if !file.isComplete {
      context.warn(
        "W-STATISTICS-PART",
        "\(path) is of a part of a scene only; merge the statistics of all its windows for the whole")
    }
  }

  func knownStatistics() throws -> SceneStatistics { statistics }

  func knownNoise() throws -> NeighbourNoise { noise }

  func read(lines: Range<Int>, into strip: Strip) throws {
    throw CoreError.invalidParameter(
      name: "\(option: "statistics")", value: path,
      requirement:
        "left out here: \(method) with these parameters looks at pixels of the whole scene, not only at statistics")
  }
}
