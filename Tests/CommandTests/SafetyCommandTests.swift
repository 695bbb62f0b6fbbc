import Foundation
import Glibc
import HSICore
import Synchronization
import Testing

/// What files, folders and names cannot do to the one who runs `hsi`.
@Suite struct SafetyCommandTests {
  private func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }

  private func write(_ text: String, _ name: String, _ place: TemporaryFolder) throws {
    try Data(text.utf8).write(to: place.url.appendingPathComponent(name))
  }

  // MARK: - The folder

  @Test(arguments: [
    "[gdal]\nGDAL_DRIVER_PATH = \"plugins\"", "[gdal]\nGDAL_VRT_ENABLE_PYTHON = true", "[gdal]\nPYTHONSO = \"x.so\"",
    "[gdal]\ngdal_http_unsafessl = true", "[gdal]\n\"AWS_S3_ENDPOINT\" = \"evil\"", "gdal.CPL_LOG = \"/tmp/x\"",
    "allow_remote = true",
  ])
  func projectsSetNothingThatLoadsCode(text: String) throws {
    let place = try SampleScene.workplace()
    try write("# a project\n" + text + "\n", ".hsi.toml", place)
    let line = text.hasPrefix("[") ? 3 : 2
    for command in ["info in/s.dat", "config show", "methods"] {
      let result = try Tool.run(words(command), in: place.url)
      if command == "methods", result.status == 0 { continue }
      #expect(result.status == 2 && result.errors.contains("[E-CONFIG]"), "\(command): \(result.errors)")
      #expect(result.errors.contains("./.hsi.toml, line \(line)"), "\(result.errors)")
    }
    // The user's own file may.
    try FileManager.default.removeItem(atPath: place.path(".hsi.toml"))
    try FileManager.default.createDirectory(
      at: place.url.appendingPathComponent("xdg/hsi"), withIntermediateDirectories: true)
    try write(text + "\n", "xdg/hsi/config.toml", place)
    let own = try Tool.run(words("config show"), in: place.url, environment: ["XDG_CONFIG_HOME": place.path("xdg")])
    #expect(own.status == 0 && own.output.contains("user file"), "\(own.errors)")
  }

  /// A listener that counts who calls, and hangs up.
  private final class Listener {
    private final class Counter: Sendable {
      let value = Atomic<Int>(0)
    }

    let port: UInt16
    private let descriptor: Int32
    private let counter = Counter()

    init() throws {
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let descriptor = descriptor
      let isOpen = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          bind(descriptor, address, length) == 0 && listen(descriptor, 64) == 0
            && getsockname(descriptor, address, &length) == 0
        }
      }
      guard isOpen else { throw CocoaError(.fileNoSuchFile) }
      port = UInt16(bigEndian: address.sin_port)
      Thread.detachNewThread { [counter] in
        while true {
          let client = accept(descriptor, nil, nil)
          guard client >= 0 else { return }
          counter.value.add(1, ordering: .relaxed)
          close(client)
        }
      }
    }

    deinit {
      shutdown(descriptor, Int32(SHUT_RDWR))
      close(descriptor)
    }

    /// Connections since the last call.
    func count() -> Int { counter.value.exchange(0, ordering: .relaxed) }
  }

  @Test func filesReachTheNetworkOnlyWhenAsked() throws {
    let place = try SampleScene.workplace()
    let listener = try Listener()
    let address = "/vsicurl/http://127.0.0.1:\(listener.port)/a.tif"
    let source = """
      <VRTDataset rasterXSize="20" rasterYSize="24"><VRTRasterBand dataType="Float32" band="1"><SimpleSource>
      <SourceFilename>\(address)</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>
      """
    try write(source, "v.vrt", place)
    try write(
      "<GDAL_WMS><Service name=\"TMS\"><ServerUrl>http://127.0.0.1:\(listener.port)/${z}</ServerUrl></Service>"
        + "<DataWindow><SizeX>64</SizeX><SizeY>64</SizeY></DataWindow><BandsCount>3</BandsCount></GDAL_WMS>", "w.xml",
      place)
    // No client waits for an answer that does not come.
    let quick = words("--config GDAL_HTTP_TIMEOUT=1 --config GDAL_HTTP_CONNECTTIMEOUT=1 --config GDAL_HTTP_MAX_RETRY=0")
    for line in [
      ["info", "v.vrt"], ["convert", "v.vrt", "o/a.tif"], ["info", "w.xml"],
      ["unmix", "in/s.dat", "o/a.tif", "--count", "3", "--mask", "v.vrt"],
    ] {
      let result = try Tool.run(line + quick, in: place.url)
      #expect(
        result.status == 3 && result.errors.contains("[E-FOREIGN]") && result.errors.contains("--allow-remote"),
        "\(line): \(result.errors)")
      #expect(listener.count() == 0, "\(line)")
    }
    let allowed = try Tool.run(["convert", "v.vrt", "o/a.tif", "--allow-remote"] + quick, in: place.url)
    #expect(allowed.status != 0 && !allowed.errors.contains("E-FOREIGN") && listener.count() > 0, "\(allowed.errors)")
    let named = try Tool.run(["info", String(address)] + quick, in: place.url)
    #expect(named.status == 3 && listener.count() > 0, "what the user names is asked for")
    let environment = try Tool.run(
      ["convert", "v.vrt", "o/a.tif"] + quick, in: place.url, environment: ["HSI_ALLOW_REMOTE": "yes"])
    #expect(environment.status != 0 && listener.count() > 0)
  }

  // MARK: - Terminals

  @Test func controlCharactersOfFilesAreShown() throws {
    let place = try SampleScene.workplace()
    for name in ["s.hdr", "s.dat"] {
      try FileManager.default.copyItem(atPath: place.path("in/" + name), toPath: place.path(name))
    }
    let header = try FileHandle(forWritingTo: place.url.appendingPathComponent("s.hdr"))
    try header.seekToEnd()
    try header.write(
      contentsOf: Data("description = {\u{1B}]0;title\u{7}\u{1B}[31mred}\nsensor type = \u{1B}[2Jx\u{9B}1m\n".utf8))
    try header.close()
    func hasOrders(_ text: String) -> Bool {
      text.unicodeScalars.contains { $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t" }
    }
    for line in [
      "info s.dat", "info s.dat --json", "info s.dat -vv", "unmix s.dat o/a.tif --count 3 --report - -v",
      "info no\u{1B}[2Jfile", "info s.dat --n\u{1B}[2J",
    ] {
      let result = try Tool.run(words(line), in: place.url)
      #expect(!hasOrders(result.output) && !hasOrders(result.errors), "\(line): \(result.output) \(result.errors)")
    }
    let info = try Tool.run(words("info s.dat"), in: place.url)
    #expect(info.output.contains("\\u001b[2Jx\\u009b1m"), "\(info.output)")
    let json = try Tool.run(words("info s.dat --json"), in: place.url)
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    #expect(
      (object?["sensor"] as? [String: Any])?["value"] as? String == "\u{1B}[2Jx\u{9B}1m", "in JSON it is what it was")
  }

  // MARK: - Secrets

  @Test func secretsAreKeptNowhere() throws {
    let place = try SampleScene.workplace()
    let secrets = [
      "AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=https;AccountName=x;AccountKey=S3KRETa==",
      "SWIFT_KEY=S3KRETb", "GDAL_HTTP_BEARER=S3KRETc", "GDAL_HTTP_HEADERS=X-Own: S3KRETd, Y: S3KRETe",
      "WEBHDFS_DELEGATION=S3KRETf",
      "AWS_SECRET_ACCESS_KEY=S3KRETg", "GDAL_HTTP_PROXY=me:S3KRETh@127.0.0.1:1",
    ]
    let given = secrets.flatMap { ["--config", $0] }
    let line =
      "unmix in/s.dat o/u.tif --count 3 --set iterations=3 --html o/u.html --report o/u.json --stac o/u_stac.json -v"
    let result = try Tool.run(words(line) + given, in: place.url)
    #expect(result.status == 0 && !(result.errors + result.output).contains("S3KRET"), "\(result.errors)")
    for name in try FileManager.default.contentsOfDirectory(atPath: place.path("o")) {
      let data = try Data(contentsOf: place.url.appendingPathComponent("o/" + name))
      #expect(data.range(of: Data("S3KRET".utf8)) == nil, "\(name)")
    }
    let provenance = try String(contentsOfFile: place.path("o/u.tif.prov.json"), encoding: .utf8)
    #expect(provenance.contains("SWIFT_KEY=***") && provenance.contains("GDAL_HTTP_HEADERS=***"))
    let shown = try Tool.run(["config", "show"] + given, in: place.url)
    #expect(
      shown.status == 0 && !shown.output.contains("S3KRET") && shown.output.contains("gdal.SWIFT_KEY"),
      "\(shown.output)")
    // In an error line, of a name that the user gave.
    let failed = try Tool.run(["info", "/vsicurl/http://me:S3KRET@127.0.0.1:9/a.tif?sig=S3KRET"], in: place.url)
    #expect(failed.status == 3 && !failed.errors.contains("S3KRET"), "\(failed.errors)")
    try write(
      "version: 1\ninputs: [\"in/s.dat\"]\nsteps:\n  - { id: a, run: convert, with: { config: \"SWIFT_KEY=S3KRET\" }, out: \"p/b.tif\" }\n",
      "j.yml", place)
    let batch = try Tool.run(["batch", "run", "j.yml"] + given, in: place.url)
    #expect(batch.status == 0 && !(batch.errors + batch.output).contains("S3KRET"), "\(batch.errors)")
    for folder in ["logs", "j.manifest"] {
      for name in try FileManager.default.contentsOfDirectory(atPath: place.path(folder)) {
        let text = try String(contentsOfFile: place.path(folder + "/" + name), encoding: .utf8)
        #expect(!text.contains("S3KRET") && !text.isEmpty, "\(name)")
      }
    }
  }

  // MARK: - Outputs

  @Test func pipesAndDevicesStay() throws {
    let place = try SampleScene.workplace()
    for name in ["pipe", "pipe.png"] { #expect(mkfifo(place.path(name), 0o600) == 0) }
    for line in [
      "convert in/s.dat pipe --of GTiff --overwrite", "convert in/s.dat pipe --of ENVI --overwrite",
      "quicklook in/s.dat pipe.png --overwrite",
      "unmix in/s.dat o/a.tif --count 3 --report pipe --overwrite",
    ] {
      let result = try Tool.run(words(line), in: place.url)
      #expect(result.status == 4 && result.errors.contains("it is a pipe"), "\(line): \(result.errors)")
      for name in ["pipe", "pipe.png"] {
        var info = stat()
        #expect(lstat(place.path(name), &info) == 0 && info.st_mode & S_IFMT == S_IFIFO)
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path("o")).isEmpty)
  }

  /// Two runs that do the same write the same bytes, weights, states and curves.
  @Test(arguments: [
    "train denoise in/s.dat --model hsdt-tiny --patch 16 --epochs 1 --patches-per-epoch 4 --batch 2 --out OUT.safetensors",
    "classify train in/s.dat LABELS --model logistic --out OUT.safetensors",
  ])
  func equalTrainingsWriteEqualBytes(line: String) throws {
    let place = try SampleScene.workplace()
    if line.contains("LABELS") {
      #expect(try Tool.run(words("simulate labels in/s_abundances.dat l.dat --purity 0.55"), in: place.url).status == 0)
    }
    for name in ["a", "b"] {
      let command =
        line.replacingOccurrences(of: "OUT", with: name).replacingOccurrences(of: "LABELS", with: "l.dat") + " -q"
      let result = try Tool.run(words(command), in: place.url)
      #expect(result.status == 0, "\(result.errors)")
    }
    var compared = 0
    for name in place.names where name.hasPrefix("a") && name.contains("safetensors") && !name.hasSuffix(".json") {
      let other = "b" + name.dropFirst()
      let (one, two) = try (
        Data(contentsOf: place.url.appendingPathComponent(name)),
        Data(contentsOf: place.url.appendingPathComponent(other))
      )
      #expect(one == two, "\(name)")
      compared += 1
    }
    #expect(compared >= 1)
  }
}
