import Foundation
import HSICore
import Testing

@testable import HSIBatch

@Suite("The manifest")
struct ManifestTests {
  private func record(_ item: String, _ state: ManifestRecord.State, _ time: String = "", owned: Bool = true)
    -> ManifestRecord
  {
    ManifestRecord(
      time: time, item: item, step: "a", state: state, fingerprint: "f",
      outputs: [.init(path: item + ".tif", size: 3)],
      owned: owned, attempt: 1)
  }

  private func line(_ record: ManifestRecord) throws -> String {
    String(decoding: try JSONEncoder().encode(record), as: UTF8.self) + "\n"
  }

  @Test("merges the files of all writers by time")
  func merge() throws {
    let place = try BatchWorkplace()
    try place.write(
      "m/w-a-1.jsonl", line(record("x", .done, "2026-01-02")) + line(record("y", .failed, "2026-01-01")))
    try place.write(
      "m/w-b-1.jsonl", line(record("x", .failed, "2026-01-01")) + line(record("y", .done, "2026-01-03")))
    try place.write("m/other.jsonl", line(record("x", .interrupted, "2027-01-01")))
    let manifest = Manifest(folder: place.path("m"))
    manifest.refresh()
    #expect(manifest.record("x", "a")?.state == .done && manifest.record("y", "a")?.state == .done)
    #expect(manifest.owns("x.tif") && !manifest.owns("z.tif"))
    #expect(manifest.record("z", "a") == nil && manifest.damagedLines == 0)
  }

  @Test("tolerates a last line without end, and goes on when it is completed")
  func truncated() throws {
    let place = try BatchWorkplace()
    let second = try line(record("x", .done, "2026-01-02"))
    try place.write("m/w-a-1.jsonl", line(record("x", .running, "2026-01-01")) + second.prefix(20))
    let manifest = Manifest(folder: place.path("m"))
    manifest.refresh()
    #expect(manifest.record("x", "a")?.state == .running && manifest.damagedLines == 0)
    let file = try #require(FileHandle(forWritingAtPath: place.path("m/w-a-1.jsonl")))
    try file.seekToEnd()
    try file.write(contentsOf: Data(second.dropFirst(20).utf8))
    manifest.refresh()
    #expect(manifest.record("x", "a")?.state == .done)
  }

  @Test("passes over lines that are no records, and counts them")
  func damaged() throws {
    let place = try BatchWorkplace()
    let good = try line(record("x", .done, "2026-01-01"))
    try place.write("m/w-a-1.jsonl", "junk\n{}\n" + good + good.prefix(30) + "\n" + good)
    let manifest = Manifest(folder: place.path("m"))
    manifest.refresh()
    #expect(manifest.record("x", "a")?.state == .done && manifest.damagedLines == 3)
  }

  @Test("order is that of numbers, not of times; numbers beyond all counting are damage")
  func sequence() throws {
    func numbered(_ item: String, _ state: ManifestRecord.State, _ time: String, _ sequence: Int) -> ManifestRecord {
      var record = record(item, state, time)
      record.sequence = sequence
      return record
    }
    let place = try BatchWorkplace()
    try place.write(
      "m/w-a-1.jsonl", line(numbered("x", .failed, "2999-01-01", 7)) + line(record("y", .failed, "2999-01-01")))
    try place.write(
      "m/w-b-1.jsonl", line(numbered("x", .done, "2026-01-01", 8)) + line(numbered("y", .done, "2026-01-01", 1)))
    try place.write(
      "m/w-c-1.jsonl", line(numbered("x", .failed, "2026-01-01", .max)) + line(numbered("x", .failed, "2026-01-01", -1))
    )
    let manifest = Manifest(folder: place.path("m"))
    manifest.refresh()
    #expect(manifest.record("x", "a")?.state == .done && manifest.record("y", "a")?.state == .done)
    #expect(manifest.damagedLines == 2 && manifest.nextSequence == 9)
    #expect(!manifest.isRecent("x", "a"))
    manifest.mark()
    let writer = ManifestWriter(folder: place.path("m"))
    try writer.append(record("x", .failed), next: manifest.nextSequence)
    try writer.append(record("x", .interrupted), next: 1)
    manifest.refresh()
    #expect(manifest.record("x", "a")?.sequence == 10 && manifest.record("x", "a")?.state == .interrupted)
    #expect(manifest.isRecent("x", "a") && !manifest.isRecent("y", "a"))
  }

  @Test("writers have a file of their own and rising numbers")
  func writers() throws {
    let place = try BatchWorkplace()
    let writers = [ManifestWriter(folder: place.path("m")), ManifestWriter(folder: place.path("m"))]
    for _ in 0..<50 { for writer in writers { try writer.append(record("x", .running)) } }
    try writers[1].append(record("x", .done))
    #expect(place.names("m").count == 2)
    for name in place.names("m") {
      let records = try (place.text("m/" + name) ?? "").split(separator: "\n").map {
        try JSONDecoder().decode(ManifestRecord.self, from: Data($0.utf8))
      }
      #expect(records.map(\.sequence) == (1...records.count).map { $0 } && records.count >= 50)
      let times = records.map(\.time)
      #expect(times.allSatisfy { $0.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil })
    }
    let manifest = Manifest(folder: place.path("m"))
    manifest.refresh()
    #expect(manifest.record("x", "a")?.state == .done)
  }

  @Test("survives damage")
  func fuzz() throws {
    let place = try BatchWorkplace()
    var random = SplitMix(state: 2)
    let good = Array(
      try (line(record("x", .done, "2026-01-01")) + line(record("y", .failed, "2026-01-01"))).utf8)
    for round in 0..<500 {
      var bytes = good
      for _ in 0...random.below(8) {
        let index = random.below(bytes.count)
        switch random.below(3) {
        case 0: bytes[index] = UInt8(random.below(256))
        case 1: bytes.removeSubrange(index..<min(bytes.count, index + random.below(20)))
        default: bytes.insert(contentsOf: Array("[{\"\\\n0e9".utf8), at: index)
        }
        if bytes.isEmpty { bytes = [0] }
      }
      try Data(bytes).write(to: place.url.appendingPathComponent("w-\(round).jsonl"))
    }
    let manifest = Manifest(folder: place.url.path)
    manifest.refresh()
    #expect(manifest.damagedLines > 100)
  }
}

@Suite("Claims")
struct ClaimsTests {
  @Test("are held by one")
  func exclusive() async throws {
    let place = try BatchWorkplace()
    let claims = (0..<8).map { _ in Claims(folder: place.path("c")) }
    for round in 0..<20 {
      let winners = try await withThrowingTaskGroup(of: Int?.self) { group in
        for (index, claim) in claims.enumerated() {
          group.addTask { try claim.take("item\(round)") ? index : nil }
        }
        return try await group.reduce(into: [Int]()) { if let winner = $1 { $0.append(winner) } }
      }
      #expect(winners.count == 1)
      let winner = try #require(winners.first)
      for (index, claim) in claims.enumerated() where index != winner { claim.release("item\(round)") }
      #expect(try claims[(winner + 1) % 8].take("item\(round)") == false)
      #expect(claims[0].holder(of: "item\(round)") != nil)
      claims[winner].release("item\(round)")
      #expect(try claims[0].take("item\(round)"))
      claims[0].release("item\(round)")
    }
    #expect(place.names("c").filter { !$0.hasPrefix(".clock") }.isEmpty)
  }

  private func leave(_ worker: Worker, _ place: BatchWorkplace, age: Double) throws {
    let holder = try JSONEncoder().encode(Claims.Holder(worker: worker, number: 1))
    try place.write("c/x/owner.json", String(decoding: holder, as: UTF8.self))
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -age)], ofItemAtPath: place.path("c/x"))
  }

  @Test("of dead processes of this machine are void at once, of living ones never")
  func death() throws {
    let place = try BatchWorkplace()
    let claims = Claims(folder: place.path("c"))
    var worker = Worker.current
    worker.started += 1
    try leave(worker, place, age: 0)
    #expect(claims.holder(of: "x") == nil)
    #expect(try claims.take("x"))
    claims.release("x")
    try leave(.current, place, age: 1e6)
    #expect(try !claims.take("x"))
  }

  @Test("of other machines are void when they are not renewed")
  func age() throws {
    let place = try BatchWorkplace()
    let claims = Claims(folder: place.path("c"), staleAfter: 300)
    let elsewhere = Worker(host: "elsewhere", pid: 1, started: 1, machine: "another boot")
    try leave(elsewhere, place, age: 200)
    #expect(try !claims.take("x"))
    #expect(claims.holder(of: "x")?.worker.host == "elsewhere")
    try leave(elsewhere, place, age: 400)
    #expect(claims.holder(of: "x") == nil)
    #expect(try claims.take("x"))
    // A claim whose owner cannot be read counts by its age, too.
    claims.release("x")
    try place.write("c/x/owner.json", "junk")
    #expect(try !claims.take("x"))
  }

  @Test("that are void are taken over by one")
  func takeover() async throws {
    let place = try BatchWorkplace()
    var worker = Worker.current
    worker.started += 1
    for _ in 0..<20 {
      try leave(worker, place, age: 0)
      let claims = (0..<6).map { _ in Claims(folder: place.path("c")) }
      let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
        for claim in claims { group.addTask { try claim.take("x") } }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(winners <= 1)
      for claim in claims { claim.releaseAll() }
      _ = try claims[0].take("x")
      claims[0].releaseAll()
    }
  }

  @Test("are renewed")
  func renewal() throws {
    let place = try BatchWorkplace()
    let claims = Claims(folder: place.path("c"))
    #expect(try claims.take("x"))
    let old = Date(timeIntervalSinceNow: -1000)
    try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: place.path("c/x"))
    claims.renew()
    let time = try FileManager.default.attributesOfItem(atPath: place.path("c/x"))[.modificationDate] as? Date
    #expect((time ?? old) > old + 900)
  }
}
