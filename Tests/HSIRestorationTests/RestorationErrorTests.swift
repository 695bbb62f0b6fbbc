import HSIRestoration
import Testing

@Suite struct RestorationErrorTests {
  @Test func unknownMethodNamesTheKnownOnes() {
    let error = RestorationError.unknownMethod(name: "median", known: ["mnf", "hyres"])
    #expect(error.problem.contains("median") && error.problem.contains("mnf, hyres"))
  }
}
