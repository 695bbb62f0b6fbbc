/// Spellings of other tools that are accepted: `-co NAME=VALUE`, `-of`, `-ot`, `-ram` of the GDAL and OTB classics.
enum ArgumentSpelling {
  private static let synonyms = [
    "-co": "--co", "-of": "--of", "-ot": "--ot", "-oo": "--oo", "-ram": "--memory", "-f": "--of",
  ]

  /// The arguments with tolerated spellings replaced; nothing after `--` is touched.
  static func tolerated(_ arguments: [String]) -> [String] {
    var result: [String] = []
    for (index, argument) in arguments.enumerated() {
      if argument == "--" { return result + arguments[index...] }
      result.append(synonyms[argument] ?? argument)
    }
    return result
  }
}
