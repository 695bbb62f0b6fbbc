import HSIKit

/// Versions of the libraries that do the work, for reports.
enum Libraries {
  static var versions: [String: String] {
    let blas = BLAS.configuration
    return ["GDAL": GDAL.version, "OpenBLAS": "\(blas.version) (\(blas.core))", "FFTW": FFTW.version]
  }

  /// The same and that of support vector machines.
  static var ofClassification: [String: String] { versions.merging(["LIBSVM": LibSVM.version]) { $1 } }
}
