import HSICore

/// The registers of all unmixing methods: a new one is a file and a line here.
public enum UnmixingMethods {
  /// How many endmembers.
  public static let count = MethodRegistry<any CountEstimator.Type>(
    "count method", [HeldBackCount.self, HySime.self, HFC.self, NWHFC.self]
  ) { $0.description }
  /// Endmember extraction.
  public static let extract = MethodRegistry<any EndmemberExtractor.Type>(
    "extract method", [VCA.self, NFINDR.self, SPA.self, PPI.self, SISAL.self]
  ) { $0.description }
  /// Abundances for known endmembers, pixel by pixel (library methods included).
  public static let abundance = MethodRegistry<any AbundanceEstimator.Type>(
    "abundance method", [FCLS.self, NNLS.self, SCLS.self, UCLS.self, GBM.self, PPNM.self, SUnSAL.self]
  ) { $0.description }
  /// Abundances by methods that couple pixels.
  public static let sceneAbundance = MethodRegistry<any SceneAbundanceEstimator.Type>(
    "abundance method", [CLSUnSAL.self, SUnSALTV.self, S2WSU.self, SUnAA.self]
  ) { $0.description }
  /// Abundances of classes by mixtures of single spectra of a library.
  public static let classMixture = MethodRegistry<any ClassMixtureEstimator.Type>("library method", [MESMA.self]) {
    $0.description
  }
  /// Endmembers and abundances together.
  public static let blind = MethodRegistry<any BlindUnmixer.Type>(
    "blind method",
    [
      AutomaticUnmixing.self, RRLbS.self, RRLbSV.self, NMF.self, LHalfNMF.self, L21NMF.self, GLNMF.self, DgSNMF.self,
      NMFQMV.self, EDAA.self, CNNAEU.self,
    ]
  ) { $0.description }

  /// What is known about every method, in the order of the tasks.
  public static var descriptions: [MethodDescription] {
    count.descriptions + extract.descriptions + abundance.descriptions + sceneAbundance.descriptions
      + classMixture.descriptions + blind.descriptions
  }
}
