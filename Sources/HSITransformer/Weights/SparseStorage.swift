import Foundation
import HSICore

/// Weights with many zeros in a file: the numbers that are not zero, a bit for every place, and the extents.
///
///     T.sparse_values  the numbers that are there, in row-major order, of any type
///     T.sparse_mask    ⌈n/8⌉ bytes: bit i mod 8 of byte i div 8 is 1 where number i is there
///     T.sparse_shape   the extents of T, 64-bit integers
///
/// Readers see `T` itself: `WeightFile` puts it together when its numbers are asked for. A matrix of which every second weight was
/// pruned (2:4) takes 53 % of its dense size.
public enum SparseStorage {
  private static let ends = (values: ".sparse_values", mask: ".sparse_mask", shape: ".sparse_shape")
  /// Axes that a tensor may have.
  private static let mostAxes = 8

  /// Contents with tensors of single precision packed where that is smaller.
  ///
  /// - Throws: `TransformerError` for a damaged file that a tensor lies in.
  public static func packed(_ contents: [(name: String, content: SafetensorsWriter.Content)]) throws -> [(
    name: String, content: SafetensorsWriter.Content
  )] {
    try contents.flatMap { name, content -> [(name: String, content: SafetensorsWriter.Content)] in
      switch content {
      case .floats(let tensor): return self.contents(name, tensor)
      case .stored(let tensor):
        if let source = tensor.source as? PackedSource {
          return [
            (name + ends.values, .stored(source.values)), (name + ends.mask, .stored(source.mask)),
            (name + ends.shape, .integers(tensor.shape.map { Int64($0) }, shape: [tensor.shape.count])),
          ]
        }
        return tensor.type == .float32 && tensor.shape.count > 1
          ? self.contents(name, try tensor.floats()) : [(name, content)]
      case .integers, .bytes: return [(name, content)]
      }
    }
  }

  /// What `SafetensorsWriter` is given for a tensor: packed where that is smaller, else as it is.
  public static func contents(_ name: String, _ tensor: Tensor) -> [(
    name: String, content: SafetensorsWriter.Content
  )] {
    let pointer = tensor.pointer
    var mask = [UInt8](repeating: 0, count: (tensor.count + 7) / 8)
    var values: [Float] = []
    for i in 0..<tensor.count where pointer[i].bitPattern != 0 {
      mask[i / 8] |= 1 << UInt8(i % 8)
      values.append(pointer[i])
    }
    let packed = values.count * 4 + mask.count + tensor.shape.count * 8
    guard packed < tensor.count * 4, tensor.shape.count <= mostAxes, !values.isEmpty else {
      return [(name, .floats(tensor))]
    }
    return [
      (name + ends.values, .floats(Tensor([values.count], values))), (name + ends.mask, .bytes(mask)),
      (name + ends.shape, .integers(tensor.shape.map { Int64($0) }, shape: [tensor.shape.count])),
    ]
  }

  /// The tensors of a file with packed ones under their own names.
  ///
  /// - Throws: `TransformerError` where the three do not belong together, as far as that is seen without reading the mask.
  static func unpacked(_ tensors: [WeightTensor], path: String) throws -> [WeightTensor] {
    guard tensors.contains(where: { $0.name.hasSuffix(ends.values) }) else { return tensors }
    let found = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var result: [WeightTensor] = []
    for tensor in tensors {
      let place = [ends.mask, ends.shape].compactMap { end in
        tensor.name.hasSuffix(end) ? String(tensor.name.dropLast(end.count)) : nil
      }.first
      // A mask without values is a tensor like any other.
      if let place, found[place + ends.values] != nil { continue }
      guard tensor.name.hasSuffix(ends.values) else {
        result.append(tensor)
        continue
      }
      result.append(try joined(String(tensor.name.dropLast(ends.values.count)), values: tensor, found, path))
    }
    return result
  }

  private static func joined(
    _ name: String, values: WeightTensor, _ found: [String: WeightTensor], _ path: String
  ) throws -> WeightTensor {
    func damaged(_ detail: String) -> TransformerError {
      .badHeader(path: path, detail: "\(shortened(name)) is packed without its zeros, but \(detail)")
    }
    guard let mask = found[name + ends.mask], let shape = found[name + ends.shape], found[name] == nil else {
      throw damaged(found[name] == nil ? "its mask or its shape is missing" : "is there dense, too")
    }
    guard mask.type == .uint8, shape.type == .int64, (1...mostAxes).contains(shape.count) else {
      throw damaged("its mask is of type \(mask.type.rawValue) and its shape of \(shape.count) numbers")
    }
    let extents = try shape.ints()
    guard let count = values.type.count(of: extents), mask.count == (count + 7) / 8, values.count <= count else {
      throw damaged("its mask of \(mask.count) bytes and \(values.count) values do not fit its shape \(extents)")
    }
    return WeightTensor(
      name: name, type: values.type, shape: extents, count: count,
      source: PackedSource(path: path, name: name, values: values, mask: mask, count: count))
  }
}

extension WeightFile {
  /// The tensors of `SafetensorsWriter.Content` in memory, as a file of them would be.
  ///
  /// - Throws: `TransformerError` for a damaged file that a tensor lies in.
  public init(
    _ contents: [(name: String, content: SafetensorsWriter.Content)], card: ModelCard? = nil, named path: String
  ) throws {
    let tensors = try contents.map { name, content -> WeightTensor in
      if case .stored(var tensor) = content {
        tensor.name = name
        return tensor
      }
      var bytes: [UInt8] = []
      try content.withBytes { bytes = Array($0) }
      return WeightTensor(
        name: name, type: content.type, shape: content.shape, count: content.count,
        source: MappedSource(file: WeightBytes(copying: bytes), path: path, start: 0, count: bytes.count))
    }
    self.init(
      path: path, format: .safetensors, tensors: tensors,
      metadata: card.map { [ModelCard.metadataKey: $0.json] } ?? [:])
  }
}

extension WeightFile {
  /// What `SafetensorsWriter` is given to write it again.
  ///
  /// - Parameter packing: whether zeros are left out.
  /// - Throws: `TransformerError` for a damaged file.
  public func contents(packing: Bool = false) throws -> [(name: String, content: SafetensorsWriter.Content)] {
    let contents = tensors.map { (name: $0.name, content: SafetensorsWriter.Content.stored($0)) }
    return packing ? try SparseStorage.packed(contents) : contents
  }
}

/// The numbers of a packed tensor, put together in memory while they are read.
private struct PackedSource: WeightSource {
  let path: String
  let name: String
  let values, mask: WeightTensor
  /// Numbers of the whole tensor.
  let count: Int

  var storedBytes: Int? { values.storedBytes + mask.storedBytes }

  func withBytes(_ body: (UnsafeRawBufferPointer, _ swaps: Bool) throws -> Void) throws {
    let size = values.type.size
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, count * size), alignment: 8)
    defer { memory.deallocate() }
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    var fits = true
    try mask.withStoredBytes { mask in
      try values.withStoredBytes { numbers in
        var next = 0
        for byte in 0..<mask.count where mask[byte] != 0 {
          for bit in 0..<8 where mask[byte] & (1 << UInt8(bit)) != 0 {
            let place = byte * 8 + bit
            guard place < count, (next + 1) * size <= numbers.count else {
              fits = false
              return
            }
            UnsafeMutableRawBufferPointer(rebasing: memory[(place * size)..<((place + 1) * size)]).copyMemory(
              from: UnsafeRawBufferPointer(rebasing: numbers[(next * size)..<((next + 1) * size)]))
            next += 1
          }
        }
        fits = fits && next * size == numbers.count
      }
    }
    guard fits else {
      throw TransformerError.badHeader(
        path: path, detail: "the mask of \(shortened(name)) does not name as many places as there are values")
    }
    try body(UnsafeRawBufferPointer(rebasing: memory[..<(count * size)]), 1.bigEndian == 1)
  }
}
