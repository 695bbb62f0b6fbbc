import Foundation
import Glibc
import HSICore
import Synchronization

/// What the result of a step depends on, as one digest: command, options, seed, version of hsi, the inputs by path,
/// size and time, the fingerprints of the steps before it, and the contents of weight files. Threads, memory and
/// progress are left out: results do not depend on them.
final class Fingerprints: Sendable {
  private let job: BatchJob
  private let version: String
  private let seed: String?
  private let catalogue: CommandCatalogue
  private let digests = Mutex<[String: String]>([:])

  init(_ job: BatchJob, _ catalogue: CommandCatalogue, version: String, seed: String?) {
    (self.job, self.catalogue, self.version, self.seed) = (job, catalogue, version, seed)
  }

  /// The fingerprints of all steps of an item, by id.
  func of(_ item: BatchItem) -> [String: String] {
    var result: [String: String] = [:]
    let written = Set(item.steps.flatMap(\.outputs).map(job.resolved))
    for step in item.steps {
      var parts = ["version " + version, "run " + step.command.joined(separator: " ")]
      parts += step.options.filter { !Fingerprints.isResource($0) }.map { "option " + $0 }
      if let output = step.output { parts.append("output " + output) }
      if catalogue.command(step.command)?.option("seed") != nil { parts.append("seed " + (seed ?? "0")) }
      for path in step.inputs + step.readFiles + step.otherFiles where !written.contains(job.resolved(path)) {
        parts.append("file " + path)
        parts += Fingerprints.signatures(job.resolved(path))
      }
      for path in step.models where !written.contains(job.resolved(path)) {
        parts.append("model \(path) " + digest(job.resolved(path)))
      }
      for id in step.dependencies { parts.append("step \(id) " + (result[id] ?? "")) }
      var digest = SHA256()
      for part in parts { digest.update(Array((part + "\0").utf8)) }
      result[step.id] = digest.hexadecimal()
    }
    return result
  }

  private static func isResource(_ option: String) -> Bool {
    ["--threads=", "--memory="].contains { option.hasPrefix($0) } || option == "--verbose"
  }

  /// The digest of a file, computed once per run.
  private func digest(_ path: String) -> String {
    let key = path + "\0" + Fingerprints.signatures(path).joined()
    if let known = digests.withLock({ $0[key] }) { return known }
    let value = SHA256.hexadecimal(ofFile: path) ?? "unreadable"
    digests.withLock { $0[key] = value }
    return value
  }

  /// Extensions of the two halves of an ENVI file.
  private static let halves = ["hdr", "dat", "img", "raw", "bin", "bil", "bip", "bsq", "sli", ""]

  /// Name, size and time of a file; for ENVI, of header and data.
  static func signatures(_ path: String) -> [String] {
    guard !FilePaths.isRemote(path) else { return [] }
    var paths = [path]
    let name = FilePaths.name(path)
    let stem = FilePaths.stem(path)
    let ending =
      name.count > FilePaths.name(stem).count ? String(name.dropFirst(FilePaths.name(stem).count + 1)) : ""
    if halves.contains(ending.lowercased()) {
      for half in halves {
        let other = half.isEmpty ? stem : stem + "." + half
        if other != path { paths.append(other) }
      }
      paths.append(path + ".hdr")
    }
    return paths.compactMap { path in
      var info = stat()
      guard stat(path, &info) == 0 else { return nil }
      // The time of a folder says when a name in it came or went.
      return "\(FilePaths.name(path)) \(info.st_mode & S_IFMT == S_IFDIR ? 0 : Int(info.st_size)) "
        + "\(info.st_mtim.tv_sec).\(info.st_mtim.tv_nsec)"
    }
  }
}
