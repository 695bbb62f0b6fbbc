import CGDAL
import Foundation
import HSICore
import Synchronization

/// Whether files may lead to the network, or to files elsewhere on the machine.
///
/// What a user names is read, wherever it is. What a *file* names (the sources of a virtual raster, the server of a web service,
/// external arrays of HDF5) is read only where it lies in the folder of that file or below, unless it was asked for: by `allow()`, or by
/// `HSI_ALLOW_REMOTE=yes` in the environment, both for the whole process.
public enum RemoteAccess {
  /// The variable of the environment.
  public static let variable = "HSI_ALLOW_REMOTE"

  /// Words that mean yes.
  public static let affirmations = ["yes", "true", "on", "1"]

  private static let isGiven = Atomic<Bool>(false)
  private static let isLifted = Atomic<Bool>(false)

  /// Lets files lead anywhere.
  public static func allow() {
    isGiven.store(true, ordering: .relaxed)
    GDAL.register()
    // Drivers that were taken away come back.
    GDALAllRegister()
    lift()
  }

  /// Whether files may lead anywhere.
  public static var isAllowed: Bool {
    isGiven.load(ordering: .relaxed)
      || ProcessInfo.processInfo.environment[variable].map { affirmations.contains($0.lowercased()) } ?? false
  }

  /// Drivers that ask servers, or that read lists of files of which only some lie in this folder.
  private static let services = [
    "AmigoCloud", "Carto", "CSW", "DAAS", "EEDA", "EEDAI", "Elasticsearch", "GMLAS", "GTI", "HTTP", "NGW", "OAPIF",
    "OGCAPI", "PLMOSAIC", "PLSCENES", "PostGISRaster", "Rasdaman", "STACIT", "STACTA", "WCS", "WFS", "WMS", "WMTS",
  ]
  private static let block = (name: "CPL_VSIL_CURL_ALLOWED_FILENAME", value: "/none")

  /// Takes from GDAL what reaches the network of itself; called once, after all drivers were registered.
  static func restrict() {
    guard !isAllowed else { return }
    for name in services { if let driver = GDALGetDriverByName(name) { GDALDeregisterDriver(driver) } }
    if CPLGetConfigOption(block.name, nil) == nil { CPLSetConfigOption(block.name, block.value) }
  }

  /// Notes a name that is to be opened for the user: one behind a network protocol opens the way there.
  static func asked(_ path: String) {
    guard !isLifted.load(ordering: .relaxed), GDAL.isRemote(path) else { return }
    GDAL.register()
    lift()
  }

  private static func lift() {
    isLifted.store(true, ordering: .relaxed)
    if CPLGetConfigOption(block.name, nil).map({ String(cString: $0) }) == block.value {
      CPLSetConfigOption(block.name, nil)
    }
  }
}
