import Foundation
import Testing

@testable import HSICore

/// Secrets in every form in which hsi meets them.
@Suite struct SecretsTests {
  /// From the documentation of GDAL's virtual file systems and drivers.
  static let options = [
    "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_ACCESS_TOKEN",
    "AZURE_STORAGE_SAS_TOKEN", "AZURE_SAS", "AZURE_CLIENT_SECRET", "GS_SECRET_ACCESS_KEY", "GS_ACCESS_KEY_ID",
    "GS_OAUTH2_REFRESH_TOKEN", "GS_OAUTH2_CLIENT_SECRET", "GS_OAUTH2_PRIVATE_KEY", "OSS_SECRET_ACCESS_KEY",
    "OSS_ACCESS_KEY_ID", "SWIFT_AUTH_TOKEN", "SWIFT_KEY", "OS_PASSWORD", "OS_APPLICATION_CREDENTIAL_SECRET",
    "GDAL_HTTP_USERPWD", "GDAL_HTTP_PROXYUSERPWD", "GDAL_HTTP_BEARER", "GDAL_HTTP_HEADERS", "GDAL_HTTP_COOKIE",
    "WEBHDFS_DELEGATION", "EEDA_BEARER", "EEDA_PRIVATE_KEY", "GDAL_DAAS_API_KEY", "GDAL_DAAS_ACCESS_TOKEN",
    "GDAL_DAAS_AUTHORIZATION", "PL_API_KEY", "NGW_USERPWD", "VSICRYPT_KEY", "VSICRYPT_KEY_B64", "PDF_USER_PWD",
    "PGPASSWORD", "AMIGOCLOUD_API_KEY", "CARTO_API_KEY",
  ]

  @Test(arguments: options) func everyCredentialOption(name: String) {
    let secret = "S3KRET/x+y=="
    for spelling in [name, name.lowercased()] {
      #expect(Secrets.isSecret(spelling))
      #expect(Secrets.masked(secret, of: spelling) == "***")
      for text in ["\(spelling)=\(secret)", "a \(spelling) = \(secret) b", "x: '\(spelling)=\(secret)'"] {
        let masked = Secrets.masked(text)
        #expect(!masked.contains("S3KRET") && masked.contains(spelling) && masked.contains("***"), "\(masked)")
        #expect(Secrets.masked(masked) == masked)
      }
      // As arguments all of the value goes, blanks and separators included.
      for arguments in [
        ["--config", "\(spelling)=one \(secret);two, 'three'"], ["--config=\(spelling)=one & \(secret) two"],
      ] {
        let line = Secrets.commandLine(["hsi"] + arguments)
        #expect(!line.contains("S3KRET") && !line.contains("two") && line.contains(spelling), "\(line)")
      }
    }
  }

  @Test(arguments: [
    "GDAL_CACHEMAX", "AWS_REGION", "AWS_NO_SIGN_REQUEST", "AZURE_STORAGE_ACCOUNT", "GDAL_NUM_THREADS", "VSI_CACHE",
    "SWIFT_USER", "WEBHDFS_USERNAME", "GDAL_HTTP_TIMEOUT",
  ])
  func otherOptionsAreShown(name: String) {
    #expect(!Secrets.isSecret(name) && Secrets.masked("value", of: name) == "value")
    #expect(Secrets.masked("\(name)=value") == "\(name)=value")
    #expect(Secrets.commandLine(["hsi", "--config", "\(name)=value"]) == "hsi --config \(name)=value")
  }

  @Test(arguments: [
    (
      "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=S3KRET==",
      "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=***"
    ),
    (
      "BlobEndpoint=https://x;SharedAccessSignature=sv=1&sig=S3KRET",
      "BlobEndpoint=https://x;SharedAccessSignature=***&sig=***"
    ),
    ("/vsicurl/https://me:S3KRET@host/a.tif", "/vsicurl/https://***@host/a.tif"),
    (
      "/vsicurl?max_retry=1&url=https%3A%2F%2Fme%3AS3KRET%40host%2Fa.tif",
      "/vsicurl?max_retry=1&url=https%3A%2F%2F***%40host%2Fa.tif"
    ),
    (
      "https://h/a?AWSAccessKeyId=S3KRET&Signature=S3KRET%3D&Expires=1",
      "https://h/a?AWSAccessKeyId=***&Signature=***&Expires=1"
    ),
    ("https://h/a?X-Goog-Credential=S3KRET&X-Goog-Date=S3KRET", "https://h/a?X-Goog-Credential=***&X-Goog-Date=***"),
    ("https://h/a?temp_url_sig=S3KRET&temp_url_expires=3", "https://h/a?temp_url_sig=***&temp_url_expires=3"),
    ("http://h:9870/webhdfs/v1/a?op=OPEN&delegation=S3KRET", "http://h:9870/webhdfs/v1/a?op=OPEN&delegation=***"),
    ("https://h/a?api_key=S3KRET", "https://h/a?api_key=***"),
    ("GDAL_HTTP_PROXY=me:S3KRET@proxy:3128", "GDAL_HTTP_PROXY=***@proxy:3128"),
    ("Authorization: Basic UzNLUkVUOlMzS1JFVA==", "Authorization: Basic ***"),
    ("Cookie: session=S3KRET; other=S3KRET", "Cookie: ***"),
    ("PG:host=h user=me password=S3KRET dbname=d", "PG:host=h user=me password=*** dbname=d"),
    ("key -----BEGIN PRIVATE KEY-----\nS3KRET\n-----END PRIVATE KEY----- end", "key *** end"),
    ("a report of 3 bands at 500 nm", "a report of 3 bands at 500 nm"),
    ("--config is foo but must be KEY=VALUE", "--config is foo but must be KEY=VALUE"),
    ("basic statistics, bearer instruments", "basic statistics, bearer instruments"),
  ])
  func forms(text: String, expected: String) {
    #expect(Secrets.masked(text) == expected)
    #expect(Secrets.masked(expected) == expected)
  }

  /// What was given is masked where a library repeats it without its name.
  @Test func givenValuesAreKnown() {
    let secret = "given-\(UUID().uuidString)"
    #expect(Secrets.masked("no \(secret)").contains(secret))
    Secrets.remember(secret, of: "SWIFT_KEY")
    Secrets.remember("AccountName=longaccountname;AccountKey=\(secret)2", of: "AZURE_STORAGE_CONNECTION_STRING")
    Secrets.remember("longvalueofnosecret", of: "AWS_REGION")
    Secrets.remember("short", of: "AWS_SECRET_ACCESS_KEY")
    #expect(Secrets.masked("curl says \(secret) and \(secret)2") == "curl says *** and ***")
    #expect(Secrets.masked("longaccountname longvalueofnosecret short") == "longaccountname longvalueofnosecret short")
  }

  @Test(.timeLimit(.minutes(1))) func longTextsTakeLinearTime() {
    for text in ["token", "a", "key=", "://", "%3A%2F%2F", "-----BEGIN A-----"] {
      let start = ContinuousClock.now
      _ = Secrets.masked(String(repeating: text, count: 100_000 / text.count))
      #expect(ContinuousClock.now - start < .seconds(5), "\(text)")
    }
  }

  /// Eight times the text takes some eight times as long, and not sixty-four times.
  @Test(
    .timeLimit(.minutes(5)),
    arguments: [
      "-----BEGIN A----------END A-----", "-----BEGIN A", "://a@", "bearer ", "authorization: ",
    ])
  func timeGrowsWithTheText(_ text: String) {
    func seconds(_ bytes: Int) -> Double {
      let long = String(repeating: text, count: bytes / text.utf8.count)
      return (0..<2).map { _ in ContinuousClock().measure { _ = Secrets.masked(long) } / .seconds(1) }.min() ?? 0
    }
    let (short, long) = (seconds(100_000), seconds(800_000))
    #expect(long < 30 * short + 0.2, "\(text): \(short) s and \(long) s")
  }

  @Test func manyKeys() {
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
    #expect(Secrets.masked("a \(begin)\nq\n\(end) ä \(begin)r\(end)\n") == "a *** ä ***\n")
    #expect(Secrets.masked("a \(begin) \(end) \(begin) b") == "a *** ***")
  }
}
