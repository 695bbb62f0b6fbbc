import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

/// Files without zeros, and what tells two files apart.
@Suite struct SparseStorageTests {
  private func sparse(_ shape: [Int], every step: Int) -> Tensor {
    Tensor(shape, (0..<shape.reduce(1, *)).map { $0 % step == 0 ? Float($0) - 20.5 : 0 })
  }

  /// Packed tensors come back with the same bits, signs of zeros included, under their own names.
  @Test(arguments: [[7, 9], [4, 4, 3, 3], [64], [30, 1, 5]])
  func comesBackEqual(_ shape: [Int]) throws {
    let folder = try WeightFolder()
    var tensor = sparse(shape, every: 2)
    tensor.withMutableValues { $0[1] = -0.0 }
    let path = folder.path("a.safetensors")
    try SafetensorsWriter.write(
      SparseStorage.contents("w", tensor) + [("b", .floats(Tensor([2], [1, 0])))], to: path, overwrite: false)
    let file = try WeightFile.open(path)
    #expect(Set(file.tensors.map(\.name)) == ["w", "b"])
    let found = try #require(file["w"])
    #expect(found.shape == shape && found.count == tensor.count && found.type == .float32)
    #expect(found.storedBytes < tensor.count * 4)
    #expect(try found.floats().values.map(\.bitPattern) == tensor.values.map(\.bitPattern))
    // What was read packed is written packed again, or dense for other programs.
    let (again, dense) = (folder.path("b.safetensors"), folder.path("c.safetensors"))
    try SafetensorsWriter.write(file.contents(packing: true), to: again, overwrite: false)
    try SafetensorsWriter.write(file.contents(), to: dense, overwrite: false)
    #expect(try Data(contentsOf: URL(fileURLWithPath: again)) == Data(contentsOf: URL(fileURLWithPath: path)))
    let plain = try Fixture(URL(fileURLWithPath: dense))
    #expect(
      plain.tensors.keys.sorted() == ["b", "w"]
        && plain["w"].floats.map(\.bitPattern) == tensor.values.map(\.bitPattern))
  }

  /// Two of four: 53 % of the numbers. Dense tensors and tensors of zeros alone stay as they are.
  @Test func sizes() throws {
    let half = SparseStorage.contents("w", sparse([128, 128], every: 2))
    let bytes = half.reduce(0) { $0 + $1.content.count * $1.content.type.size }
    #expect(Double(bytes) < 0.532 * 128 * 128 * 4)
    #expect(SparseStorage.contents("w", sparse([8, 8], every: 1)).map(\.name) == ["w"])
    #expect(SparseStorage.contents("w", Tensor.zeros([8, 8])).map(\.name) == ["w"])
  }

  /// Parts that do not belong together are refused in one sentence, whatever is wrong with them.
  @Test func damagedPartsAreRefused() throws {
    let folder = try WeightFolder()
    let parts = SparseStorage.contents("w", sparse([6, 6], every: 3))
    func refused(_ contents: [(name: String, content: SafetensorsWriter.Content)], _ what: String) throws {
      let path = folder.path("\(what.count)-\(contents.count).safetensors")
      try SafetensorsWriter.write(contents, to: path, overwrite: true)
      #expect(throws: TransformerError.self, "\(what)") { try WeightFile.open(path)["w"]?.floats() }
    }
    try refused([parts[0], parts[1]], "no shape")
    try refused([parts[0], parts[2]], "no mask")
    try refused(parts + [("w", .floats(Tensor([1], [0])))], "dense too")
    try refused([parts[0], parts[1], ("w.sparse_shape", .integers([6, 60], shape: [2]))], "another shape")
    try refused([parts[0], parts[1], ("w.sparse_shape", .integers([6, -6], shape: [2]))], "a negative shape")
    try refused([parts[0], parts[1], ("w.sparse_shape", .integers([1 << 40, 1 << 40], shape: [2]))], "huge")
    try refused([parts[0], ("w.sparse_mask", .bytes([255, 255, 255, 255, 255])), parts[2]], "too many places")
    try refused([parts[0], ("w.sparse_mask", .bytes([1, 0, 0, 0, 0])), parts[2]], "too few")
    try refused([parts[0], ("w.sparse_mask", .bytes([1, 0, 0])), parts[2]], "a short mask")
    try refused([parts[0], ("w.sparse_mask", .floats(Tensor([5], [1, 2, 3, 4, 5]))), parts[2]], "a mask of floats")
    // Bits behind the last place.
    var mask: [UInt8] = []
    if case .bytes(let bytes) = parts[1].content { mask = bytes }
    mask[4] |= 0x80
    mask[0] &= ~1
    try refused([parts[0], ("w.sparse_mask", .bytes(mask)), parts[2]], "a place beyond the end")
  }

  /// A folded low-rank product is known by the rank of the change; what is equal, missing, of another shape or NaN is told.
  @Test func differences() throws {
    var random = CounterRandom(seed: 3, stream: 9)
    let base = Tensor([20, 30], (0..<600).map { _ in Float(random.normal()) })
    let (up, down) = ((0..<40).map { _ in random.normal() * 0.01 }, (0..<60).map { _ in random.normal() })
    var tuned = base.copy()
    tuned.withMutableValues { values in
      for o in 0..<20 {
        for i in 0..<30 {
          values[o * 30 + i] = Float(Double(values[o * 30 + i]) + up[o * 2] * down[i] + up[o * 2 + 1] * down[30 + i])
        }
      }
    }
    let first = try WeightFile(
      [
        ("w", .floats(base)), ("same", .floats(base)), ("gone", .floats(base)), ("r", .floats(base)),
        ("v", .floats(Tensor([3], [3, 0, 4]))), ("n", .floats(Tensor([2], [1, 2]))),
      ], named: "a")
    let second = try WeightFile(
      [
        ("w", .floats(tuned)), ("same", .floats(base)), ("new", .floats(base)),
        ("r", .floats(base.reshaped([30, 20]))),
        ("v", .floats(Tensor([3], [3, 0.5, 4]))), ("n", .floats(Tensor([2], [1, .nan]))),
      ], named: "b")
    let found = try WeightDifference(first, second)
    #expect(found.onlyInFirst == ["gone"] && found.onlyInSecond == ["new"] && found.equalCount == 1)
    #expect(found.reshaped.map(\.name) == ["r"] && found.changed.map(\.name) == ["w", "v", "n"])
    #expect(found.changed[0].rank == 2 && found.changed[0].values > 550)
    #expect(found.changed[1].relative == 0.1 && found.changed[1].largest == 0.5 && found.changed[1].values == 1)
    #expect(found.changed[1].rank == nil && found.changed[2].values == 1)
    #expect(try WeightDifference(first, first).isEmpty)
  }
}
