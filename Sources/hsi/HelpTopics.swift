import HSIKit

/// What `hsi help TOPIC` explains beside commands.
enum HelpTopics {
  /// A page.
  struct Topic {
    let name: String
    let text: String
  }

  static let all: [Topic] = [
    Topic(name: "arguments", text: arguments), Topic(name: "configuration", text: configuration),
    Topic(name: "exit-codes", text: exitCodes), Topic(name: "names", text: names),
    Topic(name: "wavelengths", text: wavelengths),
  ]

  /// The text of a topic; nil for other words.
  static func text(_ name: String) -> String? {
    all.first { $0.name == name }.map { $0.text + "\n" }
  }

  private static let arguments = """
    hsi COMMAND [OPTIONS] INPUT OUTPUT; options anywhere; -- ends them.

      -o, --output OUT     the output, in place of the last argument
      @FILE, --optfile FILE
                           the words of a file: blanks separate, quotes keep
                           blanks, # begins a comment line
      --json-usage         the command and its options as JSON
      -                    in a list of inputs: their names from standard input,
                           one per line, or separated by NUL with -0

    Spellings of other tools are taken too: -f, -of, --output-format, --driver
    for --of; -co, -oo; -ram MB for --memory; -srcwin X Y W H for --window;
    -projwin ULX ULY LRX LRY for --bbox; -a_nodata for --nodata;
    --config KEY VALUE; -b 1 -b 3 for -b 1,3.
    """

  private static let exitCodes = """
      0    success, possibly with warnings
      1    processing failed
      2    usage error: unknown option, bad value, bad configuration file
      3    input missing, unreadable, unsupported or inconsistent
      4    output exists, or cannot be written
      5    a batch finished with some failed items
      6    a resource limit: memory budget impossible, disk full
      7    model file missing or not matching
      127  GDAL cannot be loaded
      129  hung up
      130  interrupted
      143  terminated

    An error is one line on standard error: what happened and where; what to do
    next [E-IDENTIFIER]. docs/formats.md lists the identifiers.
    """

  private static let names = """
    An input is a file, the header of an ENVI file, a folder (EnMAP, DESIS, image
    stacks), FILE//path/of/array in HDF5 and NetCDF, an archive a.zip with one
    cube, /vsizip/a.zip/dir/x.dat, an address (https://, s3://, gs://, az://), any
    /vsi... name or dataset name of GDAL (NETCDF:"f.nc":v).

    An output has the format of its extension or of --of; hsi formats lists them.
    """

  private static let wavelengths = """
    Wavelengths are looked for in this order: --wavelengths (a table of text, an
    ENVI header, or FIRST:LAST:COUNT in nm); --sensor NAME, for instruments that
    hsi formats lists; metadata of the product; the ENVI header; GDAL's band and
    dataset items; numbers with a unit in all band descriptions; a STAC item
    beside the file. hsi info says where they were found, -v logs it.
    """

  /// From the settings themselves, so that none is forgotten.
  private static var configuration: String {
    var text = """
      An option beats the defaults of a job file, which beat an HSI_ variable of the
      environment, which beats the project's file ./.hsi.toml, which beats the user's
      file $XDG_CONFIG_HOME/hsi/config.toml (~/.config/hsi/config.toml), which beats
      the default. hsi config show prints what is in force and where it comes from.

      key          variable          what it is, and its values

      """
    for setting in Setting.all {
      text += setting.key.padding(toLength: 13, withPad: " ", startingAt: 0)
      text += setting.variable.padding(toLength: 18, withPad: " ", startingAt: 0)
      text += setting.meaning + ":\n" + String(repeating: " ", count: 31) + setting.requirement + "\n"
    }
    return text + """

      The table [gdal] of a file holds GDAL's options, NAME = VALUE; the environment and
      --config beat it. Folders in a file may begin with ~/ and are relative to it.
      """
  }
}
