/// Spellings of other tools that are accepted: `-co NAME=VALUE`, `-of`, `-ot`, `-oo`, `-ram MB`, `-srcwin X Y W H`,
/// `-projwin ULX ULY LRX LRY`, `-a_nodata`, `--config KEY VALUE` and repeated `-b` of the GDAL and OTB classics,
/// `-o OUTPUT` in place of the last argument, `--formats`, `--json-usage`, and negative numbers as values
/// (`--nodata -9999`).
enum ArgumentSpelling {
  private static let synonyms = [
    "-co": "--co", "-of": "--of", "-ot": "--ot", "-oo": "--oo", "-ram": "--memory", "-f": "--of",
    "--output-format": "--of", "--driver": "--of", "-a_nodata": "--nodata",
    "--json-usage": "--experimental-dump-help", "-0": "--null",
  ]
  /// GDAL's options of four numbers, and what becomes of them.
  private static let rectangles: [String: @Sendable ([String]) -> [String]] = [
    "-srcwin": { ["--window=" + $0.joined(separator: ",")] },
    // Upper left and lower right corner.
    "-projwin": { ["--bbox=" + [$0[0], $0[3], $0[2], $0[1]].joined(separator: ",")] },
  ]

  /// The arguments with tolerated spellings replaced; nothing after `--` is touched.
  static func tolerated(_ arguments: [String]) -> [String] {
    if arguments == ["--formats"] { return ["formats"] }
    var result: [String] = []
    var output: [String] = []
    var bands: Int?
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--" { return result + output + [argument] + rest }
      if argument == "-o" || argument == "--output", let name = rest.popFirst() {
        output = [name]
      } else if argument.hasPrefix("--output=") {
        output = [String(argument.dropFirst("--output=".count))]
      } else if argument == "-b", let list = rest.first {
        // `-b 1 -b 3` is `-b 1,3`.
        rest.removeFirst()
        if let bands {
          result[bands] += "," + list
        } else {
          bands = result.count + 1
          result += [argument, list]
        }
      } else if let option = result.last, option.hasPrefix("-"), option.count > 1, !option.contains("="),
        isNegativeNumber(argument)
      {
        // The parser would take it for an option.
        result[result.count - 1] = option + "=" + argument
      } else if let replace = rectangles[argument], rest.count >= 4, rest.prefix(4).allSatisfy({ Double($0) != nil }) {
        result += replace(Array(rest.prefix(4)))
        rest = rest.dropFirst(4)
      } else if argument == "-ram", let size = rest.first {
        rest.removeFirst()
        result += ["--memory", size.allSatisfy(\.isNumber) ? size + "M" : size]
      } else if argument == "--config", let key = rest.first, !key.contains("="), rest.count >= 2 {
        rest.removeFirst()
        result += [argument, key + "=" + (rest.popFirst() ?? "")]
      } else {
        result.append(synonyms[argument] ?? argument)
      }
    }
    return result + output
  }

  /// `-9999`, `-1e30`, `-.5`, `-120.5,30,-119,31`.
  private static func isNegativeNumber(_ text: String) -> Bool {
    let second = text.dropFirst().first
    return text.hasPrefix("-") && text != "-0" && (second?.isNumber == true || (second == "." && text.count > 2))
  }
}
