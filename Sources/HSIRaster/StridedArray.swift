import Foundation
import HSICore

/// How the elements of an array in memory map to lines, samples and bands: byte distances from element (0, 0, 0).
struct ArrayStrides: Equatable {
  var line: Int
  var sample: Int
  var band: Int
}

/// A cube that lies in memory (or in a mapped file) with any order of its axes.
///
/// `copy` gathers a window into a block whose axes keep the order of the array, so that the runs copied are as long
/// as possible and nothing is transposed twice.
struct StridedArray {
  /// First byte of element (0, 0, 0).
  var base: UnsafeRawPointer
  var shape: CubeShape
  var strides: ArrayStrides
  var type: SampleType
  /// True when the elements are in the other byte order than this machine's.
  var isByteSwapped = false
  /// True when the elements are 16-bit floats, which are widened on copying (`type` is then float32).
  var isHalf = false
  /// The mapped file that the elements lie in, whose pages are given back as they have been read.
  var pages: FileBytes?

  /// Bytes of one stored element.
  var elementSize: Int { isHalf ? 2 : type.size }

  /// Copies the given bands of a window.
  func copy(_ window: PixelWindow, bands: [Int], into block: StoredBlock) {
    let size = elementSize
    block.prepare(
      type: type, interleave: .bsq, lines: window.lines, samples: window.samples, bands: bands.count)
    block.isByteSwapped = isByteSwapped && !isHalf
    guard window.pixels > 0, !bands.isEmpty, let target = block.bytes.baseAddress else { return }
    // Axes from the fastest to the slowest in the source; the block keeps that order.
    let axes = [
      (0, strides.line, window.lines), (1, strides.sample, window.samples), (2, strides.band, bands.count),
    ]
    .sorted { (abs($0.1), $0.0) < (abs($1.1), $1.0) }
    var step = [0, 0, 0]
    var distance = size
    for (axis, _, count) in axes {
      step[axis] = distance
      distance *= count
    }
    // Half floats are first copied to the end of the block, then widened from its start.
    let staged = isHalf ? target + distance : target
    let origin = base + window.line * strides.line + window.sample * strides.sample
    let inner = axes[0]
    let (first, second) = (axes[1], axes[2])
    let isRun = abs(inner.1) == size && inner.1 > 0 && (inner.0 != 2 || isConsecutive(bands))
    func offset(_ axis: Int, _ index: Int) -> Int {
      axis == 2 ? bands[index] * strides.band : index * (axis == 0 ? strides.line : strides.sample)
    }
    // A run that is copied may touch one page more than it fills.
    let touched = Int.product(first.2, Int.sum(.product(inner.2, isRun ? size : abs(inner.1)), 4096))
    for i in 0..<second.2 {
      defer { pages?.count(touched: touched) }
      for j in 0..<first.2 {
        var source = origin + offset(second.0, i) + offset(first.0, j)
        let place = staged + i * step[second.0] + j * step[first.0]
        if isRun {
          if inner.0 == 2 { source += bands[0] * strides.band }
          place.copyMemory(from: source, byteCount: inner.2 * size)
        } else {
          for k in 0..<inner.2 {
            (place + k * size).copyMemory(from: source + offset(inner.0, k), byteCount: size)
          }
        }
      }
    }
    let widening = isHalf ? 2 : 1
    (block.lineStride, block.pixelStride, block.bandStride) = (
      step[0] * widening, step[1] * widening, step[2] * widening
    )
    if isHalf {
      StridedArray.widen(staged, count: distance / 2, isByteSwapped: isByteSwapped, into: target)
    }
  }

  private func isConsecutive(_ bands: [Int]) -> Bool {
    bands.indices.allSatisfy { bands[$0] == bands[0] + $0 }
  }

  /// Converts IEEE 754 half to single precision, front to back; `target` may end where `source` ends.
  static func widen(_ source: UnsafeRawPointer, count: Int, isByteSwapped: Bool, into target: UnsafeMutableRawPointer) {
    for index in 0..<count {
      var bits = source.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)
      if isByteSwapped { bits = bits.byteSwapped }
      target.storeBytes(of: single(half: bits), toByteOffset: index * 4, as: Float.self)
    }
  }

  /// The value of a half-precision number.
  static func single(half: UInt16) -> Float {
    let sign: Float = half & 0x8000 == 0 ? 1 : -1
    let exponent = Int(half >> 10 & 0x1f)
    let fraction = Float(half & 0x3ff)
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 31: return fraction == 0 ? sign * .infinity : .nan
    default:
      return sign * (1 + fraction * 0x1p-10) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
    }
  }
}

/// Which axis of an array is which: `line,sample,band`, or letters such as `hwb` or `bhw`.
struct ArrayAxes: Equatable, Sendable {
  /// Index of the axis among the array's axes.
  var line: Int
  var sample: Int
  /// nil for a single image.
  var band: Int?

  /// Parses a value of `--axes`.
  ///
  /// - Throws: `CoreError.invalidParameter` unless every axis of an array of `rank` axes is named once.
  init(_ text: String, rank: Int) throws {
    let words =
      text.contains(",")
      ? text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
      : text.lowercased().map { String($0) }
    let names: [[String]] = [
      ["line", "lines", "row", "rows", "y", "h", "l", "downtrack"],
      ["sample", "samples", "column", "columns", "col", "x", "w", "s", "crosstrack"],
      ["band", "bands", "b", "c", "z", "wavelength", "wavelengths", "channel"],
    ]
    let found = names.map { synonyms in words.indices.filter { synonyms.contains(words[$0]) } }
    guard words.count == rank, found[0].count == 1, found[1].count == 1, found[2].count == rank - 2 else {
      throw CoreError.invalidParameter(
        name: "\(option: "axes")", value: text,
        requirement: rank == 2
          ? "the order of line and sample, e.g. line,sample"
          : "the order of line, sample and band, e.g. line,sample,band or bhw")
    }
    (line, sample, band) = (found[0][0], found[1][0], found[2].first)
  }

  init(line: Int, sample: Int, band: Int?) { (self.line, self.sample, self.band) = (line, sample, band) }

  /// The axes of an array that count: all, or, of more than three, those that are longer than 1.
  static func counting(_ dimensions: [Int]) -> [Int] {
    var surplus = dimensions.count - 3
    return dimensions.indices.filter { axis in
      guard surplus > 0, dimensions[axis] == 1 else { return true }
      surplus -= 1
      return false
    }
  }

  /// The same axes among those of the array that `kept` lists.
  func among(_ kept: [Int]) -> ArrayAxes {
    ArrayAxes(line: kept[line], sample: kept[sample], band: band.map { kept[$0] })
  }

  /// The cube's shape for an array's extents.
  func shape(_ dimensions: [Int]) -> CubeShape {
    CubeShape(lines: dimensions[line], samples: dimensions[sample], bands: band.map { dimensions[$0] } ?? 1)
  }
}
