import HSICore

/// The register of all unmixing methods: a new one is a file and a line here.
public enum UnmixingMethods {
  /// How many endmembers.
  public static let count: [any CountEstimator.Type] = [HySime.self, HFC.self, NWHFC.self]
  /// Endmember extraction.
  public static let extract: [any EndmemberExtractor.Type] = [
    VCA.self, NFINDR.self, SPA.self, PPI.self, SISAL.self,
  ]
  /// Abundances for known endmembers, pixel by pixel (library methods included).
  public static let abundance: [any AbundanceEstimator.Type] = [
    FCLS.self, NNLS.self, SCLS.self, UCLS.self, SUnSAL.self,
  ]
  /// Abundances by methods that couple pixels.
  public static let sceneAbundance: [any SceneAbundanceEstimator.Type] = [
    CLSUnSAL.self, SUnSALTV.self, S2WSU.self,
  ]
  /// Endmembers and abundances together.
  public static let blind: [any BlindUnmixer.Type] = [
    RRLbS.self, RRLbSV.self, NMF.self, LHalfNMF.self, L21NMF.self, GLNMF.self, DgSNMF.self, NMFQMV.self,
  ]

  /// What is known about every method, in the order of the tasks.
  public static var descriptions: [UnmixingMethodDescription] {
    count.map { $0.description } + extract.map { $0.description } + abundance.map { $0.description }
      + sceneAbundance.map { $0.description } + blind.map { $0.description }
  }
}
