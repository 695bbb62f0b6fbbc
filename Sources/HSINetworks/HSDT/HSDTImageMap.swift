import HSITransformer

/// HSDT as `TiledInference` takes it: an image in [0, 1] of any number of bands.
///
/// More bands than the network was built for go through it in windows of that many, fewer at once with the self query, which has no
/// band-sized parameter. A noise-level map, where the network has an input for one, is zero.
public struct HSDTImageMap: ImageMap {
  /// The network.
  public let network: HSDT
  /// Whether all bands go through it at once with the self query, whatever it was built for.
  public let isFlexible: Bool

  /// A network, and whether it takes all bands at once.
  public init(_ network: HSDT, isFlexible: Bool = false) {
    self.network = network
    self.isFlexible = isFlexible
  }

  public var name: String { "hsdt" }
  public var granularity: Int { network.configuration.granularity }
  public func windowBands(_ bands: Int) -> Int { isFlexible ? bands : min(bands, network.configuration.bands) }

  /// By the widths of the values that are alive together at full resolution (two skips, input and output of a stage, and what its
  /// convolutions keep), with a third for the coarser levels and scratch.
  public func passBytes(bands: Int, rows: Int, columns: Int) -> Int {
    rows * columns * bands * 4 * (HSDTImageMap.liveVolumes * network.configuration.channels + 4)
  }

  /// Volumes of the head's width that are alive together at the worst moment; held to the truth by a test.
  static let liveVolumes = 12

  public func callAsFunction(_ image: Tensor) -> Tensor {
    let channels = network.configuration.inputChannels
    let shape = [1] + image.shape + [channels]
    var x = image.reshaped([1] + image.shape + [1])
    if channels > 1 {
      x = Tensor.zeros(shape)
      for i in 0..<image.count { x.output[i * channels] = image.pointer[i] }
    }
    let y = network(Variable(x), query: isFlexible ? .selfQuery : .automatic, Tape(.inference)).value
    return y.reshaped(image.shape)
  }
}
