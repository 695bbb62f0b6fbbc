import Testing

@testable import HSICore

@Suite struct SuggestionTests {
  private let known = ["unmix", "denoise", "classify", "endmembers", "evaluate", "convert", "fcls", "nnls", "rrlbs-v"]

  @Test(
    "Slips lead to the word that was meant",
    arguments: [
      ("unmx", "unmix"), ("umnix", "unmix"), ("UNMIX", "unmix"), ("denoize", "denoise"), ("clasify", "classify"),
      ("endmember", "endmembers"), ("fcsl", "fcls"), ("rrlbsv", "rrlbs-v"), ("eval", "evaluate"),
      ("converter", "convert"),
    ])
  func slips(word: String, meant: String) { #expect(Suggestion.nearest(to: word, in: known) == meant) }

  @Test("Words that are near to none lead nowhere", arguments: ["", "x", "segment", "foo", "nfindr", "abcdefghij"])
  func others(word: String) { #expect(Suggestion.nearest(to: word, in: known) == nil) }

  @Test func longTextIsNobodysSlip() {
    let text = String(repeating: "a", count: 100_000)
    #expect(Suggestion.nearest(to: text, in: [text]) == nil)
  }

  @Test func textIsEmptyWithoutASuggestion() {
    #expect(Suggestion.text(for: "nnsl", in: known) == " (did you mean nnls?)")
    #expect(Suggestion.text(for: "zzz", in: known).isEmpty)
  }
}

@Suite struct MethodRegistryTests {
  private static func method(_ id: String, _ aliases: [String] = []) -> MethodDescription {
    MethodDescription(
      id: id, name: id, task: .denoise, citation: "", cost: "", advice: "", aliases: aliases)
  }

  private let register = MethodRegistry("denoising method", [method("pca"), method("mnf", ["noise-fraction"])]) { $0 }

  @Test func idsAndAliasesInAnyCase() throws {
    #expect(register.find("MNF")?.id == "mnf" && register.find("Noise-Fraction")?.id == "mnf")
    #expect(register.find("ica") == nil)
    #expect(register.map(\.id) == ["pca", "mnf"] && register.count == 2)
    #expect(register.appending([Self.method("ica")]).find("ica") != nil)
  }

  @Test func theErrorListsAndSuggests() throws {
    let error = #expect(throws: CoreError.self) { try register.entry("noise-fractions") }
    #expect(error?.category == .usage)
    #expect(
      error?.problem
        == "there is no denoising method noise-fractions (did you mean noise-fraction?); known: pca, mnf")
  }
}

@Suite struct ParameterSpellingTests {
  @Test func namesAreSpelledByWhoeverShowsThem() {
    let error = CoreError.memory(purpose: "work", needed: 2 << 30, budget: 1 << 30)
    #expect(error.description.hasSuffix("raise memory, or choose a smaller window or fewer bands [E-MEMORY]"))
    #expect(
      error.message { "--" + $0 }.hasSuffix("raise --memory, or choose a smaller --window or fewer bands [E-MEMORY]"))
  }

  @Test func textWithoutNamesStays() {
    #expect(ParameterSpelling.spelled("a plain text") { _ in "x" } == "a plain text")
    #expect(ParameterSpelling.spelled("", by: { $0 }).isEmpty)
  }

  /// A mark that has no partner, in the name of a file, say, costs nothing but itself.
  @Test func aLonelyMarkIsHarmless() {
    #expect(ParameterSpelling.spelled("a\u{E000}b \("\(option: "c")")", by: { "<\($0)>" }).contains("b"))
  }

  @Test func warningsAreSpelledByTheContext() {
    var context = RunContext()
    context.spelling = { "--" + $0 }
    context.warn("W-X", "use \(option: "mask")")
    #expect(context.warnings.warnings == [Warning(identifier: "W-X", message: "use --mask")])
  }
}
