import Foundation
import Glibc
import HSICore

/// What is known about the outputs of steps, and whether they still are what was recorded.
struct OutputCheck {
  let job: BatchJob

  /// Whether a finished step can be left alone: same fingerprint, its outputs are there in the recorded size, and, with
  /// `verifies`, with the recorded digest.
  func isCurrent(_ record: ManifestRecord?, fingerprint: String?, verifies: Bool) -> Bool {
    guard let record, record.state == .done, record.fingerprint == fingerprint else { return false }
    return record.outputs.allSatisfy { output in
      let path = job.resolved(output.path)
      if FilePaths.isRemote(path) { return true }
      guard let size = OutputCheck.size(path), size == output.size else { return false }
      return !verifies || output.sha256 == nil || SHA256.hexadecimal(ofFile: path) == output.sha256
    }
  }

  /// Size and digest of what a step has written, headers and other files beside rasters included; `output` itself must be there.
  ///
  /// - Returns: nil when it is not.
  func written(by step: PlannedStep) -> [ManifestRecord.Output]? {
    var result: [ManifestRecord.Output] = []
    for path in step.outputs {
      let full = job.resolved(path)
      if FilePaths.isRemote(full) {
        result.append(.init(path: path))
      } else if let size = OutputCheck.size(full) {
        result.append(.init(path: path, size: size, sha256: SHA256.hexadecimal(ofFile: full)))
        for sidecar in OutputCheck.sidecars(of: path) where !step.outputs.contains(sidecar) {
          let beside = job.resolved(sidecar)
          if let size = OutputCheck.size(beside) {
            result.append(.init(path: sidecar, size: size, sha256: SHA256.hexadecimal(ofFile: beside)))
          }
        }
      } else if path == step.output {
        return nil
      }
    }
    return result
  }

  /// The outputs of a step that exist.
  func existing(_ step: PlannedStep) -> [String] {
    step.outputs.filter { FileManager.default.fileExists(atPath: job.resolved($0)) }
  }

  /// Names of files without which a raster cannot be read, or not wholly. A header of the same stem belongs to raw data only: that
  /// beside a GeoTIFF is another file's.
  private static func sidecars(of path: String) -> [String] {
    let stem = FilePaths.stem(path)
    let isRaw = ["", ".dat", ".img", ".bsq", ".bil", ".bip", ".raw", ".bin", ".sli"].contains(
      path.dropFirst(stem.count).lowercased())
    return (isRaw ? [stem + ".hdr", path + ".hdr"] : []) + [path + ".aux.xml"]
  }

  /// Bytes of a file; nil where there is none.
  static func size(_ path: String) -> Int? {
    var info = stat()
    guard stat(path, &info) == 0 else { return nil }
    return info.st_mode & S_IFMT == S_IFDIR ? 0 : Int(info.st_size)
  }
}
