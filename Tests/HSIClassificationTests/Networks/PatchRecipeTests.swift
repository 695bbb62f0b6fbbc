import Foundation
import HSITestSupport
import HSITransformer
import Testing

@testable import HSIClassification

@Suite struct PatchRecipeTests {
  /// The rates of adapters and of other weights that a batch is trained with.
  private func rates(_ recipe: PatchRecipe, epoch: Int, batch: Int, batches: Int) -> (adapter: Double, other: Double) {
    let time = recipe.clock.time(epoch: epoch, batch: batch, batches: batches)
    let factor = recipe.schedule == .cosine ? recipe.otherRateFactor : 1
    return (
      recipe.schedule(ofAdapters: true).rate(at: time), factor * recipe.schedule(ofAdapters: false).rate(at: time)
    )
  }

  /// The learning rates that the released script used, batch by batch, for 40 epochs of 7 batches.
  @Test func scheduleOfTheScript() throws {
    let url = try #require(
      Bundle.module.url(forResource: "lr_schedules", withExtension: "safetensors", subdirectory: "Fixtures"))
    let used = try Fixture(url)["out.lr_used_per_batch"].values
    let recipe = try #require(PatchRecipe(named: "script"))
    for epoch in 0..<40 {
      for batch in 0..<7 {
        let rates = rates(recipe, epoch: epoch, batch: batch, batches: 7)
        let row = 2 * (7 * epoch + batch)
        #expect(abs(rates.adapter - used[row]) < 1e-12, "epoch \(epoch), batch \(batch)")
        #expect(abs(rates.other - used[row + 1]) < 1e-12, "epoch \(epoch), batch \(batch), others")
      }
    }
  }

  @Test func cyclicSchedule() throws {
    let url = try #require(
      Bundle.module.url(forResource: "lr_schedules", withExtension: "safetensors", subdirectory: "Fixtures"))
    let used = try Fixture(url)["out.lora_clr_per_call"].values
    var recipe = try #require(PatchRecipe(named: "script"))
    recipe.schedule = .cyclic
    for epoch in 0..<40 {
      let rates = rates(recipe, epoch: epoch, batch: 3, batches: 7)
      #expect(abs(rates.adapter - used[2 * epoch]) < 1e-11 && abs(rates.other - used[2 * epoch + 1]) < 1e-11)
    }
  }

  @Test func presets() throws {
    let (script, paper) = (try #require(PatchRecipe(named: "script")), try #require(PatchRecipe(named: "paper")))
    #expect(script.rate == 2e-5 && script.warmUp == 5 && script.accumulation == 2 && script.clipNorm == 0.5)
    #expect(paper.rate == 1e-4 && paper.warmUp == 10 && paper.accumulation == 1 && paper.clipNorm == 1)
    #expect(script.scope == .adapters && paper.scope == .adapters && PatchRecipe().scope == .all)
    #expect(PatchRecipe(named: "default") == PatchRecipe() && PatchRecipe(named: "x") == nil)
    // The default rises, falls and ends low.
    let recipe = PatchRecipe()
    let rates = (0..<recipe.epochs).map { self.rates(recipe, epoch: $0, batch: 0, batches: 4).adapter }
    #expect(rates.max().map { $0 > 0.95 * recipe.rate } == true && rates[0] < 0.1 * recipe.rate)
    #expect(rates[recipe.epochs - 1] < 0.01 * recipe.rate)
  }
}
