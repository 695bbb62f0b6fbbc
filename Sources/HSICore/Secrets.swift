import Foundation
import Synchronization

/// Removes what must not be passed on from command lines, paths and messages: the one place that knows what a secret looks like.
public enum Secrets {
  /// What stands in place of a secret.
  private static let mask = "***"

  /// The text with every secret replaced by `***`: user names and passwords in URLs, values of query parameters
  /// and `NAME=VALUE` settings whose name is that of a credential option of GDAL or speaks of a token, key, password, signature or
  /// credential (all `X-Amz-…` included), bearer tokens, and the values of credential options that this process was given
  /// (`remember`), wherever they stand.
  public static func masked(_ text: String) -> String {
    var result = text
    for value in known.withLock({ $0 }) where result.contains(value) {
      result = result.replacingOccurrences(of: value, with: mask)
    }
    result = maskedSettings(maskedKeys(result))
    for (pattern, replacement) in patterns {
      result = pattern.stringByReplacingMatches(
        in: result, range: NSRange(result.startIndex..., in: result), withTemplate: replacement)
    }
    return result
  }

  /// Private keys in their usual wrapping, whole: in one pass, however many there are.
  private static func maskedKeys(_ text: String) -> String {
    let dashes = Array(repeating: UInt8(ascii: "-"), count: 5)
    let (opening, closing) = (dashes + Array("BEGIN ".utf8), dashes + Array("END ".utf8))
    let bytes = Array(text.utf8)
    func place(of word: [UInt8], from start: Int) -> Int? {
      guard bytes.count >= word.count else { return nil }
      var place = start
      while place <= bytes.count - word.count {
        if bytes[place] == word[0], bytes[place..<(place + word.count)].elementsEqual(word) { return place }
        place += 1
      }
      return nil
    }
    guard var begin = place(of: opening, from: 0) else { return text }
    var result: [UInt8] = []
    var rest = 0
    while true {
      result += bytes[rest..<begin] + Array(mask.utf8)
      guard let end = place(of: closing, from: begin + opening.count),
        let last = place(of: dashes, from: end + closing.count)
      else { return String(decoding: result, as: UTF8.self) }
      rest = last + dashes.count
      guard let next = place(of: opening, from: rest) else {
        return String(decoding: result + bytes[rest...], as: UTF8.self)
      }
      begin = next
    }
  }

  private static let longestName = 64

  /// The values of all `NAME=VALUE` whose name speaks of a secret: up to a blank, a quotation mark or the next parameter of a query;
  /// those of credential options up to a blank or a quotation mark, headers and cookies to the end of the line.
  private static func maskedSettings(_ text: String) -> String {
    let bytes = Array(text.utf8)
    guard bytes.contains(UInt8(ascii: "=")) else { return text }
    let (blanks, quotes): ([UInt8], [UInt8]) = ([9, 32], [34, 39])
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var place = 0
    while place < bytes.count {
      result.append(bytes[place])
      place += 1
      guard bytes[place - 1] == UInt8(ascii: "=") else { continue }
      var end = place - 1
      while end > 0, blanks.contains(bytes[end - 1]) { end -= 1 }
      var start = end
      while start > 0, end - start < longestName, isOfName(bytes[start - 1]) { start -= 1 }
      let name = String(decoding: bytes[start..<end], as: UTF8.self)
      guard start < end, isSecret(name) else { continue }
      while place < bytes.count, blanks.contains(bytes[place]) {
        result.append(bytes[place])
        place += 1
      }
      guard !bytes[place...].starts(with: mask.utf8) else { continue }
      let isOption = CredentialOptions.names.contains(name.uppercased())
      let hasBlanks = ["GDAL_HTTP_HEADERS", "GDAL_HTTP_COOKIE"].contains(name.uppercased())
      let first = place
      while place < bytes.count, bytes[place] != 10, !quotes.contains(bytes[place]),
        hasBlanks || !blanks.contains(bytes[place]) && bytes[place] != 13, isOption || bytes[place] != UInt8(ascii: "&")
      { place += 1 }
      // Messages say what is wanted: KEY=VALUE.
      let isWord = bytes[first..<place].elementsEqual("VALUE".utf8)
      if place > first { result += isWord ? Array(bytes[first..<place]) : Array(mask.utf8) }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, 65...90, 97...122, 45, 46, 95: true
    default: false
    }
  }

  /// The value of a setting as it may be shown: `***` where its name speaks of a secret.
  public static func masked(_ value: String, of name: String) -> String {
    isSecret(name) ? mask : String(masked("\(name)=\(value)").dropFirst(name.count + 1))
  }

  /// Whether a setting holds a secret, by its name.
  public static func isSecret(_ name: String) -> Bool {
    CredentialOptions.names.contains(name.uppercased())
      || secretName?.firstMatch(in: name, range: NSRange(name.startIndex..., in: name)) != nil
  }

  /// Notes the value of a setting that was given to this process, so that it is masked wherever a library repeats it. Settings that hold
  /// no secret, and values too short to be told from words, are passed over.
  public static func remember(_ value: String, of name: String) {
    guard isSecret(name) else { return }
    let values = secrets(in: value, of: name)
    known.withLock { $0 = Array(Set($0 + values)).sorted { ($0.count, $0) > ($1.count, $1) } }
  }

  private static let shortest = 8

  /// The secrets in a value: its parts where it is a list of settings (`AccountName=…;AccountKey=…`), else all of it.
  private static func secrets(in value: String, of name: String) -> [String] {
    let parts = value.split(separator: ";").compactMap { part -> String? in
      guard let equals = part.firstIndex(of: "="), isSecret(String(part[..<equals])) else { return nil }
      return String(part[equals...].dropFirst())
    }
    return (parts.isEmpty ? [value] : parts).filter { $0.count >= shortest }
  }

  /// Values to be masked, long ones first; at the start those of the environment.
  private static let known = Mutex<[String]>(
    Array(
      Set(
        ProcessInfo.processInfo.environment.filter { CredentialOptions.names.contains($0.key) }
          .flatMap { secrets(in: $0.value, of: $0.key) })
    ).sorted { ($0.count, $0) > ($1.count, $1) })

  private static let secretName = expression(
    "^(?:.*(?:\(CredentialOptions.words)).*|x-(?:amz|goog|ms)-.*|(?:.*[.-])?(?:sig|sas|pwd|pass|key))$")

  private static let patterns: [(NSRegularExpression, String)] = [
    // scheme://user:password@host, plain and as part of a query
    ("://[^/@\\s]+@", "://***@"), ("(%3A%2F%2F)[^&\\s/]{1,512}?%40", "$1***%40"),
    // A proxy may be named with its user.
    ("(GDAL_HTTPS?_PROXY\\s{0,8}=\\s{0,8}+)[^@\\s]{1,512}@", "$1***@"),
    // A word of letters alone is one.
    ("(bearer|basic)\\s+(?=[a-z._~-]{0,64}[0-9+/=])[a-z0-9+/=._~-]{8,}", "$1 ***"),
    ("((?:authorization|cookie|x-api-key)\\s{0,8}:\\s{0,8}+)(?!(?:bearer|basic) \\*|\\*\\*\\*)[^\"'\\n]+", "$1***"),
  ].compactMap { pattern, replacement in expression(pattern).map { ($0, replacement) } }

  private static func expression(_ pattern: String) -> NSRegularExpression? {
    try? NSRegularExpression(pattern: pattern, options: .caseInsensitive)
  }

  /// A command line as a shell would take it, secrets masked; arguments with special characters are quoted.
  public static func commandLine(_ arguments: [String]) -> String {
    let plain = CharacterSet(charactersIn: "%+,-./:=@_").union(.alphanumerics)
    return maskedArguments(arguments).map { argument in
      let isPlain =
        !argument.isEmpty && argument.unicodeScalars.allSatisfy { $0.isASCII && plain.contains($0) }
      return isPlain || argument == mask
        ? argument : "'" + argument.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }.joined(separator: " ")
  }

  /// Masks each argument: the whole value of a setting that is a secret, and the whole argument behind an option such as `--token`.
  static func maskedArguments(_ arguments: [String]) -> [String] {
    var result: [String] = []
    for (i, argument) in arguments.enumerated() {
      let option = i > 0 ? arguments[i - 1].lowercased() : ""
      let isSecretOption =
        option.hasPrefix("--") && !option.contains("=")
        && ["token", "secret", "password", "api-key", "credential"].contains { option.hasSuffix($0) }
      result.append(isSecretOption ? mask : maskedArgument(argument))
    }
    return result
  }

  /// `--config=NAME=VALUE` and `NAME=VALUE` with all of a secret value masked, blanks in it included.
  private static func maskedArgument(_ argument: String) -> String {
    var start = argument.startIndex
    // Names before the last of two equals signs are those of options of this program.
    if argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") { start = argument.index(after: equals) }
    guard let equals = argument[start...].firstIndex(of: "="), argument[start..<equals].utf8.allSatisfy(isOfName),
      isSecret(String(argument[start..<equals]))
    else { return masked(argument) }
    return argument[...equals] + mask
  }
}
