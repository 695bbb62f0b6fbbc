import HSICore
import HSITransformer

/// MP-HSIR and a task as `TiledInference` takes them: an image in [0, 1] of as many bands as the network has, or more, which go through
/// it in windows of that many.
///
/// Images with other bands than the network was trained on are better resampled to those first. Attention between channels pools over a
/// pass; over tiles of an image it pools in a pass of its own, which makes tiles nearly what the whole is (`ChannelPooling`).
public struct MPHSIRImageMap: PoolingImageMap {
  /// The network.
  public let network: MPHSIR
  /// The ids of the degradations; several ask for the mean of their prompts.
  public let tasks: [Int]

  /// A network and what it is asked for.
  ///
  /// - Throws: `CoreError.invalidParameter` for no task, or one that the network does not know.
  public init(_ network: MPHSIR, tasks: [Int]) throws {
    let classes = network.configuration.tasks
    guard !tasks.isEmpty, tasks.allSatisfy({ (0..<classes).contains($0) }) else {
      throw CoreError.invalidParameter(
        name: "task", value: tasks.map(String.init).joined(separator: ","), requirement: "from 0 to \(classes - 1)")
    }
    self.network = network
    self.tasks = tasks
  }

  public var name: String { "mp-hsir" }
  public var granularity: Int { network.configuration.granularity }
  public func windowBands(_ bands: Int) -> Int { min(bands, network.configuration.bands) }

  /// By the widths of the values that are alive together at full resolution: two skips, the input of the decoder's stage and block, and
  /// what its feed-forward network makes. The masks of shifted windows come on top, one row of a window per pixel of each level.
  public func passBytes(bands: Int, rows: Int, columns: Int) -> Int {
    let configuration = network.configuration
    let mask = configuration.window * configuration.window * 21 / 16
    return rows * columns * 4 * (MPHSIRImageMap.liveVolumes * configuration.channels + 3 * bands + mask)
  }

  /// Volumes of the width C that are alive together at the worst moment; held to the truth by a test.
  static let liveVolumes = 40

  /// - Parameter image: `[bands, H, W]` with the bands of the network.
  public func callAsFunction(_ image: Tensor) -> Tensor { self(image, on: Tape(.inference)) }

  /// - Parameters:
  ///   - image: `[bands, H, W]` with the bands of the network.
  ///   - pooling: what attention between channels takes from all tiles.
  public func callAsFunction(_ image: Tensor, _ pooling: ChannelPooling) -> Tensor {
    let tape = Tape(.inference)
    tape.pooling = pooling
    return self(image, on: tape)
  }

  private func callAsFunction(_ image: Tensor, on tape: Tape) -> Tensor {
    let x = tape.permute(Variable(image.reshaped([1] + image.shape)), [0, 2, 3, 1])
    let y = network(x, tasks: [tasks], tape)
    return tape.permute(y, [0, 3, 1, 2]).value.reshaped(image.shape)
  }
}
