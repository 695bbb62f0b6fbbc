import CGDAL
import HSICore

extension GDAL {
  /// Sets a configuration option for the whole process (`GDAL_CACHEMAX`, `CPL_…`); the values of credentials are masked in messages
  /// from now on.
  public static func setConfiguration(_ name: String, _ value: String) {
    Secrets.remember(value, of: name)
    CPLSetConfigOption(name, value)
  }

  /// Short names of the raster drivers of this GDAL, sorted.
  public static var drivers: [String] {
    register()
    return (0..<GDALGetDriverCount()).compactMap { index -> String? in
      guard let driver = GDALGetDriver(index), let name = GDALGetDriverShortName(driver),
        GDALGetMetadataItem(driver, "DCAP_RASTER", nil) != nil
      else { return nil }
      return String(cString: name)
    }.sorted()
  }
}
