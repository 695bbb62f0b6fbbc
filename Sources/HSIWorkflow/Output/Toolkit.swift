import HSIClassification
import HSICore
import HSINumerics
import HSIRaster

/// The program as its records name it.
public enum Toolkit {
  /// `0.2.0`.
  public static let version = ToolkitVersion.number
  /// `hsi 0.2.0`.
  public static let name = "hsi \(version)"

  /// Versions of the libraries that do the work.
  public static var libraries: [String: String] {
    let blas = BLAS.configuration
    let known = ["OpenBLAS": "\(blas.version) (\(blas.core))", "FFTW": FFTW.version]
    // Loaded only when a file asks for it.
    return GDAL.versionInUse.map { known.merging(["GDAL": $0]) { $1 } } ?? known
  }

  /// The same and that of support vector machines.
  public static var classificationLibraries: [String: String] {
    libraries.merging(["LIBSVM": LibSVM.version]) { $1 }
  }
}
