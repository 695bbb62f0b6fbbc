/// Spellings of other tools that are accepted: `-co NAME=VALUE`, `-of`, `-ot`, `-ram MB` of the GDAL and OTB classics,
/// `-o OUTPUT` in place of the last argument, `--formats`, and negative numbers as values (`--nodata -9999`).
enum ArgumentSpelling {
  private static let synonyms = [
    "-co": "--co", "-of": "--of", "-ot": "--ot", "-oo": "--oo", "-ram": "--memory", "-f": "--of",
  ]

  /// The arguments with tolerated spellings replaced; nothing after `--` is touched.
  static func tolerated(_ arguments: [String]) -> [String] {
    if arguments == ["--formats"] { return ["formats"] }
    var result: [String] = []
    var output: [String] = []
    var isOutput = false
    for (index, argument) in arguments.enumerated() {
      if argument == "--" { return result + output + arguments[index...] }
      if isOutput {
        output = [argument]
        isOutput = false
      } else if argument == "-o" || argument == "--output", index + 1 < arguments.count {
        isOutput = true
      } else if argument.hasPrefix("--output=") {
        output = [String(argument.dropFirst("--output=".count))]
      } else if let option = result.last, option.hasPrefix("-"), !option.contains("="),
        isNegativeNumber(argument)
      {
        // The parser would take it for an option.
        result[result.count - 1] = option + "=" + argument
      } else if index > 0, arguments[index - 1] == "-ram", argument.allSatisfy(\.isNumber) {
        result.append(argument + "M")
      } else {
        result.append(synonyms[argument] ?? argument)
      }
    }
    return result + output
  }

  /// `-9999`, `-1e30`, `-.5`, `-120.5,30,-119,31`.
  private static func isNegativeNumber(_ text: String) -> Bool {
    let second = text.dropFirst().first
    return text.hasPrefix("-") && (second?.isNumber == true || (second == "." && text.count > 2))
  }
}
