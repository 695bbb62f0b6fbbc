/// The options by which the command line sets the parameters that messages of the library name.
enum OptionSpelling {
  /// Where the option is not the name of the parameter with dashes.
  private static let own = [
    "band list": "-b", "creation option": "--co", "format": "--of", "label variable": "--label-var",
    "open option": "--oo", "parameter": "--set", "sample type": "--ot", "STAC item": "--stac", "variable": "--var",
    "wavelength ranges": "--wl", "extra bands": "--add",
  ]

  /// `--nodata-policy` for `nodata policy`.
  static let spell: @Sendable (String) -> String = { name in
    own[name] ?? "--" + name.replacing(" ", with: "-")
  }
}
