import Foundation
import Glibc
import Testing

@testable import HSICore

/// Outputs: made where nobody else can reach them, put in place in one step, and nothing of others lost.
@Suite struct OutputFileSafetyTests {
  private final class Place {
    let path: String

    init() throws {
      path = NSTemporaryDirectory() + "hsi-output-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func callAsFunction(_ name: String) -> String { path + "/" + name }
    func write(_ text: String, _ name: String) throws {
      try Data(text.utf8).write(to: URL(fileURLWithPath: self(name)))
    }
    func text(_ name: String) -> String? { try? String(contentsOfFile: self(name), encoding: .utf8) }
    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
  }

  private func identifier(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "none"
    } catch { return (error as? CoreError)?.identifier ?? "\(error)" }
  }

  @Test func temporaryNamesAreDrawnAndClosedToOthers() throws {
    let place = try Place()
    let files = try (0..<8).map { _ in try OutputFile(place("a.tif"), overwrite: false) }
    let folders = Set(files.map { ($0.temporaryPath as NSString).deletingLastPathComponent })
    #expect(folders.count == 8, "one for each")
    for folder in folders {
      var info = stat()
      #expect(lstat(folder, &info) == 0 && info.st_mode & 0o7777 == 0o700)
      #expect((folder as NSString).lastPathComponent.wholeMatch(of: /\.a\.tif\..+\.[0-9]+\.[0-9a-z]{6,}\.part/) != nil)
    }
    for file in files { file.discard() }
    #expect(place.names.isEmpty)
  }

  @Test func longNamesFit() throws {
    let place = try Place()
    let name = String(repeating: "é", count: 120) + ".tif"
    try OutputFile.write(Data("x".utf8), to: place(name), overwrite: false)
    #expect(place.text(name) == "x" && place.names.count == 1)
  }

  @Test func linksUnderTheTemporaryNameAreNotFollowed() throws {
    let place = try Place()
    try place.write("precious", "victim")
    let file = try OutputFile(place("a.bin"), overwrite: false)
    try FileManager.default.createSymbolicLink(atPath: file.temporaryPath, withDestinationPath: place("victim"))
    #expect(identifier { try file.write(Data("x".utf8)) } == "E-WRITE")
    #expect(place.text("victim") == "precious" && place.names == ["victim"])
    let other = try OutputFile(place("b.bin"), overwrite: true)
    try FileManager.default.createSymbolicLink(atPath: other.temporaryPath, withDestinationPath: place("victim"))
    #expect(identifier { try other.commit() } == "E-WRITE", "what a driver wrote through is no output")
    #expect(place.names == ["victim"])
  }

  @Test func whatAppearsMeanwhileStays() throws {
    let place = try Place()
    let file = try OutputFile(place("a"), overwrite: false)
    try file.write(Data("mine".utf8))
    try place.write("theirs", "a")
    #expect(identifier { try file.commit() } == "E-OUTPUT-EXISTS")
    #expect(place.text("a") == "theirs" && place.names == ["a"])
    let replacing = try OutputFile(place("a"), overwrite: true)
    try replacing.write(Data("mine".utf8))
    try replacing.commit()
    #expect(place.text("a") == "mine" && place.names == ["a"])
    // A link that leads nowhere is something, too.
    try FileManager.default.createSymbolicLink(atPath: place("l"), withDestinationPath: place("nowhere"))
    #expect(identifier { _ = try OutputFile(place("l"), overwrite: false) } == "E-OUTPUT-EXISTS")
  }

  /// Each of the ways by which file systems give a name that must be free.
  @Test(arguments: [0, 1, 2]) func freeNames(way: Int) throws {
    let place = try Place()
    let take = [FreeName.take, FreeName.second, FreeName.placeholder][way]
    try place.write("1", "one")
    try place.write("2", "two")
    #expect(take(place("two"), place("one")) == EEXIST)
    #expect(place.text("one") == "1" && place.text("two") == "2")
    #expect(take(place("three"), place("one")) == 0)
    #expect(place.text("three") == "1" && place.text("two") == "2" && place.names == ["three", "two"])
    #expect(take(place("none/x"), place("two")) == ENOENT && place.text("two") == "2")
  }

  @Test func devicesPipesAndSocketsStay() throws {
    let place = try Place()
    #expect(mkfifo(place("pipe"), 0o600) == 0)
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // The name of a socket is short.
    let short = "/tmp/hsi-\(UInt32.random(in: 0 ... .max)).s"
    defer { unlink(short) }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: short.utf8) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let bound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
    }
    #expect(bound == 0)
    try FileManager.default.createSymbolicLink(atPath: place("null"), withDestinationPath: "/dev/null")
    for (name, kind) in [
      (place("pipe"), "a pipe"), (short, "a socket"), (place("null"), "a device"), (place.path, "a folder"),
    ] {
      var before = stat()
      #expect(lstat(name, &before) == 0)
      for overwrite in [false, true] {
        do {
          try OutputFile.write(Data("x".utf8), to: name, overwrite: overwrite)
          Issue.record("\(name) was written")
        } catch let error as CoreError {
          #expect(error.identifier == "E-WRITE" && error.problem.hasSuffix("it is \(kind)"), "\(error)")
        }
      }
      var after = stat()
      #expect(lstat(name, &after) == 0 && after.st_ino == before.st_ino && after.st_mode == before.st_mode)
    }
    // One that takes the place of a file during the work is seen, too.
    let file = try OutputFile(place("late"), overwrite: true)
    try file.write(Data("x".utf8))
    #expect(mkfifo(place("late"), 0o600) == 0)
    #expect(identifier { try file.commit() } == "E-WRITE")
    #expect(place.names == ["late", "null", "pipe"])
  }

  @Test func nothingIsLeft() throws {
    let place = try Place()
    do {
      let file = try OutputFile(place("a.tif"), overwrite: false)
      try place.write("x", String(file.temporaryPath.dropFirst(place.path.count + 1)) + ".ovr.tmp")
      try FileManager.default.createDirectory(atPath: file.temporaryPath + ".d", withIntermediateDirectories: true)
      #expect(place.names.count == 1)
      withExtendedLifetime(file) {}
    }
    #expect(place.names.isEmpty, "an output that is forgotten goes")
    let file = try OutputFile(place("a.tif"), overwrite: false)
    try file.write(Data("x".utf8))
    file.discard()
    #expect(place.names.isEmpty)
    #expect(identifier { try file.commit() } == "E-WRITE" && place.names.isEmpty)
  }

  @Test func severalFilesAppearTogether() throws {
    let place = try Place()
    func pair(_ overwrite: Bool) throws -> [OutputFile] {
      try ["a.dat", "a.hdr"].map { name in
        let file = try OutputFile(place(name), overwrite: overwrite)
        try file.write(Data(name.utf8))
        return file
      }
    }
    let files = try pair(false)
    try place.write("theirs", "a.hdr")
    #expect(identifier { try OutputFile.commit(files) } == "E-OUTPUT-EXISTS")
    #expect(place.names == ["a.hdr"] && place.text("a.hdr") == "theirs")
    try OutputFile.commit(pair(true))
    #expect(place.names == ["a.dat", "a.hdr"] && place.text("a.hdr") == "a.hdr")
  }

  @Test func sidecarsOfDriversFollow() throws {
    let place = try Place()
    try place.write("old", "a.tif.aux.xml")
    let file = try OutputFile(place("a.tif"), overwrite: true)
    try file.write(Data("x".utf8))
    #expect(try file.commitSidecar(".aux.xml") == nil)
    try file.commit()
    #expect(place.names == ["a.tif"], "an old one speaks of another file")
    let second = try OutputFile(place("a.tif"), overwrite: true)
    try second.write(Data("y".utf8))
    try Data("new".utf8).write(to: URL(fileURLWithPath: second.temporaryPath + ".aux.xml"))
    #expect(try second.commitSidecar(".aux.xml") == place("a.tif.aux.xml"))
    try second.commit()
    #expect(place.names == ["a.tif", "a.tif.aux.xml"] && place.text("a.tif.aux.xml") == "new")
  }

  @Test func leftoversAreToldByNameAndProcess() throws {
    let place = try Place()
    let host = UnfinishedFolder.host
    for name in [
      ".a.tif.\(host).17.x1.part", ".b.tif.\(host).18.x2.part", ".a.tif.elsewhere.17.x3.part", ".a.tif.part",
    ] {
      try FileManager.default.createDirectory(atPath: place(name + "/in"), withIntermediateDirectories: true)
    }
    var seen: [String] = []
    UnfinishedFolder.removeLeftovers(beside: place("a.tif")) { name, pid in
      seen.append("\(name) \(pid)")
      return pid == 17
    }
    #expect(seen.sorted() == ["a.tif 17", "b.tif 18"])
    #expect(place.names == [".a.tif.elsewhere.17.x3.part", ".a.tif.part", ".b.tif.\(host).18.x2.part"])
  }

  @Test func writingSaysWhatTheSystemSays() throws {
    let full = open("/dev/full", O_WRONLY)
    defer { close(full) }
    let bytes: [UInt8] = [1, 2, 3]
    #expect(identifier { try bytes.withUnsafeBytes { try OutputBytes.write($0, to: full, for: "x") } } == "E-DISK-FULL")
    #expect(identifier { try bytes.withUnsafeBytes { try OutputBytes.write($0, to: -1, for: "x") } } == "E-WRITE")
    for code in [ENOSPC, EDQUOT, EFBIG] { #expect(OutputFile.failure(code, path: "x").identifier == "E-DISK-FULL") }
    #expect(OutputFile.failure(EIO, path: "x").identifier == "E-WRITE")
    #expect(identifier { _ = try OutputFile("/proc/nothing/x", overwrite: true) } == "E-WRITE")
  }
}
