/// A network (with its settings) that maps an image to an image of the same bands, on the same grid or one that is `scale` times
/// as fine: what `TiledInference` needs to know of it.
///
/// One pass at a time: layers keep packed weights.
public protocol ImageMap: Sendable {
  /// Name for messages.
  var name: String { get }
  /// Rows and columns of a pass must be multiples of this; images are padded by reflection.
  var granularity: Int { get }
  /// Rows of the result per row of the image, and columns per column: 1 for restoration, 2 or 4 for super-resolution.
  var scale: Int { get }
  /// Smallest edge of a tile that memory may ask for.
  var smallestTile: Int { get }
  /// Bands of a pass over an image of `bands`: all of them, or fewer where the network was built for fewer.
  func windowBands(_ bands: Int) -> Int
  /// Bytes that a pass over `bands × rows × columns` (multiples of `granularity`) takes at its worst moment, result included.
  func passBytes(bands: Int, rows: Int, columns: Int) -> Int
  /// The result `[bands, rows · scale, columns · scale]` of an image `[bands, rows, columns]`.
  func callAsFunction(_ image: Tensor) -> Tensor
}

/// An image map that pools over what it sees at once, so that tiles do not give what the whole gives.
public protocol PoolingImageMap: ImageMap {
  /// The result of a tile whose sums are collected or replaced.
  func callAsFunction(_ image: Tensor, _ pooling: ChannelPooling) -> Tensor
}

extension ImageMap {
  public var granularity: Int { 1 }
  public var scale: Int { 1 }
  public var smallestTile: Int { 64 }
  public func windowBands(_ bands: Int) -> Int { bands }
}
