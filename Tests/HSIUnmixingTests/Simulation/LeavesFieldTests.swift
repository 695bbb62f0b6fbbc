import Foundation
import HSICore
import HSINumerics
import Testing

@testable import HSIUnmixing

@Suite(.serialized) struct LeavesFieldTests {
  private func recipe(texture: Double = 0, seed: UInt64 = 5) throws -> SceneRecipe {
    var recipe = SceneRecipe(
      lines: 40, samples: 50,
      endmembers: try ParametricSpectra.library(count: 6, axis: .avirisLike(bands: 40), seed: 1))
    (recipe.snr, recipe.shadow, recipe.relief, recipe.variability) = (nil, 0, 0, 0)
    (recipe.layout, recipe.texture, recipe.patch, recipe.seed) = (.leaves, texture, 6, seed)
    return recipe
  }

  private func cube(_ source: any StripSource) throws -> Cube { try source.load(RunContext()) }

  @Test func abundancesAreFractionsAndManyPixelsArePure() throws {
    let pixels = try cube(SceneSimulator(recipe()).abundances).pixels
    var pure = 0
    for n in 0..<pixels.rows {
      let row = pixels.row(n)
      #expect(row.allSatisfy { $0 >= 0 && $0 <= 1.000001 })
      #expect(abs(row.reduce(0, +) - 1) < 1e-5)
      if (row.max() ?? 0) > 0.9999 { pure += 1 }
    }
    #expect(pure > pixels.rows / 10, "\(pure)")
  }

  /// Without texture the inside of a leaf is flat to the bit and its border is an edge: what smooth patches never are.
  @Test func flatInsideAndSharpAtTheBorder() throws {
    func steps(_ layout: SceneRecipe.Layout) throws -> (flat: Int, sharp: Int) {
      var recipe = try recipe()
      recipe.layout = layout
      let scene = try cube(SceneSimulator(recipe))
      let brightest = scene.pixels.values.max() ?? 1
      var result = (flat: 0, sharp: 0)
      for line in 0..<40 {
        for sample in 0..<49 {
          let step = abs(scene.pixels[line * 50 + sample, 10] - scene.pixels[line * 50 + sample + 1, 10])
          if step == 0 { result.flat += 1 }
          if step > 0.15 * brightest { result.sharp += 1 }
        }
      }
      return result
    }
    let (leaves, patches) = (try steps(.leaves), try steps(.patches))
    #expect(leaves.flat > 40 * 49 / 8 && leaves.sharp > 40 * 49 / 10, "\(leaves)")
    #expect(leaves.sharp > 2 * patches.sharp, "\(leaves) \(patches)")
  }

  /// Every pixel is `light · Σ a m`: the same factor in all bands.
  @Test func lightIsOneFactorPerPixel() throws {
    let simulator = try SceneSimulator(recipe(texture: 0.5))
    let (scene, abundances) = (try cube(simulator).pixels, try cube(simulator.abundances).pixels)
    let library = simulator.endmembers
    var lights: [Double] = []
    for n in 0..<scene.rows {
      let expected = (0..<library.bands).map { band in
        (0..<library.count).reduce(0.0) {
          $0 + Double(abundances[n, $1]) * library.values[$1 * library.bands + band]
        }
      }
      let light = Double(scene[n, 3]) / expected[3]
      lights.append(light)
      for band in 0..<library.bands { #expect(abs(Double(scene[n, band]) - light * expected[band]) < 1e-5) }
    }
    let (low, high) = (lights.min() ?? 0, lights.max() ?? 0)
    #expect(low > 0.25 * exp(-3) && high < exp(1.0) && high / low > 3, "\(low) to \(high)")
  }

  /// Lines can be made in any order and number.
  @Test func linesDoNotDependOnEachOther() throws {
    let simulator = try SceneSimulator(recipe(texture: 0.3))
    let whole = try cube(simulator).pixels
    let strip = Strip()
    try simulator.read(lines: 17..<19, into: strip)
    for n in 0..<100 {
      for band in 0..<40 { #expect(strip.pixels[n, band] == whole[17 * 50 + n, band]) }
    }
    #expect(try cube(SceneSimulator(recipe(texture: 0.3, seed: 6))).pixels.values != whole.values)
  }

  @Test func unusableTextureIsRefused() throws {
    for texture in [-0.1, 2.1, .nan] {
      #expect(throws: CoreError.self) { try SceneSimulator(recipe(texture: texture)) }
    }
  }
}
