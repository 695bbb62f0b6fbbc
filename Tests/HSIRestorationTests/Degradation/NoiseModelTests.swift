import HSICore
import HSIRestoration
import Testing

@Suite struct NoiseModelTests {
  @Test(arguments: [
    (NoiseModel.Kind.gaussian, [-1.0]), (.gaussian, [1, 2]), (.gaussian, []), (.gaussian, [.nan]),
    (.blind, [50]), (.blind, [70, 10]), (.noniid, []), (.mixture, [10, -30]), (.stripe, [.infinity]),
  ])
  func badSigmasAreRefused(kind: NoiseModel.Kind, sigmas: [Double]) {
    #expect(throws: CoreError.self) { try NoiseModel(kind, sigmas: sigmas) }
  }

  @Test func defaultsAreThePublishedOnes() throws {
    #expect(try NoiseModel(.gaussian).sigmas == [50])
    #expect(try NoiseModel(.blind).sigmas == [10, 70])
    #expect(try NoiseModel(.mixture).sigmas == [10, 30, 50, 70])
  }

  @Test func cycles() throws {
    #expect(
      (0..<6).map { NoiseCycle.blind.model(sample: $0).sigmas } == [[10], [30], [50], [70], [10], [30]])
    let kinds = (0..<5).map { NoiseCycle.complex.model(sample: $0).kind }
    #expect(kinds == [.noniid, .impulse, .stripe, .deadline, .noniid])
    let fixed = NoiseCycle(try NoiseModel(.gaussian, sigmas: [25]))
    #expect(fixed.model(sample: 7).sigmas == [25])
  }
}
