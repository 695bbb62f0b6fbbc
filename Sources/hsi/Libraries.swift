import HSIKit

/// Versions of the libraries that do the work, for reports.
enum Libraries {
  static var versions: [String: String] {
    let blas = BLAS.configuration
    return ["GDAL": GDAL.version, "OpenBLAS": "\(blas.version) (\(blas.core))", "FFTW": FFTW.version]
  }
}
