import HSICore
import HSITestSupport
import Testing

@testable import HSIUnmixing

@Suite struct EndmemberMeasuresTests {
  /// EAR, MASA, CoB, kappa and the selected sets of `measures_reference.py`.
  @Test func matchesTheReference() throws {
    let fixture = try MethodFixtures.load("measures")
    let values = fixture["library"]
    let spectra = SpectralLibrary(
      names: (0..<values.shape[0]).map(String.init), axis: SpectralAxis(count: values.shape[1]), values: values.values)
    let library = try ClassLibrary(spectra, classes: fixture["classes"].ints.map(String.init))
    let measures = EndmemberMeasures(library, maxRMSE: 0.05)
    let (ear, masa, counts) = (measures.averageRMSE, measures.averageAngle, measures.counts)
    for (j, place) in library.places.enumerated() {
      #expect(abs(ear[j] - fixture["ear"].values[place]) < 1e-12)
      #expect(abs(masa[j] - fixture["masa"].values[place]) < 1e-7)
      #expect(counts.inside[j] == fixture["inside"].ints[place] && counts.outside[j] == fixture["outside"].ints[place])
    }
    let set = fixture["ies"].ints.map { place in library.places.firstIndex(of: place) ?? -1 }
    #expect(abs(measures.kappa(set) - fixture["kappa"].scalar) < 1e-12)
    #expect(measures.best(1, by: .ies) == set.sorted())
    for (criterion, order) in [
      (EndmemberMeasures.Criterion.ear, fixture["ear"].values), (.masa, fixture["masa"].values),
    ] {
      for (c, start) in library.starts.dropLast().enumerated() {
        let members = start..<library.starts[c + 1]
        let best = measures.best(2, by: criterion).filter { members.contains($0) }
        #expect(best.count == min(2, members.count))
        let limit = best.map { order[library.places[$0]] }.max() ?? 0
        #expect(members.filter { !best.contains($0) }.allSatisfy { order[library.places[$0]] >= limit })
      }
    }
  }

  @Test func edges() throws {
    let zero = SpectralLibrary(names: ["a", "b", "c"], axis: SpectralAxis(count: 1), values: [0, 0.5, 0.5])
    let measures = EndmemberMeasures(try ClassLibrary(zero, classes: ["x", "x", "y"]), maxRMSE: 0.1)
    for criterion in EndmemberMeasures.Criterion.allCases {
      let found = measures.best(2, by: criterion)
      #expect(!found.isEmpty && found.allSatisfy { (0..<3).contains($0) })
    }
    #expect(measures.averageRMSE.allSatisfy(\.isFinite) && measures.averageAngle.allSatisfy(\.isFinite))
  }
}
