import ArgumentParser
import HSIKit

/// How a raster of classes is opened.
struct LabelOptions: ParsableArguments {
  @Option(help: "Array of the label file (MATLAB variable, HDF5 path).")
  var labelVar: String?

  @Option(help: "Value of pixels without a class in label files, beside 0 and the file's own no-data value.")
  var labelNodata: String?

  /// The labels of these options.
  func request(_ path: InputPath) throws -> LabelRequest {
    var request = LabelRequest(path.text)
    request.variable = labelVar
    request.nodata = try labelNodata.map { try OpenOptions.Nodata(option: "--label-nodata", $0) }
    return request
  }
}
