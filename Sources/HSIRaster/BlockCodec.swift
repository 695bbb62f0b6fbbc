import CGDAL
import CKernels
import CZlib
import HSICore
import Synchronization

/// The samples of a block, row by row.
final class BlockSamples: @unchecked Sendable {
  let bytes: UnsafeMutableRawBufferPointer

  init(_ layout: TIFFLayout) {
    let count = layout.blockSamples * layout.blockLines * layout.bandsTogether * layout.sampleSize
    bytes = .allocate(byteCount: max(1, count), alignment: 64)
  }

  deinit { bytes.deallocate() }
}

/// Unpacks blocks of a TIFF: a codec and memory, used by one thread at a time.
///
/// ZSTD and libdeflate are those that GDAL itself brings along; without the latter zlib does it.
final class BlockCodec: @unchecked Sendable {
  private typealias ZSTDMake = @convention(c) @Sendable () -> OpaquePointer?
  private typealias ZSTDFree = @convention(c) @Sendable (OpaquePointer?) -> Int
  private typealias ZSTDUnpack =
    @convention(c) @Sendable (
      OpaquePointer?, UnsafeMutableRawPointer?, Int, UnsafeRawPointer?, Int
    ) -> Int
  private typealias DeflateMake = @convention(c) @Sendable () -> OpaquePointer?
  private typealias DeflateFree = @convention(c) @Sendable (OpaquePointer?) -> Void
  private typealias DeflateUnpack =
    @convention(c) @Sendable (
      OpaquePointer?, UnsafeRawPointer?, Int, UnsafeMutableRawPointer?, Int, UnsafeMutablePointer<Int>?
    ) -> Int32

  private static func find<Function>(_ name: String, _: Function.Type) -> Function? {
    hsi_gdal_find(name).map { unsafeBitCast($0, to: Function.self) }
  }

  private struct ZSTD: Sendable {
    let make = BlockCodec.find("ZSTD_createDCtx", ZSTDMake.self)
    let free = BlockCodec.find("ZSTD_freeDCtx", ZSTDFree.self)
    let unpack = BlockCodec.find("ZSTD_decompressDCtx", ZSTDUnpack.self)
  }

  private struct Deflate: Sendable {
    let make = BlockCodec.find("libdeflate_alloc_decompressor", DeflateMake.self)
    let free = BlockCodec.find("libdeflate_free_decompressor", DeflateFree.self)
    let unpack = BlockCodec.find("libdeflate_zlib_decompress", DeflateUnpack.self)
  }

  private static let zstd = ZSTD()
  private static let deflate = Deflate()

  /// Whether blocks of this kind can be unpacked here.
  static func knows(_ codec: TIFFLayout.Codec) -> Bool {
    codec != .zstd || zstd.make != nil && zstd.free != nil && zstd.unpack != nil
  }

  private let layout: TIFFLayout
  private let state: OpaquePointer?
  private var packed: UnsafeMutableRawBufferPointer
  /// The block that was unpacked last; whoever keeps it puts another one here.
  var samples: BlockSamples
  private let scratch: UnsafeMutableRawBufferPointer
  private let isFast: Bool

  /// Bytes that an object takes, about.
  static func size(_ layout: TIFFLayout) -> Int {
    .product(2, layout.blockSamples, layout.blockLines, layout.bandsTogether, layout.sampleSize)
  }

  init(_ layout: TIFFLayout) {
    self.layout = layout
    let row = layout.blockSamples * layout.bandsTogether * layout.sampleSize
    packed = .allocate(byteCount: 1 << 12, alignment: 64)
    samples = BlockSamples(layout)
    scratch = .allocate(byteCount: layout.predictor == 3 ? row : 64, alignment: 64)
    isFast = BlockCodec.deflate.free != nil && BlockCodec.deflate.unpack != nil
    state = layout.codec == .zstd ? BlockCodec.zstd.make?() : isFast ? BlockCodec.deflate.make?() : nil
  }

  deinit {
    packed.deallocate()
    scratch.deallocate()
    guard let state else { return }
    if layout.codec == .zstd { _ = BlockCodec.zstd.free?(state) } else { BlockCodec.deflate.free?(state) }
  }

  /// Reads and unpacks a block; false where its bytes are not what a block of `rows` rows is packed to.
  func unpack(_ block: Int, rows: Int, from file: ByteSource) -> Bool {
    let (offset, count) = (layout.offsets[block], layout.counts[block])
    let row = layout.blockSamples * layout.bandsTogether * layout.sampleSize
    // No codec makes much more of a block than the block is; what says so is damaged.
    guard count > 0, count <= Int.sum(.product(2, samples.bytes.count), 1 << 16), let size = file.size,
      offset <= size - count
    else { return false }
    if packed.count < count {
      packed.deallocate()
      packed = .allocate(byteCount: count, alignment: 64)
    }
    guard let input = packed.baseAddress, let output = samples.bytes.baseAddress,
      (try? file.read(input, count: count, offset: offset)) != nil,
      inflate(input, count, output, rows * row)
    else { return false }
    return hsi_undo_predictor(
      Int32(layout.predictor), output, rows, layout.blockSamples, layout.bandsTogether, layout.sampleSize,
      scratch.baseAddress) == 0
  }

  private func inflate(
    _ input: UnsafeMutableRawPointer, _ count: Int, _ output: UnsafeMutableRawPointer, _ wanted: Int
  ) -> Bool {
    if layout.codec == .zstd {
      guard let state, let unpack = BlockCodec.zstd.unpack else { return false }
      return unpack(state, output, wanted, input, count) == wanted
    }
    if let state, let unpack = BlockCodec.deflate.unpack {
      var found = 0
      return unpack(state, input, count, output, wanted, &found) == 0 && found == wanted
    }
    var found = uLongf(wanted)
    guard count <= Int(UInt32.max), wanted <= Int(UInt32.max) else { return false }
    let status = uncompress(
      output.assumingMemoryBound(to: Bytef.self), &found, input.assumingMemoryBound(to: Bytef.self), uLong(count))
    return status == Z_OK && Int(found) == wanted
  }
}
