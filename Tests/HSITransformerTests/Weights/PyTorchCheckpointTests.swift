import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

/// Checkpoints that PyTorch wrote (`Fixtures/checkpoints/make_checkpoints.py`), against what PyTorch reads from them.
@Suite struct PyTorchCheckpointTests {
  static let folder = WeightFiles.fixtures?.appendingPathComponent("checkpoints")

  static func path(_ name: String) throws -> String { try #require(folder).appendingPathComponent(name).path }

  static func bytes(_ name: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  static func read(_ bytes: [UInt8]) throws -> WeightFile {
    try WeightFile.read(WeightBytes(copying: bytes), path: "mutant")
  }

  @Test(arguments: [
    ("training.pth", "training"), ("parallel.pth", "parallel"), ("lightning.ckpt", "lightning"),
    ("views.pth", "views"), ("protocol3.pth", "views"), ("protocol4.pth", "views"),
    ("protocol5.pth", "views"),
    ("deflated.pth", "views"), ("legacy.pth", "legacy"), ("bigendian.pth", "bigendian"),
    ("nochecksums.pth", "nochecksums"),
  ])
  func readsWhatPyTorchReads(name: String, reference: String) throws {
    let file = try WeightFile.open(PyTorchCheckpointTests.path(name))
    let expected = try WeightFile.open(PyTorchCheckpointTests.path(reference + ".safetensors"))
    #expect(file.format == .pytorch)
    #expect(file.tensors.map(\.name).sorted() == expected.tensors.map(\.name).sorted())
    for tensor in file.tensors {
      let wanted = try #require(expected[tensor.name])
      #expect(tensor.type == wanted.type && tensor.shape == wanted.shape, "\(tensor.name)")
      #expect(
        try tensor.floats().values.map(\.bitPattern) == wanted.floats().values.map(\.bitPattern),
        "\(tensor.name)")
      if !tensor.type.isFloatingPoint { #expect(try tensor.ints() == wanted.ints()) }
    }
  }

  /// Converted to safetensors, it is what the reference library writes for the same tensors, number for number.
  @Test(arguments: ["training.pth", "views.pth", "legacy.pth", "bigendian.pth"])
  func convertsWithoutLoss(name: String) throws {
    let file = try WeightFile.open(PyTorchCheckpointTests.path(name))
    let path = try WeightFiles.temporary("converted.safetensors")
    defer { WeightFiles.remove(path) }
    try SafetensorsWriter.write(
      file.tensors.map { ($0.name, .stored($0)) }, metadata: file.metadata, to: path, overwrite: false)
    let converted = try WeightFile.open(path)
    let stem = name.split(separator: ".")[0]
    let expected = try WeightFile.open(PyTorchCheckpointTests.path("\(stem).safetensors"))
    #expect(converted.tensors.count == expected.tensors.count)
    for tensor in converted.tensors {
      let wanted = try #require(expected[tensor.name])
      var bytes = [[UInt8]]()
      for tensor in [tensor, wanted] { try tensor.withStoredBytes { bytes.append(Array($0)) } }
      #expect(tensor.type == wanted.type && tensor.shape == wanted.shape)
      #expect(bytes.count != 2 || bytes[0] == bytes[1])
      #expect(tensor.count == 0 || bytes.count == 2)
    }
  }

  @Test func orderAndFactsAreKept() throws {
    let training = try WeightFile.open(PyTorchCheckpointTests.path("training.pth"))
    #expect(
      training.tensors.map(\.name) == [
        "head.weight", "head.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var",
        "bn.num_batches_tracked",
      ])
    #expect(training.metadata == ["epoch": "30", "iteration": "98304"])
    let lightning = try WeightFile.open(PyTorchCheckpointTests.path("lightning.ckpt"))
    #expect(lightning.metadata["best"] == "38.25")
    #expect(lightning.metadata["hyper_parameters.lr"] == "0.0002")
    #expect(lightning.metadata["pytorch-lightning_version"] == "2.1.0")
    #expect(lightning.droppingPrefix("net.")["head.bias"]?.shape == [2])
  }

  /// Whatever is not a tensor or container is refused by name, before anything else happens.
  @Test(arguments: [
    ("refused_system.pth", "posix.system"), ("refused_system4.pth", "posix.system"),
    ("refused_eval.pth", "__builtin__.eval"), ("refused_legacy.pth", "posix.system"),
    ("refused_module.pth", "torch.nn.modules.linear.Linear"),
  ])
  func otherGlobalsAreRefused(name: String, global: String) throws {
    let path = try PyTorchCheckpointTests.path(name)
    let error = #expect(throws: TransformerError.self) { try WeightFile.open(path) }
    #expect(
      error?.problem == "\(path): the checkpoint asks for \(global); hsi reads tensors and containers only")
    #expect(error?.category == .model)
    #expect(!FileManager.default.fileExists(atPath: "/tmp/hsi-was-here"))
  }

  @Test(arguments: [
    ("complex.pth", "E-WEIGHTS-TYPE"), ("expanded.pth", "E-WEIGHTS-LIMIT"), ("empty.pth", "E-WEIGHTS-EMPTY"),
  ])
  func otherContentsAreRefused(name: String, identifier: String) throws {
    let path = try PyTorchCheckpointTests.path(name)
    let error = #expect(throws: TransformerError.self) { try WeightFile.open(path) }
    #expect(error?.identifier == identifier)
  }

  /// A changed number in a storage is noticed when it is read.
  @Test func checksumsAreChecked() throws {
    var bytes = try PyTorchCheckpointTests.bytes("training.pth")
    let file = try PyTorchCheckpointTests.read(bytes)
    let values = try #require(try file["head.weight"]?.floats())
    let pattern = withUnsafeBytes(of: values.values[0].bitPattern) { Array($0) }
    let place = try #require((0..<(bytes.count - 4)).first { Array(bytes[$0..<($0 + 4)]) == pattern })
    bytes[place] ^= 1
    let damaged = try PyTorchCheckpointTests.read(bytes)
    let error = #expect(throws: TransformerError.self) { try damaged["head.weight"]?.floats() }
    #expect(error?.identifier == "E-WEIGHTS-CHECKPOINT")
  }

  @Test(arguments: ["training.pth", "deflated.pth", "legacy.pth", "lightning.ckpt"])
  func everyTruncationIsRefused(name: String) throws {
    let bytes = try PyTorchCheckpointTests.bytes(name)
    for count in stride(from: 0, to: bytes.count, by: 3) {
      #expect(throws: TransformerError.self) { try PyTorchCheckpointTests.read(Array(bytes[..<count])) }
    }
  }

  /// Seeded mutations of whole files: an error of the room or tensors that fit into the file, never anything else.
  @Test(arguments: ["training.pth", "views.pth", "deflated.pth", "legacy.pth", "nochecksums.pth"])
  func mutationsAreSafe(name: String) throws {
    let original = try PyTorchCheckpointTests.bytes(name)
    var random = CounterRandom(seed: 21, stream: UInt64(name.utf8.count))
    var refused = 0
    for _ in 0..<1500 {
      let bytes = FileMutation.mutated(original, &random)
      do {
        try WeightFiles.readAll(try PyTorchCheckpointTests.read(bytes), limit: 40 * (bytes.count + 4096))
      } catch is TransformerError {
        refused += 1
      }
    }
    #expect(refused > 500)
  }
}
