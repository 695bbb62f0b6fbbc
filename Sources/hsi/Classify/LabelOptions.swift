import ArgumentParser
import HSIKit

/// How a raster of classes is opened.
struct LabelOptions: ParsableArguments {
  @Option(help: "Array of the label file (MATLAB variable, HDF5 path).")
  var labelVar: String?

  @Option(help: "Value of pixels without a class in label files, beside 0 and the file's own no-data value.")
  var labelNodata: String?

  @Option(
    help:
      "Attribute of the polygons that holds the class, where labels are a vector file (GeoJSON, GeoPackage, shapefile …)."
  )
  var attribute: String?

  @Option(
    help: ArgumentHelp(
      "Names and colours of the classes: a name per line, or value,name,colour.", valueName: "file.txt"))
  var classNames: InputPath?

  /// The labels of these options.
  func request(_ path: InputPath) throws -> LabelRequest {
    var request = LabelRequest(path.text)
    request.variable = labelVar
    request.nodata = try labelNodata.map { try OpenOptions.Nodata(option: "--label-nodata", $0) }
    (request.attribute, request.names) = (attribute, classNames?.text)
    return request
  }
}
