import Foundation
import HSICore
import Testing

@testable import HSIReport

@Suite struct ProvenanceTests {
  @Test(arguments: [
    ("https://user:pw@host/x.tif", "https://***@host/x.tif"),
    (
      "/vsicurl/https://h/x?X-Amz-Signature=abc%2F&X-Amz-Date=20240101&b=2",
      "/vsicurl/https://h/x?X-Amz-Signature=***&X-Amz-Date=***&b=2"
    ),
    ("https://h/x?token=abc&y=1", "https://h/x?token=***&y=1"),
    ("https://h/x?sig=abc&se=2", "https://h/x?sig=***&se=2"),
    ("AWS_SECRET_ACCESS_KEY=abc", "AWS_SECRET_ACCESS_KEY=***"),
    ("AWS_SESSION_TOKEN=a/b+c", "AWS_SESSION_TOKEN=***"),
    ("GDAL_HTTP_USERPWD=me:pw", "GDAL_HTTP_USERPWD=***"),
    ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
    ("scenes/token_ring/bands=3", "scenes/token_ring/bands=3"),
    ("--count=4", "--count=4"), ("monkey=7", "monkey=7"), ("passes=3", "passes=3"),
  ])
  func secretsAreMasked(text: String, expected: String) {
    #expect(Secrets.masked(text) == expected)
    #expect(Secrets.masked(Secrets.masked(text)) == expected, "masking twice changes nothing")
  }

  @Test func commandLineIsQuotedForAShell() {
    #expect(
      Secrets.commandLine(["hsi", "unmix", "a b.dat", "it's", "-b", "1-5,9", "", "--token", "xyz"])
        == "hsi unmix 'a b.dat' 'it'\\''s' -b 1-5,9 '' --token ***")
  }

  @Test func sourceDateEpochMakesItReproducible() throws {
    let context = RunContext(threads: 2, seed: 3)
    func run() throws -> Data {
      var provenance = Provenance(
        arguments: ["hsi"], version: "1", context: context, environment: ["SOURCE_DATE_EPOCH": "1700000000"])
      provenance.addInputs([#filePath, "/vsicurl/nowhere"])
      provenance.finish(context)
      #expect(provenance.started == "2023-11-14T22:13:20Z" && provenance.finished == provenance.started)
      #expect(provenance.elapsedS == nil && provenance.peakMemoryBytes == nil)
      #expect(provenance.inputs[0].modified == nil && (provenance.inputs[0].size ?? 0) > 1000)
      #expect(provenance.inputs[1].size == nil)
      return try provenance.json()
    }
    #expect(try run() == run())
  }

  @Test func headersAreHashedAndDataOnRequest() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hsi-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let paths = ["x.hdr", "x.dat"].map { folder.appendingPathComponent($0).path }
    for path in paths { try Data("abc".utf8).write(to: URL(fileURLWithPath: path)) }
    var provenance = Provenance(arguments: ["hsi"], version: "1", environment: [:])
    provenance.addInputs(paths)
    provenance.addInputs([paths[1]], hashData: true)
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    #expect(provenance.inputs.map(\.sha256) == [digest, nil, digest])
    #expect(provenance.inputs.allSatisfy { $0.size == 3 && $0.modified != nil })
    provenance.finish(RunContext())
    #expect((provenance.peakMemoryBytes ?? 0) > 1 << 20 && (provenance.elapsedS ?? -1) >= 0)
  }
}

@Suite struct SHA256Tests {
  /// Examples of FIPS 180-4 and NIST's long message.
  @Test(arguments: [
    ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    ("aaaaaaaaaa", 10_000, "6d1cf22d7cc09b085dfc25ee1a1f3ae0265804c607bc2074ad253bcc82fd81ee"),
  ])
  func knownDigests(text: String, repeats: Int, expected: String) {
    var digest = SHA256()
    for _ in 0..<repeats { digest.update(Data(text.utf8)) }
    #expect(digest.hexadecimal() == expected)
  }

  @Test func piecesDoNotMatter() {
    let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    var whole = SHA256()
    whole.update(bytes)
    let expected = whole.hexadecimal()
    for size in [1, 63, 64, 65, 200] {
      var digest = SHA256()
      for start in stride(from: 0, to: bytes.count, by: size) {
        digest.update(bytes[start..<min(1000, start + size)])
      }
      #expect(digest.hexadecimal() == expected)
    }
  }
}
