import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

/// The stack machine alone: opcodes of every protocol, damaged and hostile pickles.
@Suite struct UnpicklerTests {
  private func run(_ pickle: [UInt8]) throws -> (PickleValue, Unpickler) {
    try pickle.withUnsafeBytes { bytes in
      var unpickler = Unpickler(bytes, path: "pickle")
      return (try unpickler.run(), unpickler)
    }
  }

  private func text(_ value: PickleValue, _ unpickler: Unpickler) -> String {
    switch value {
    case .container(let index):
      let items = unpickler.containers[index].items.map { text($0, unpickler) }
      return "\(unpickler.containers[index].kind)(\(items.joined(separator: " ")))"
    default: return "\(value)"
    }
  }

  /// Values as Python 3.11 pickles them.
  @Test(arguments: [
    // pickle.dumps([1, -1, 70000, -2**40, 2.5, None, True, 'µ', b'\x01', -2**63, 2**70], 4)
    (
      "80049542000000000000005d94284b014affffffff4a701101008a060000000000ff4740040000000000004e"
        + "888c02c2b594430101948a0800000000000000808a09000000000000000040652e",
      "list(int(1) int(-1) int(70000) int(-1099511627776) float(2.5) none bool(true) string(\"µ\") bytes([1]) int(-9223372036854775808) opaque)"
    ),
    // pickle.dumps({'a': (1, 2), 'b': {3}, 'c': frozenset([4]), 'd': ((), (1, 2, 3, 4), [])}, 2)
    (
      "80027d71002858010000006171014b014b028671025801000000627103635f5f6275696c74696e5f5f0a7365"
        + "740a71045d71054b03618571065271075801000000637108635f5f6275696c74696e5f5f0a66726f7a656e73"
        + "65740a71095d710a4b046185710b52710c580100000064710d29284b014b024b034b0474710e5d710f877110"
        + "752e",
      "dictionary(string(\"a\") tuple(int(1) int(2)) string(\"b\") set(int(3)) string(\"c\") set(int(4)) string(\"d\") tuple(tuple() tuple(int(1) int(2) int(3) int(4)) list()))"
    ),
    // pickle.dumps({'b': {3}, 'c': frozenset([4]), 'd': bytearray(b'\x07')}, 5)
    (
      "80059527000000000000007d94288c0162948f94284b03908c016394284b0491948c01649496010000000000"
        + "00000794752e",
      "dictionary(string(\"b\") set(int(3)) string(\"c\") set(int(4)) string(\"d\") bytes([7]))"
    ),
    // o = collections.OrderedDict(a=1); o.z = 's'; pickle.dumps(o, 2)
    (
      "800263636f6c6c656374696f6e730a4f726465726564446963740a71002952710158010000006171024b0173"
        + "7d710358010000007a7104580100000073710573622e",
      "dictionary(string(\"a\") int(1))"
    ),
    // pickle.dumps(b'\x00\xff\x80', 2)
    (
      "8002635f636f646563730a656e636f64650a7100580500000000c3bfc280710158060000006c6174696e3171"
        + "028671035271042e",
      "bytes([0, 255, 128])"
    ),
  ])
  func pickles(hex: String, expected: String) throws {
    let digits = Array(hex)
    let bytes = try stride(from: 0, to: digits.count, by: 2).map {
      try #require(UInt8(String(digits[$0...($0 + 1)]), radix: 16))
    }
    let (value, unpickler) = try run(bytes)
    #expect(text(value, unpickler) == expected)
    for count in 0..<bytes.count {
      #expect(throws: TransformerError.self) { try run(Array(bytes[..<count])) }
    }
  }

  /// Deep nesting costs no stack, neither to read nor to give back.
  @Test func nestingIsNoRecursion() throws {
    let deep =
      [UInt8](repeating: UInt8(ascii: ")"), count: 1) + [UInt8](repeating: 0x85, count: 900_000) + [0x2E]
    let (value, unpickler) = try run(deep)
    #expect(unpickler.containers.count == 900_001)
    #expect(throws: TransformerError.self) { try StateDictionary(value, unpickler) }
  }

  /// Few bytes cannot ask for much: objects, copies and integers are bounded.
  @Test func bombsAreRefused() throws {
    let many = [UInt8](repeating: UInt8(ascii: "]"), count: 2 << 20) + [0x2E]
    var error = #expect(throws: TransformerError.self) { try run(many) }
    #expect(error?.identifier == "E-WEIGHTS-LIMIT")
    // A list of 1000 items, made a torch.Size a thousand times.
    var copies: [UInt8] = [0x5D, 0x28] + [UInt8](repeating: 0x4E, count: 1000) + [0x65, 0x71, 0]
    for _ in 0..<1000 { copies += Array("ctorch\nSize\n".utf8) + [0x68, 0, 0x85, 0x52] }
    error = #expect(throws: TransformerError.self) { try run(copies + [0x2E]) }
    #expect(error?.identifier == "E-WEIGHTS-LIMIT")
    // Lengths that are not there.
    for claim: [UInt8] in [
      [0x58, 0xFF, 0xFF, 0xFF, 0xFF], [0x8D] + [UInt8](repeating: 0xFF, count: 8), [0x42, 0, 0, 0, 0x7F],
      [0x8B, 0, 0, 0, 0x7F], [0x8E] + [UInt8](repeating: 0x7F, count: 8),
    ] {
      #expect(throws: TransformerError.self) { try run(claim + [0x2E]) }
    }
  }

  /// Names shared through the memo do not multiply, and a container that holds itself ends.
  @Test func cyclesEnd() throws {
    // d = {}; d['x'] = d; d['net'] = d
    let cycle: [UInt8] =
      [0x7D, 0x71, 0] + [0x8C, 1, 0x78, 0x68, 0, 0x73] + [0x8C, 3] + Array("net".utf8) + [
        0x68, 0, 0x73, 0x2E,
      ]
    let (value, unpickler) = try run(cycle)
    let error = #expect(throws: TransformerError.self) { try StateDictionary(value, unpickler) }
    #expect(error?.identifier == "E-WEIGHTS-EMPTY")
  }

  @Test func globalsAreRefusedByName() {
    for (pickle, name) in [
      ("cos\nsystem\n.", "os.system"), ("\u{8C}\u{2}os\u{8C}\u{6}system\u{93}.", "os.system"),
      ("(ios\nsystem\n.", "os.system"), ("ctorch\nload\n.", "torch.load"),
      ("cbuiltins\ngetattr\n.", "builtins.getattr"),
      ("ctorch._utils\n_rebuild_sparse_tensor\n.", "torch._utils._rebuild_sparse_tensor"),
    ] {
      let bytes = pickle.unicodeScalars.map { UInt8($0.value) }
      let error = #expect(throws: TransformerError.self) { try run(bytes) }
      guard case .refusedGlobal(_, name)? = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
    }
  }

  /// Shapes, strides and offsets that lead out of their storage, or repeat it.
  @Test(arguments: [
    (0, [2, 3], [3, 1], true), (0, [3, 2], [1, 3], true), (0, [7], [1], false), (1, [6], [1], false),
    (0, [2], [6], false), (-1, [1], [1], false), (0, [-1], [1], false), (0, [2], [-1], false),
    (0, [2, 3], [1], false), (0, [1 << 40, 1 << 40], [0, 0], false), (0, [1 << 31], [0], false),
    (0, [2, 2], [Int.max, Int.max], false), (Int.max, [2], [1], false), (0, [0], [1], true),
    (0, [], [], true),
  ])
  func viewsStayInside(offset: Int, shape: [Int], strides: [Int], isFine: Bool) throws {
    func integer(_ value: Int) -> [UInt8] {
      [0x8A, 8] + withUnsafeBytes(of: Int64(value).littleEndian) { Array($0) }
    }
    func tuple(_ values: [Int]) -> [UInt8] { [0x28] + values.flatMap(integer) + [0x74] }
    func name(_ text: String) -> [UInt8] { [0x8C, UInt8(text.utf8.count)] + Array(text.utf8) }
    let storage =
      [0x28] + name("storage") + Array("ctorch\nFloatStorage\n".utf8) + name("0") + name("cpu") + integer(6)
      + [0x74, 0x51]
    let pickle =
      Array("ctorch._utils\n_rebuild_tensor_v2\n(".utf8) + storage + integer(offset) + tuple(shape)
      + tuple(strides)
      + [0x89, 0x4E, 0x74, 0x52, 0x2E]
    if isFine {
      #expect(try run(pickle).1.tensors.count == 1)
    } else {
      #expect(throws: TransformerError.self) { try run(pickle) }
    }
  }

  /// Seeded mutations of real pickles, past the checksums of the archive.
  @Test(arguments: ["training.pth", "lightning.ckpt", "protocol4.pth"])
  func mutationsAreSafe(name: String) throws {
    let file = try PyTorchCheckpointTests.bytes(name)
    let pickle = try file.withUnsafeBytes { bytes in
      let archive = try ZipArchive(bytes, path: name)
      let entry = try #require(archive.entries.first { $0.name.hasSuffix("data.pkl") })
      return Array(bytes[entry.range])
    }
    var random = CounterRandom(seed: 22, stream: UInt64(pickle.count))
    var refused = 0
    for _ in 0..<2500 {
      var bytes = pickle
      for _ in 0...random.index(below: 3) { bytes = FileMutation.mutated(bytes, &random) }
      do {
        let (value, unpickler) = try run(bytes)
        let states = try StateDictionary(value, unpickler)
        let made = try states.file(path: name) { storage in
          let size = storage.count.multipliedReportingOverflow(by: storage.type?.size ?? 1)
          guard !size.overflow, size.partialValue <= 1 << 16 else {
            throw TransformerError.badCheckpoint(path: name, detail: "too large for this test")
          }
          return (Zeros(path: name, count: size.partialValue), size.partialValue)
        }
        for tensor in made.tensors { #expect(try tensor.floats().count == tensor.count) }
      } catch is TransformerError {
        refused += 1
      }
    }
    #expect(refused > 1000)
  }

  private struct Zeros: WeightSource {
    let path: String
    let count: Int
    func withBytes(_ body: (UnsafeRawBufferPointer, _ swaps: Bool) throws -> Void) throws {
      try [UInt8](repeating: 0, count: count).withUnsafeBytes { try body($0, false) }
    }
  }
}
