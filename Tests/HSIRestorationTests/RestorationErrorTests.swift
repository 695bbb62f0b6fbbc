import HSICore
import HSIRestoration
import Testing

@Suite struct RestorationErrorTests {
  @Test func unknownMethodNamesTheKnownOnes() {
    let error = #expect(throws: CoreError.self) { try Restorers.classical.named("median") }
    #expect(error?.problem.hasPrefix("there is no denoising method median") == true)
    #expect(error?.problem.contains("mnf, hyres") == true)
  }
}
