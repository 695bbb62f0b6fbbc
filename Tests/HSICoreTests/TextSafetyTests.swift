import Foundation
import Testing

@testable import HSICore

/// Texts of files on terminals and in spreadsheets, and options that files must not set.
@Suite struct TextSafetyTests {
  @Test func controlCharactersAreShown() throws {
    #expect(ControlCharacters.shown("a\u{1B}[2Jb\u{7}\r") == "a\\u001b[2Jb\\u0007\\u000d")
    #expect(ControlCharacters.shown("\u{9B}31m \u{202E}abc\u{2066} \u{7F}") == "\\u009b31m \\u202eabc\\u2066 \\u007f")
    #expect(ControlCharacters.shown("one\ntwo\tthree – µ é 日本 שלום") == "one\ntwo\tthree – µ é 日本 שלום")
    #expect(ControlCharacters.shown("one\ntwo\r\n", keepsLines: false) == "one two\\u000d ")
    func isOrder(_ scalar: Unicode.Scalar) -> Bool {
      switch scalar.properties.generalCategory {
      case .control: scalar.value != 9 && scalar.value != 10
      case .lineSeparator, .paragraphSeparator: true
      default: false
      }
    }
    let orders = (UInt32(0)..<0x110000).compactMap { Unicode.Scalar($0) }.filter(isOrder)
    #expect(orders.count == 65)
    for scalar in orders { #expect(ControlCharacters.shown(String(Character(scalar))).hasPrefix("\\u")) }
    // In JSON the escape is the character.
    let json = "{\"a\":\"\u{7F}\u{9B}\"}"
    let object = try JSONSerialization.jsonObject(with: Data(ControlCharacters.shown(json).utf8)) as? [String: String]
    #expect(object?["a"] == "\u{7F}\u{9B}")
  }

  @Test func progressShowsNoOrders() {
    final class Written: @unchecked Sendable { var text = "" }
    let written = Written()
    let display = ProgressDisplay(mode: .bar, isTerminal: false, clock: { 0 }, write: { written.text += $0 })
    display.report(phase: "read\u{1B}]0;x\u{7}ing", fraction: 1, detail: "a\u{1B}b")
    #expect(written.text.hasPrefix("read\\u001b]0;x\\u0007ing: ") && !written.text.contains("\u{1B}"))
  }

  @Test(arguments: [
    "=1+1", "+49", "-5", "@SUM(A1)", "\t=1", "＝1", "'=1", "''=1", "'quoted'", "soil", "", "'", "a=b", "−5", "4-5",
  ])
  func namesInSpreadsheets(name: String) {
    let cell = SpreadsheetText.guarded(name)
    #expect(SpreadsheetText.plain(cell) == name)
    #expect(cell.first.map { !"=+-@\t＝".contains($0) } ?? true, "no cell begins like a formula")
    #expect(name.contains(/^'*[=+\-@\t＝]/) == (cell != name), "others stay as they are")
  }

  @Test(arguments: [
    "GDAL_DRIVER_PATH", "OGR_DRIVER_PATH", "GDAL_PYTHON_DRIVER_PATH", "GDAL_VRT_ENABLE_PYTHON",
    "GDAL_VRT_PYTHON_TRUSTED_MODULES", "PYTHONSO", "pythonso", "OGR_SQLITE_LOAD_EXTENSIONS", "OGR_SQLITE_PRAGMA",
    "GDAL_VRT_ENABLE_RAWRASTERBAND", "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE", "GDAL_HTTP_UNSAFESSL",
    "GDAL_HTTP_SSL_VERIFYSTATUS", "GDAL_CURL_CA_BUNDLE", "CURL_CA_BUNDLE", "GDAL_HTTP_CAPATH", "SSL_CERT_FILE",
    "GDAL_HTTP_PROXY", "GDAL_HTTPS_PROXY", "GDAL_HTTP_HEADER_FILE", "GDAL_HTTP_HEADERS", "GDAL_HTTP_COOKIEJAR",
    "GDAL_HTTP_COOKIEFILE", "GDAL_HTTP_NETRC", "AWS_S3_ENDPOINT", "AWS_HTTPS", "OSS_ENDPOINT", "AWS_CONFIG_FILE",
    "CPL_AWS_CREDENTIALS_FILE", "GOOGLE_APPLICATION_CREDENTIALS", "SWIFT_STORAGE_URL", "OS_AUTH_URL",
    "WEBHDFS_DATANODE_HOST", "CPL_LOG", "CPL_TMPDIR", "GDAL_CONFIG_FILE", "GDAL_DATA", "PROJ_DATA", "PROJ_LIB",
    "PROJ_NETWORK", "GDAL_DEFAULT_WMS_CACHE_PATH", "GDAL_PAM_PROXY_DIR", "CPL_VSIL_CURL_ALLOWED_FILENAME",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS", "GDAL_MEM_ENABLE_OPEN",
  ])
  func optionsOnlyForTheUser(name: String) { #expect(ForeignOptions.isUnsafe(name)) }

  @Test(arguments: [
    "GDAL_CACHEMAX", "GDAL_NUM_THREADS", "GDAL_DISABLE_READDIR_ON_OPEN", "VSI_CACHE", "VSI_CACHE_SIZE", "CPL_DEBUG",
    "CPL_VSIL_CURL_CHUNK_SIZE", "GDAL_HTTP_MAX_RETRY", "GDAL_HTTP_TIMEOUT", "AWS_REGION", "AWS_NO_SIGN_REQUEST",
    "AZURE_STORAGE_CONNECTION_STRING", "GTIFF_SRS_SOURCE", "GDAL_TIFF_INTERNAL_MASK", "OGR_GEOJSON_MAX_OBJ_SIZE",
    "GDAL_MAX_DATASET_POOL_SIZE", "GDAL_PAM_ENABLED",
  ])
  func optionsOfProjects(name: String) { #expect(!ForeignOptions.isUnsafe(name)) }
}
