/// Spellings of other tools that are accepted: `-co NAME=VALUE`, `-of`, `-ot`, `-ram` of the GDAL and OTB classics,
/// `-o OUTPUT` in place of the last argument, and `hsi --formats`.
enum ArgumentSpelling {
  private static let synonyms = [
    "-co": "--co", "-of": "--of", "-ot": "--ot", "-oo": "--oo", "-ram": "--memory", "-f": "--of",
  ]

  /// The arguments with tolerated spellings replaced; nothing after `--` is touched.
  static func tolerated(_ arguments: [String]) -> [String] {
    if arguments == ["--formats"] { return ["formats"] }
    var result: [String] = []
    var output: [String] = []
    var index = 0
    while index < arguments.count {
      let argument = arguments[index]
      if argument == "--" { return result + output + arguments[index...] }
      if argument == "-o" || argument == "--output", index + 1 < arguments.count {
        output = [arguments[index + 1]]
        index += 2
        continue
      }
      if argument.hasPrefix("--output=") {
        output = [String(argument.dropFirst("--output=".count))]
      } else {
        result.append(synonyms[argument] ?? argument)
      }
      index += 1
    }
    return result + output
  }
}
