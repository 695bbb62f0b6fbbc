import Foundation
import HSICore
import HSINumerics
import HSISpectral
import HSITestSupport
import Testing

@testable import HSIUnmixing

@Suite struct MetricsTests {
  @Test func metricsMatchTheReference() throws {
    let fixture = try MethodFixtures.load("metrics")
    let (estimate, reference) = (MethodFixtures.matrix(fixture["E"]), MethodFixtures.matrix(fixture["E_ref"]))
    let order = Matching.bySpectralAngle(estimate.transposed, reference.transposed).compactMap { $0 }
    #expect(order == fixture["order"].ints)
    for k in 0..<4 {
      let angle = SpectralDistance.angle(estimate.column(order[k]), reference.column(k))
      #expect(abs(angle - fixture["sad_rad"].values[k]) < 1e-10)
    }
    let (a, b) = (MethodFixtures.matrix(fixture["A"]), MethodFixtures.matrix(fixture["A_ref"]))
    var errors = AbundanceErrors(endmembers: 4)
    for n in 0..<a.columns { errors.add(order.map { a[$0, n] }, b.column(n)) }
    #expect(abs(errors.rmse - fixture["rmse"].scalar) < 1e-10)
    #expect(MethodFixtures.distance(errors.rmsePerEndmember, fixture["rmse_per"].values) < 1e-10)
    #expect(abs(errors.signalToReconstruction - fixture["sre_db"].scalar) < 1e-10)
  }

  @Test func closedForms() {
    #expect(abs(SpectralDistance.angle([1, 0], [1, 1]) - Double.pi / 4) < 1e-15)
    #expect(SpectralDistance.angle([1, 2, 3], [2, 4, 6]) < 1e-7)
    #expect(SpectralDistance.angle([0, 0], [1, 1]) == Double.pi / 2)
    // p = (1/4, 3/4), q = (1/2, 1/2): (−1/4) ln(1/2) + (1/4) ln(3/2) = ln(3)/4.
    #expect(abs(SpectralDistance.informationDivergence([1, 3], [5, 5]) - log(3.0) / 4) < 1e-12)
    #expect(abs(SpectralDistance.rootMeanSquare([1, 2], [4, 6]) - 12.5.squareRoot()) < 1e-15)
    var errors = AbundanceErrors(endmembers: 2)
    errors.add([1, 0], [0, 1])
    errors.add([0, 1], [0, 1])
    #expect(abs(errors.meanAngle - Double.pi / 4) < 1e-15)
  }

  @Test func reconstructionErrorsPerChannel() {
    let library = SpectralLibrary(
      names: ["a", "b"], axis: SpectralAxis(count: 3), values: [1, 2, 0, 0, 1, 0])
    let pixels = PixelMatrix(rows: 2, columns: 3, values: [1, 3, 0, 2, 5, 4])
    let abundances = PixelMatrix(rows: 2, columns: 2, values: [1, 0, 2, 0])  // residuals (0 1 0), (0 1 4)
    var errors = ReconstructionErrors(library)
    errors.add(pixels, abundances)
    #expect(errors.rmsePerChannel[0] == 0 && errors.rmsePerChannel[1] == 1)
    #expect(abs(errors.relativePerChannel[2] - 1) < 1e-15)
    #expect(abs(errors.relative - (18.0 / 55).squareRoot()) < 1e-12)
  }

  @Test func matchingHandlesAnyNumbers() {
    let reference = MethodFixtures.spectra(bands: 30, count: 4, seed: 1)
    let order = [2, 0, 3, 1]
    let shuffled = reference.selecting(columns: order)
    let match = Matching.bySpectralAngle(shuffled.transposed, reference.transposed)
    #expect(match == [1, 3, 0, 2])
    let fewer = Matching.bySpectralAngle(
      shuffled.selecting(columns: [0, 1]).transposed, reference.transposed)
    #expect(fewer == [1, nil, 0, nil])
    let more = Matching.bySpectralAngle(
      shuffled.transposed, reference.selecting(columns: [3]).transposed)
    #expect(more == [2])
    let maps = PixelMatrix(rows: 2, columns: 2, values: [0.9, 0.1, 0.2, 0.8])
    let swapped = PixelMatrix(rows: 2, columns: 2, values: [0.1, 0.9, 0.8, 0.2])
    #expect(Matching.byAbundance(swapped, maps) == [1, 0])
  }
}
