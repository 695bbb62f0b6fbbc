import Foundation
import HSICore
import HSITestSupport
import Testing

@testable import HSITransformer

@Suite struct SafetensorsTests {
  /// An independent reader finds the same tensors in every fixture that the reference library wrote.
  @Test func agreesWithTheFixtureReader() throws {
    let files = try WeightFiles.safetensors()
    #expect(files.count > 30)
    var types = Set<ScalarType>()
    for url in files {
      let expected = try Fixture(url)
      let file = try WeightFile.open(url.path)
      #expect(file.format == .safetensors)
      #expect(Set(file.tensors.map(\.name)) == Set(expected.tensors.keys))
      for tensor in file.tensors {
        let reference = expected[tensor.name]
        types.insert(tensor.type)
        #expect(tensor.shape == reference.shape)
        let values = try tensor.floats()
        #expect(values.shape == reference.shape)
        #expect(values.values.elementsEqual(reference.floats, by: { $0.bitPattern == $1.bitPattern }))
        if tensor.type == .int64 { #expect(try tensor.ints() == reference.ints) }
      }
    }
    #expect(types.isSuperset(of: [.float32, .float64, .int64]))
  }

  @Test func roundTrip() throws {
    let path = try WeightFiles.temporary("round.safetensors")
    defer { WeightFiles.remove(path) }
    let a = Tensor([2, 3], [1, -2, .infinity, 0.5, .leastNonzeroMagnitude, -0.0])
    let empty = Tensor.zeros([0, 4])
    let scalar = Tensor([], [7])
    var card = ModelCard(architecture: "HSDT", variant: "S")
    card.bands = 31
    card.wavelengths = [400, 410.5]
    card.licence = "CC0-1.0 \"public\" — µ\n"
    card.metrics = [.init(name: "MPSNR", value: 38.5, unit: "dB", conditions: "sigma 50")]
    card.seed = .max
    let counts: [Int64] = [.min, -1, .max]
    try SafetensorsWriter.write(
      [
        ("a.weight", .floats(a)), ("empty", .floats(empty)), ("quoted \"\\\u{1}µ", .floats(scalar)),
        ("count", .integers(counts, shape: [3])),
      ], card: card, metadata: ["epoch": "3"], to: path, overwrite: false)
    let file = try WeightFile.open(path)
    #expect(file.tensors.map(\.name) == ["count", "a.weight", "empty", "quoted \"\\\u{1}µ"])
    #expect(try file["a.weight"]?.floats().values.map(\.bitPattern) == a.values.map(\.bitPattern))
    #expect(try file["empty"]?.floats().shape == [0, 4])
    #expect(try file["quoted \"\\\u{1}µ"]?.floats().scalar == 7)
    #expect(try file["count"]?.ints() == counts.map(Int.init))
    #expect(file.metadata["epoch"] == "3")
    #expect(try file.card() == card)
    #expect(file.valueCount == 10)
    // The foundation's own JSON reader agrees, and numbers are aligned.
    let expected = try Fixture(URL(fileURLWithPath: path))
    #expect(expected["a.weight"].floats.map(\.bitPattern) == a.values.map(\.bitPattern))
    let length = try Data(contentsOf: URL(fileURLWithPath: path)).withUnsafeBytes {
      $0.loadUnaligned(as: UInt64.self)
    }
    #expect(length % 8 == 0)
    // Written again from the file it is the same file; an existing one is not replaced unasked.
    let copy = path + ".copy"
    try SafetensorsWriter.write(
      file.tensors.reversed().map { ($0.name, .stored($0)) }, metadata: file.metadata, to: copy,
      overwrite: false)
    #expect(try Data(contentsOf: URL(fileURLWithPath: copy)) == Data(contentsOf: URL(fileURLWithPath: path)))
    #expect(throws: CoreError.self) {
      try SafetensorsWriter.write([("a", .floats(a))], to: path, overwrite: false)
    }
  }

  @Test func givenOrderIsKept() throws {
    let path = try WeightFiles.temporary("given.safetensors")
    defer { WeightFiles.remove(path) }
    let names = ["z", "b", "a"]
    try SafetensorsWriter.write(
      names.map { ($0, .floats(Tensor([1], [Float($0.utf8.first ?? 0)]))) }, order: .given, to: path,
      overwrite: false)
    #expect(try WeightFile.open(path).tensors.map(\.name) == names)
  }

  @Test func writerRefusesWhatCannotBeRead() throws {
    let path = try WeightFiles.temporary("bad.safetensors")
    defer { WeightFiles.remove(path) }
    let one = SafetensorsWriter.Content.floats(Tensor([1], [1]))
    for tensors in [
      [("a", one), ("a", one)], [("__metadata__", one)],
      [("a", SafetensorsWriter.Content.integers([1, 2], shape: [3]))],
    ] {
      #expect(throws: CoreError.self) { try SafetensorsWriter.write(tensors, to: path, overwrite: true) }
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  /// A half written by hand for every class of number: zero, subnormal, normal, infinity, NaN.
  @Test func everyHalfIsExact() {
    for bits in UInt16.min...UInt16.max {
      let sign: Double = bits & 0x8000 == 0 ? 1 : -1
      let exponent = Int(bits >> 10 & 0x1F)
      let fraction = Double(bits & 0x3FF) / 1024
      let value = WeightTensor.single(half: bits)
      if exponent == 31 {
        #expect(fraction == 0 ? Double(value) == sign * .infinity : value.isNaN)
      } else {
        let magnitude = exponent == 0 ? fraction * 0x1p-14 : (1 + fraction) * exp2(Double(exponent - 15))
        #expect(Double(value) == sign * magnitude && (value.sign == .minus) == (sign < 0))
      }
    }
  }

  @Test func everyTypeIsConverted() throws {
    let json =
      #"{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"#
      + #""b":{"dtype":"I8","shape":[1],"data_offsets":[4,5]},"c":{"dtype":"BOOL","shape":[2],"data_offsets":[5,7]},"#
      + #""d":{"dtype":"U16","shape":[1],"data_offsets":[7,9]},"e":{"dtype":"I16","shape":[1],"data_offsets":[9,11]},"#
      + #""f":{"dtype":"U64","shape":[1],"data_offsets":[11,19]},"g":{"dtype":"U32","shape":[],"data_offsets":[19,23]}}"#
    let data: [UInt8] =
      [0x80, 0x3F, 0x20, 0xC0, 0xFE, 0, 5, 0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0xFF, count: 8) + [
        1, 0, 0, 0x80,
      ]
    let file = try WeightFiles.readSafetensors(WeightFiles.safetensors(json, data: data))
    #expect(try file["a"]?.floats().values == [1, -2.5])
    #expect(try file["b"]?.ints() == [-2])
    #expect(try file["c"]?.floats().values == [0, 1])
    #expect(try file["d"]?.ints() == [65535])
    #expect(try file["e"]?.ints() == [-1])
    #expect(throws: TransformerError.self) { try file["f"]?.ints() }
    #expect(try file["g"]?.ints() == [0x8000_0001])
    #expect(throws: TransformerError.self) { try file["a"]?.ints() }
  }

  /// Each claim that a header can make wrongly, and the error that names it.
  @Test(arguments: [
    (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, "E-WEIGHTS-HEADER"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 0, "E-WEIGHTS-SHORT"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 5, "E-WEIGHTS-HEADER"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8, "E-WEIGHTS-HEADER"),
    (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, "E-WEIGHTS-HEADER"),
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
      4,
      "E-WEIGHTS-HEADER"
    ),
    (
      #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
      8,
      "E-WEIGHTS-HEADER"
    ),
    (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0, "E-WEIGHTS-HEADER"),
    (#"{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}"#, 0, "E-WEIGHTS-HEADER"),
    (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,0]}}"#, 0, "E-WEIGHTS-HEADER"),
    (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, "E-WEIGHTS-HEADER"),
    (
      #"{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}"#, 4, "E-WEIGHTS-SHORT"
    ),
    (#"{"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#, 1, "E-WEIGHTS-TYPE"),
    (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "E-WEIGHTS-HEADER"),
    (#"{"a":1}"#, 0, "E-WEIGHTS-HEADER"),
    (#"{"__metadata__":{"a":1}}"#, 0, "E-WEIGHTS-HEADER"),
    (#"{"__metadata__":{"a":"\ud800"}}"#, 0, "E-WEIGHTS-HEADER"),
    (#"{} x"#, 0, "E-WEIGHTS-HEADER"), (#"{"a"#, 0, "E-WEIGHTS-HEADER"), (#"{"#, 0, "E-WEIGHTS-HEADER"),
  ])
  func wrongClaimsAreRefused(json: String, data: Int, identifier: String) {
    let bytes = WeightFiles.safetensors(json, data: [UInt8](repeating: 0, count: data))
    let error = #expect(throws: TransformerError.self) { try WeightFiles.readSafetensors(bytes) }
    #expect(error?.identifier == identifier)
    #expect(error?.category == .model)
    #expect((error?.description.count ?? 0) < 700)
  }

  @Test func deepNestingIsRefused() {
    for piece in ["{\"a\":", "[", "{\"a\":{\"shape\":["] {
      let bytes = WeightFiles.safetensors("{" + String(repeating: piece, count: 100_000))
      #expect(throws: TransformerError.self) { try WeightFiles.readSafetensors(bytes) }
    }
  }

  @Test func headerLengthIsBounded() {
    for length: UInt64 in [.max, 1 << 63, 1 << 40, 100_000_001, 3] {
      let bytes = WeightFiles.safetensors("{}", length: length)
      #expect(throws: TransformerError.self) { try WeightFiles.readSafetensors(bytes) }
    }
  }

  @Test func noWeightFileAtAll() throws {
    let path = try WeightFiles.temporary("text.txt")
    defer { WeightFiles.remove(path) }
    try Data("hello, this is no file of weights".utf8).write(to: URL(fileURLWithPath: path))
    var error = #expect(throws: TransformerError.self) { try WeightFile.open(path) }
    #expect(error?.identifier == "E-WEIGHTS-FORMAT")
    error = #expect(throws: TransformerError.self) { try WeightFile.open(path + "x") }
    #expect(error?.identifier == "E-WEIGHTS-NOT-FOUND")
    // A folder without files of weights.
    let folder = path + ".d"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    error = #expect(throws: TransformerError.self) { try WeightFile.open(folder) }
    #expect(error?.identifier == "E-WEIGHTS-UNREADABLE")
    try Data().write(to: URL(fileURLWithPath: path))
    error = #expect(throws: TransformerError.self) { try WeightFile.open(path) }
    #expect(error?.identifier == "E-WEIGHTS-UNREADABLE")
  }

  @Test func everyTruncationIsRefused() throws {
    let path = try WeightFiles.temporary("small.safetensors")
    defer { WeightFiles.remove(path) }
    try SafetensorsWriter.write(
      [("a", .floats(Tensor([2, 2], [1, 2, 3, 4]))), ("b", .integers([1], shape: []))],
      card: ModelCard(architecture: "x"), to: path, overwrite: false)
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    for count in 0..<bytes.count {
      #expect(throws: TransformerError.self) { try WeightFiles.readSafetensors(Array(bytes[..<count])) }
    }
  }

  /// Seeded mutations: an error of the room or a file whose claims fit into it, never anything else.
  @Test func mutationsAreSafe() throws {
    let path = try WeightFiles.temporary("fuzz.safetensors")
    defer { WeightFiles.remove(path) }
    try SafetensorsWriter.write(
      [
        ("block.0.weight", .floats(Tensor([3, 4], repeating: 1.5))),
        ("block.0.bias", .floats(Tensor([3], [1, 2, 3]))),
        ("steps", .integers([7], shape: [])),
      ], card: ModelCard(architecture: "HSDT", variant: "S"), metadata: ["epoch": "12"], to: path,
      overwrite: false)
    let original = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    var random = CounterRandom(seed: 20, stream: 1)
    var refused = 0
    for _ in 0..<6000 {
      let bytes = FileMutation.mutated(original, &random)
      do {
        try WeightFiles.readAll(try WeightFiles.readSafetensors(bytes), limit: bytes.count)
      } catch is TransformerError {
        refused += 1
      }
    }
    #expect(refused > 3000)
  }
}

@Suite struct WeightFileTests {
  private func file() throws -> WeightFile {
    let json =
      #"{"net.a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"net.b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#
    return try WeightFiles.readSafetensors(
      WeightFiles.safetensors(json, data: [UInt8](repeating: 0, count: 12)))
  }

  @Test func modelsGetTheirTensors() throws {
    let file = try file().droppingPrefix("net.")
    let tensors = try file.tensors(for: [("a", [2, 1, 1]), ("b", [])])
    #expect(tensors["a"]?.shape == [2, 1, 1] && tensors["b"]?.shape == [])
    #expect(try file.tensors(for: [("a", [2])], isIgnored: { $0 == "b" }).count == 1)
    #expect(try file.tensors(for: [("a", [2]), ("b", []), ("n", [])], isOptional: { $0 == "n" }).count == 2)
  }

  /// A mismatch names the first offending tensor on both sides.
  @Test func mismatchesAreNamed() throws {
    let file = try file()
    var error = #expect(throws: TransformerError.self) {
      try file.tensors(for: [("net.a", [2, 1]), ("net.c", [5])])
    }
    #expect(
      error?.problem
        == "the model has net.c [5], which mutant lacks (the file has net.b [1], which the model lacks)")
    error = #expect(throws: TransformerError.self) {
      try file.tensors(for: [("net.a", [3]), ("net.b", [1])])
    }
    #expect(error?.problem == "net.a is [2, 1] in mutant but [3] in the model")
    error = #expect(throws: TransformerError.self) { try file.tensors(for: [("net.a", [2])]) }
    #expect(error?.identifier == "E-WEIGHTS-UNEXPECTED")
  }

  @Test func damagedCardIsRefused() throws {
    let deep = String(repeating: "[", count: 50_000)
    for text in ["{}", "7", deep, #"{"architecture":"# + deep] {
      #expect(throws: TransformerError.self) {
        try ModelCard(metadata: [ModelCard.metadataKey: text], path: "x")
      }
    }
    #expect(try ModelCard(metadata: [:], path: "x") == nil)
  }
}
