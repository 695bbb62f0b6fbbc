import CGDAL
import Foundation
import HSICore
import Synchronization

/// Registration, configuration and error handling of GDAL.
///
/// GDAL prints its messages and reports failures by side effect; here every call runs under a collecting handler
/// of its own thread and failures leave as `RasterError` with the path in them.
public enum GDAL {
  /// One message of GDAL.
  public struct Message: Sendable {
    /// `CE_Warning`, `CE_Failure` or `CE_Fatal`.
    public var severity: UInt32
    /// GDAL's error number (`CPLE_FileIO` = 3, …).
    public var number: Int32
    /// What GDAL said, in one line.
    public var text: String

    var isError: Bool { severity >= CE_Failure.rawValue }
  }

  /// What the calls of one scope said.
  final class Messages {
    var list: [Message] = []

    /// The last failure, else the last warning.
    var reason: String? { (list.last { $0.isError } ?? list.last)?.text }
    var hasError: Bool { list.contains { $0.isError } }
    /// True when the failure is a full disk or an exceeded quota or file size limit.
    var isDiskFull: Bool { list.contains { GDAL.meansDiskFull($0.text) } }
  }

  private static let registered: Void = {
    GDALAllRegister()
    // What is said outside `collecting`, on GDAL's own threads too, is not for the terminal; debugging that was asked for is.
    CPLSetErrorHandler(CPLQuietErrorHandler)
    RemoteAccess.restrict()
  }()

  /// Loads GDAL and registers all drivers, once per process.
  public static func register() { _ = registered }

  /// GDAL's version where it was loaded in this process; nil where nothing asked for it.
  public static var versionInUse: String? { hsi_gdal_is_loaded() != 0 ? version : nil }

  /// GDAL's version, e.g. `3.6.2`.
  public static var version: String {
    GDALVersionInfo("RELEASE_NAME").map { String(cString: $0) } ?? "unknown"
  }

  /// Opens a dataset after a look at where it leads; nil where GDAL cannot.
  ///
  /// - Parameter flags: `GDAL_OF_…`.
  /// - Throws: `RasterError.foreign` for a description that leads out of its folder, `.unreadable` for a damaged NetCDF header.
  static func opened(
    _ name: String, _ flags: Int32, options: UnsafePointer<UnsafePointer<CChar>?>? = nil
  ) throws -> GDALDatasetH? {
    register()
    RemoteAccess.asked(name)
    try ForeignReferences.check(name)
    try NetCDFHeader.check(ForeignReferences.file(of: name))
    return GDALOpenEx(name, UInt32(flags), nil, options, nil)
  }

  /// Runs `body` with GDAL's messages of this thread collected instead of printed.
  static func collecting<Result>(_ body: (Messages) throws -> Result) rethrows -> Result {
    register()
    let messages = Messages()
    CPLErrorReset()
    CPLPushErrorHandlerEx(collectMessage, Unmanaged.passUnretained(messages).toOpaque())
    defer {
      CPLPopErrorHandler()
      CPLErrorReset()
    }
    return try withExtendedLifetime(messages) { try body(messages) }
  }

  /// Runs `body` with configuration options set for this thread, where the user has not set them.
  static func configured<Result>(_ options: [(String, String)], _ body: () throws -> Result) rethrows -> Result {
    let mine = options.filter { CPLGetConfigOption($0.0, nil) == nil }
    for (name, value) in mine { CPLSetThreadLocalConfigOption(name, value) }
    defer { for (name, _) in mine { CPLSetThreadLocalConfigOption(name, nil) } }
    return try body()
  }

  /// Options of reading over the network, unless the user set them.
  static func remoteOptions(_ path: String, hasSidecars: Bool) -> [(String, String)] {
    guard isRemote(path) else { return [] }
    var options = [
      ("VSI_CACHE", "TRUE"), ("GDAL_HTTP_MERGE_CONSECUTIVE_RANGES", "YES"), ("GDAL_HTTP_MAX_RETRY", "3"),
      ("GDAL_HTTP_RETRY_DELAY", "1"),
    ]
    if !hasSidecars { options.append(("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR")) }
    return options
  }

  /// True for files behind a network protocol.
  static func isRemote(_ path: String) -> Bool {
    ["/vsicurl", "/vsis3", "/vsigs", "/vsiaz", "/vsiadls", "/vsioss", "/vsiswift", "/vsiwebhdfs", "/vsihdfs"]
      .contains { path.contains($0) }
  }

  private static let cache = Mutex<Int>(0)

  /// Makes room for at least `bytes` of GDAL's block cache (64 MiB at least), unless the user set `GDAL_CACHEMAX`.
  ///
  /// GDAL's default is a share of the machine's memory, which would break the promise of `--memory`.
  static func reserveCache(_ bytes: Int) {
    register()
    guard CPLGetConfigOption("GDAL_CACHEMAX", nil) == nil else { return }
    cache.withLock { current in
      let wanted = max(64 << 20, bytes)
      guard wanted > current else { return }
      current = wanted
      GDALSetCacheMax64(GIntBig(wanted))
    }
  }

  static func meansDiskFull(_ text: String) -> Bool {
    ["No space left", "Disk quota exceeded", "File too large", "disk full", "free disk space"].contains {
      text.range(of: $0, options: .caseInsensitive) != nil
    }
  }

  /// A path or address without credentials, for messages, reports and provenance.
  public static func redacted(_ path: String) -> String {
    guard let query = path.firstIndex(of: "?"), path.contains("://") || path.hasPrefix("/vsi") else {
      return Secrets.masked(path)
    }
    return Secrets.masked(String(path[..<query])) + "?…"
  }
}

private func collectMessage(_ severity: CPLErr, _ number: CPLErrorNum, _ text: UnsafePointer<CChar>?) {
  guard let data = CPLGetErrorHandlerUserData(), severity.rawValue >= CE_Warning.rawValue else { return }
  let messages = Unmanaged<GDAL.Messages>.fromOpaque(data).takeUnretainedValue()
  let line = text.map { String(cString: $0) } ?? ""
  if messages.list.count < 100 {
    messages.list.append(
      GDAL.Message(severity: severity.rawValue, number: number, text: line.replacing("\n", with: " ")))
  }
}

/// A list of strings for GDAL (`char**`), freed with it.
final class GDALStrings {
  private var pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

  init(_ strings: [String] = []) {
    for text in strings { pointer = CSLAddString(pointer, text) }
  }

  deinit { CSLDestroy(pointer) }

  /// Lends the list (nil when empty) for the time of a call.
  func lend<Result>(_ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) { try body(pointer) }
  }

  /// Lends the list to functions that take it as constant.
  func lendConstant<Result>(_ body: (UnsafePointer<UnsafePointer<CChar>?>?) throws -> Result) rethrows -> Result {
    try lend { try body($0.map { UnsafeRawPointer($0).assumingMemoryBound(to: UnsafePointer<CChar>?.self) }) }
  }

  /// The entries of GDAL's list, which is not freed.
  static func array(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> [String] {
    guard let list else { return [] }
    var result: [String] = []
    var index = 0
    while let entry = list[index] {
      result.append(String(cString: entry))
      index += 1
    }
    return result
  }

  /// The `NAME=VALUE` entries of a list.
  static func pairs(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> [(
    key: String, value: String
  )] {
    array(list).compactMap { entry in
      guard let equals = entry.firstIndex(of: "=") else { return nil }
      return (String(entry[..<equals]), String(entry[entry.index(after: equals)...]))
    }
  }
}

/// A spatial reference as WKT 2, from a GDAL handle; nil when empty.
func wellKnownText(_ reference: OGRSpatialReferenceH?) -> String? {
  guard let reference else { return nil }
  let options = GDALStrings(["FORMAT=WKT2_2019"])
  var text: UnsafeMutablePointer<CChar>?
  defer { VSIFree(text) }
  let status = options.lendConstant { OSRExportToWktEx(reference, &text, $0) }
  guard status == OGRERR_NONE, let text else { return nil }
  let result = String(cString: text)
  return result.isEmpty ? nil : result
}
