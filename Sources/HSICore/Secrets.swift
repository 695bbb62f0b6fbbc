import Foundation

/// Removes what must not be passed on from command lines, paths and messages.
public enum Secrets {
  /// The text with every secret replaced by `***`: user names and passwords in URLs, values of query parameters
  /// and `NAME=VALUE` settings whose name speaks of a token, key, password, signature or credential (all
  /// `X-Amz-…` included), and bearer tokens.
  public static func masked(_ text: String) -> String {
    var result = text
    for (pattern, replacement) in patterns {
      result = pattern.stringByReplacingMatches(
        in: result, range: NSRange(result.startIndex..., in: result), withTemplate: replacement)
    }
    return result
  }

  private static let patterns: [(NSRegularExpression, String)] = [
    // scheme://user:password@host
    ("://[^/@\\s]+@", "://***@"),
    // X-Amz-Signature=…, token=…, AWS_SECRET_ACCESS_KEY=…, GDAL_HTTP_USERPWD=…, sig=…
    (
      "((?:x-(?:amz|goog|ms)-[a-z0-9-]+"
        + "|[a-z0-9_.-]*(?:token|secret|passw(?:or)?d|passwd|userpwd|signature|credential|api[_-]?key|access[_-]?key"
        + "|private[_-]?key|auth(?:orization)?|cookie)[a-z0-9_.-]*"
        + "|(?<![a-z0-9_])(?:sig|sas|pwd|pass|key))\\s*=\\s*+)(?!\\*\\*\\*)[^&\\s\"']+",
      "$1***"
    ),
    ("(bearer|basic)\\s+[a-z0-9+/=._~-]{8,}", "$1 ***"),
    ("((?:authorization|cookie|x-api-key)\\s*:\\s*+)(?!(?:bearer|basic) \\*)[^\"'\\n]+", "$1***"),
  ].compactMap { pattern, replacement in
    (try? NSRegularExpression(pattern: pattern, options: .caseInsensitive)).map { ($0, replacement) }
  }

  /// A command line as a shell would take it, secrets masked; arguments with special characters are quoted.
  public static func commandLine(_ arguments: [String]) -> String {
    let plain = CharacterSet(charactersIn: "%+,-./:=@_").union(.alphanumerics)
    return maskedArguments(arguments).map { argument in
      let isPlain =
        !argument.isEmpty && argument.unicodeScalars.allSatisfy { $0.isASCII && plain.contains($0) }
      return isPlain || argument == "***"
        ? argument : "'" + argument.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }.joined(separator: " ")
  }

  /// Masks each argument, and the whole argument that follows an option such as `--token`.
  static func maskedArguments(_ arguments: [String]) -> [String] {
    var result: [String] = []
    for (i, argument) in arguments.enumerated() {
      let option = i > 0 ? arguments[i - 1].lowercased() : ""
      let isSecret =
        option.hasPrefix("--") && !option.contains("=")
        && ["token", "secret", "password", "api-key", "credential"].contains { option.hasSuffix($0) }
      result.append(isSecret ? "***" : masked(argument))
    }
    return result
  }
}
