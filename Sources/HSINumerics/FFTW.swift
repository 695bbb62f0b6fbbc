import CFFTW

/// Facts about the FFTW library in use.
public enum FFTW {
  /// Version and build, e.g. `3.3.10-sse2-avx`.
  public static var version: String { String(cString: hsi_fftwf_version()).replacing("fftw-", with: "") }
}
