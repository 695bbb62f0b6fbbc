import Foundation
import HSICore
import HSINumerics
import HSITestSupport
import Testing

@testable import HSISpectral

/// Formulas, the known indices, and the bands that they are given.
@Suite(.serialized) struct IndexTests {
  @Test func valuesAreThoseOfTheFormula() throws {
    let (a, b) = (0.45, 0.12)
    let cases: [(String, Double)] = [
      ("(b800-b670)/(b800+b670)", (a - b) / (a + b)), ("b800 - b670 - 0.1", a - b - 0.1), ("b800/b670/2", a / b / 2),
      ("-b800^2", -a * a), ("2^-b800", pow(2, -a)), ("2^3^b670*b800", pow(2, pow(3, b)) * a),
      ("(-b800)^2+b670", a * a + b),
      ("1.5e-1*R800 + 2E2*r670", 0.15 * a + 200 * b), ("sqrt(b800)+log(b670)+exp(b800)", sqrt(a) + log(b) + exp(a)),
      ("abs(b670-b800)", a - b), ("min(b800,b670)-MAX(b800, b670)", b - a), ("+b800 -- b670", a + b),
      ("b800*.5+5.*b670", 0.5 * a + 5 * b), ("b800 + b670*0", a),
      ("0.5*(120*(b800-b670)-200*(b670-b800))", 160 * (a - b)),
    ]
    for (text, value) in cases {
      let formula = try IndexFormula(text)
      let values = formula.bands.map { $0 == 800 ? a : b }
      #expect(abs(formula.evaluate(values) - value) < 1e-14, "\(text)")
    }
    #expect(try IndexFormula("b708.75/b681.25-b708.75").bands == [708.75, 681.25])
    #expect(try IndexFormula("b800/b670").evaluate([1, 0]).isNaN)
  }

  @Test func nonsenseIsRefusedWithItsPlace() {
    let cases: [(String, Int, String)] = [
      ("", 1, "it ends where a value should be"), ("3+4", 1, "it names no band"), ("b800+", 6, "it ends"),
      ("(b800", 6, "where a ')' should be"), ("b800)", 5, "there is ')' where an operation"),
      ("b800 b670", 6, "there is 'b'"),
      ("b800**2", 6, "there is '*'"), ("b12", 1, "not by numbers"), ("b", 2, "a band is a b and its wavelength"),
      ("bx+1", 1, "bx is no function"), ("sin(b800)", 1, "sin is no function"), ("sqrt b800", 6, "the '(' of sqrt"),
      ("min(b800)", 9, "min has 2 values"), ("max(b800,b670", 14, "the ')' of max"), ("b800;b670", 5, "there is ';'"),
      ("1e999*b800", 1, "no number"), (".*b800", 1, "no number"), ("b800+é", 6, "'é'"), ("b999999", 1, "100 to 100000"),
      ("b800,b670", 5, "there is ','"), (String(repeating: "(", count: 99) + "b800", 50, "nested more than 48"),
      (String(repeating: "-", count: 99) + "b800", 50, "nested more"),
      (String(repeating: "b800+", count: 2000) + "b800", 1, "longer than 4096"),
      (String(repeating: "b100+", count: 600) + "b100", 0, "more than 1024 parts"),
    ]
    for (text, position, reason) in cases {
      do {
        _ = try IndexFormula(text)
        Issue.record("\(text) was accepted")
      } catch SpectralError.formula(_, let place, let why) {
        #expect(why.contains(reason), "\(text.prefix(40)): \(why)")
        if position > 0 { #expect(place == position, "\(text.prefix(40)): \(place)") }
      } catch { Issue.record("\(text): \(error)") }
    }
  }

  /// The kernel and the plain evaluation, on every known index, every level, and numbers of pixels that are no multiple of a block.
  @Test func kernelComputesWhatEvaluationDoes() throws {
    for index in SpectralIndices.all {
      let bands = index.formula.bands.count
      for pixels in [1, 63, 131] {
        let columns = PixelMatrix(rows: pixels, columns: bands)
        for i in 0..<(pixels * bands) {
          var random = CounterRandom(seed: 9, stream: UInt64(i))
          columns.pointer[i] = Float(random.uniform(0.02, 0.7))
        }
        var out = [Float](repeating: -1, count: 2 * pixels)
        atEveryKernelLevel { level in
          let undefined = index.formula.apply(columns, into: &out, stride: 2)
          var plain = 0
          for n in 0..<pixels {
            let value = index.formula.evaluate(columns.row(n).map(Double.init))
            if value.isNaN { plain += 1 }
            let isSame = value.isNaN ? out[2 * n].isNaN : abs(Double(out[2 * n]) - value) <= 1e-6 * max(1, abs(value))
            #expect(isSame, "\(index.id), level \(level): \(out[2 * n]) for \(value)")
            #expect(out[2 * n + 1] == -1)
          }
          #expect(undefined == plain)
        }
      }
    }
  }

  @Test func registerIsSound() {
    #expect(SpectralIndices.all.count >= 60)
    let names = SpectralIndices.all.flatMap { [$0.id] + $0.aliases }
    #expect(Set(names).count == names.count)
    for index in SpectralIndices.all {
      #expect(index.formula.bands.allSatisfy { (400...2500).contains($0) }, "\(index.id)")
      #expect(index.reference.contains(/(19|20)\d\d/) && !index.name.isEmpty && !index.domain.isEmpty, "\(index.id)")
    }
    // Formulas with constants of reflectance are told from ratios.
    func isHomogeneous(_ id: String) -> Bool? { SpectralIndices.all.find(id)?.formula.isHomogeneous }
    for id in ["ndvi", "pri", "sr", "cai", "cri1", "carbonate", "arvi", "reip"] where id != "reip" {
      #expect(isHomogeneous(id) == true, "\(id)")
    }
    for id in ["savi", "osavi", "msavi", "evi", "evi2", "ndni", "bai", "mcari2"] {
      #expect(isHomogeneous(id) == false, "\(id)")
    }
  }

  /// Values that the publications or plain reckoning give for reflectances of a leaf.
  @Test func knownValues() throws {
    let leaf: [Double: Double] = [
      445: 0.04, 500: 0.05, 510: 0.05, 531: 0.08, 550: 0.10, 570: 0.09, 670: 0.05, 678: 0.05, 680: 0.05, 700: 0.15,
      740: 0.40, 750: 0.44, 780: 0.46, 800: 0.48, 860: 0.49, 1240: 0.42,
    ]
    func value(_ id: String) throws -> Double {
      let index = try SpectralIndices.all.entry(id)
      return index.formula.evaluate(try index.formula.bands.map { try #require(leaf[$0]) })
    }
    let expected: [(String, Double)] = [
      ("ndvi", 0.43 / 0.53), ("pri", -0.01 / 0.17), ("savi", 1.5 * 0.43 / 1.03),
      ("reip", 700 + 40 * (0.255 - 0.15) / 0.25),
      ("cri1", 20 - 10), ("ari1", 10 - 1 / 0.15), ("psri", 0), ("sipi", 0.44 / 0.43), ("mcari", (0.1 - 0.01) * 3),
      ("tcari", 3 * (0.1 - 0.2 * 0.05 * 3)), ("ndwi-gao", 0.07 / 0.91), ("osavi", 0.43 / 0.69),
      ("msavi", (1.96 - (1.96 * 1.96 - 8 * 0.43).squareRoot()) / 2),
    ]
    for (id, number) in expected { #expect(abs(try value(id) - number) < 1e-12, "\(id)") }
  }

  @Test func nearestBandsAndConvolvedOnes() throws {
    var axis = SpectralAxis(wavelengths: [450, 550, 668, 672, 799, 1000])
    let near = try IndexBands([800, 670], of: axis, within: 15, named: "ndvi")
    #expect(near.needed == [2, 4] && near.used == [799, 668])
    #expect(near.weights.apply([0.1, 0.4]) == [0.4, 0.1])
    axis.good[4] = false
    do {
      _ = try IndexBands([800, 670], of: axis, within: 15, named: "ndvi")
      Issue.record("a bad band was used")
    } catch {
      #expect(
        "\(error)".contains("ndvi needs a band at 800 nm, and the nearest good one is at 672 nm, not within 15 nm"))
      #expect("\(error)".contains("E-INDEX-BAND"))
    }
    axis.good[4] = true
    let wide = try IndexBands([670], of: axis, within: 15, fwhm: 10, named: "x")
    #expect(wide.needed == [2, 3] && wide.used == [670])
    #expect(abs(wide.weights.apply([1, 3])[0] - 2) < 1e-12)
    #expect(throws: SpectralError.self) { try IndexBands([670], of: SpectralAxis(count: 3), within: 15, named: "x") }
  }
}
