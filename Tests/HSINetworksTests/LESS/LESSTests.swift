import Foundation
import HSICore
import HSITransformer
import Testing

@testable import HSINetworks

/// LESS ViT beyond its reference values: sizes, masks, positions, bad input.
@Suite struct LESSTests {
  private func image(_ shape: [Int], seed: UInt64 = 1) -> Tensor {
    var random = CounterRandom(seed: seed)
    return Tensor(shape, (0..<shape.reduce(1, *)).map { _ in Float(random.normal()) })
  }

  // MARK: - Sizes

  private func autoencoder(
    _ name: String?, _ change: (inout LESSAutoencoderConfiguration) -> Void = { _ in }
  ) -> LESSAutoencoderConfiguration {
    var configuration = name.flatMap { LESSAutoencoderConfiguration(named: $0) } ?? LESSAutoencoderConfiguration()
    change(&configuration)
    return configuration
  }

  /// The table of the specification, obtained there by building the published network.
  @Test func parameterCounts() throws {
    func check(_ configuration: LESSAutoencoderConfiguration, _ encoder: Int, _ radar: Int, _ decoder: Int) throws {
      try configuration.validate()
      #expect(configuration.encoder.parameterCount == encoder)
      #expect(configuration.decoderParameterCount == decoder)
      #expect(configuration.parameterCount == encoder + decoder)
      let shape = configuration.encoder
      let (area, width) = (shape.patch * shape.patch, shape.width)
      #expect(LESSBlockShape.linear(area, 2 * width) + LESSBlockShape.linear(2 * width, width) == radar)
    }
    try check(autoencoder("less-small"), 18_360_576, 492_672, 10_899_968)
    try check(autoencoder("less-small-4"), 17_991_936, 308_352, 10_653_728)
    try check(autoencoder("less-small") { $0.encoder.rank = 4 }, 19_431_072, 492_672, 11_644_160)
    try check(autoencoder("less-small") { $0.encoder.attention = .additive }, 18_377_472, 492_672, 10_901_760)
    try check(autoencoder("less-small") { $0.encoder.attention = .full }, 22_290_048, 492_672, 13_075_968)
    try check(autoencoder("less-base"), 71_764_992, 1_206_528, 21_287_968)
    try check(autoencoder(nil), 72_483_840, 1_575_168, 21_526_016)
  }

  /// The count is that of the store, in every variant.
  @Test func countsAreThoseOfTheStore() {
    for kind in LESSAttentionKind.allCases {
      for isPlain in [true, false] {
        let configuration = autoencoder("less-tiny") {
          $0.encoder.attention = kind
          guard !isPlain else { return }
          ($0.encoder.isRotary, $0.encoder.layerScale, $0.encoder.normalisesQueries) = (false, nil, true)
          $0.encoder.rank = 2
        }
        let network = LESSAutoencoder.blank(configuration)
        #expect(network.store.parameterCount == configuration.parameterCount)
        #expect(
          network.encoder.configuration.parameterCount + configuration.decoderParameterCount
            == configuration.parameterCount)
      }
    }
    #expect(autoencoder("less-tiny").parameterCount < 700_000)
  }

  @Test func presets() throws {
    for name in LESSConfiguration.names {
      let configuration = try #require(LESSConfiguration(named: name))
      try configuration.validate()
      #expect(configuration.isRotary && configuration.rank == 1 && !configuration.isCompatible)
      // Places half a window apart differ: rotation has a period longer than half of the range.
      #expect(RotaryTable.periods(width: configuration.block.spatialWidthPerHead, axes: 2, base: 100).max() ?? 0 > 2)
      #expect(RotaryTable.periods(width: configuration.channelWidthPerHead, axes: 1, base: 100).max() ?? 0 > 2)
      try #require(LESSAutoencoderConfiguration(named: name)).validate()
    }
    #expect(LESSConfiguration(named: "less-huge") == nil && LESSAutoencoderConfiguration(named: "less-huge") == nil)
  }

  @Test func absurdConfigurations() {
    func problem(_ change: (inout LESSConfiguration) -> Void) -> String {
      var configuration = LESSConfiguration(named: "less-tiny") ?? LESSConfiguration()
      change(&configuration)
      do {
        try configuration.validate()
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(problem { _ in } == "accepted")
    #expect(problem { $0.patch = 0 }.contains("patch is 0"))
    #expect(problem { $0.width = 98 }.contains("width is 98"))
    #expect(problem { $0.heads = 5 }.contains("heads is 5"))
    #expect(problem { $0.heads = 0 }.contains("heads is 0"))
    #expect(problem { $0.channelWidthPerHead = 5 }.contains("channelWidthPerHead is 5"))
    #expect(problem { $0.channelWidthPerHead = 16 }.contains("rotary"))
    #expect(problem { ($0.attention, $0.perceptionRadius) = (.full, 100) }.contains("attention is full"))
    #expect(problem { $0.longestWavelength = 400 }.contains("longestWavelength is 400"))
    #expect(problem { $0.expansion = .nan }.contains("expansion is nan"))
    #expect(problem { $0.rank = 0 }.contains("rank is 0"))
    #expect(problem { $0.depth = 1000 }.contains("depth is 1000"))
    func other(_ change: (inout LESSAutoencoderConfiguration) -> Void) -> String {
      var configuration = autoencoder("less-tiny")
      change(&configuration)
      do {
        try configuration.validate()
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(other { $0.decoderWidth = 0 }.contains("decoderWidth is 0"))
    #expect(other { $0.maskRatio = 1 }.contains("maskRatio is 1"))
    #expect(other { ($0.maskRatio, $0.channelMaskRatio) = (0, 0) }.contains("maskRatio is 0"))
    #expect(other { ($0.encoder.patch, $0.normalisesTargets) = (1, true) }.contains("normalisesTargets"))
    let segmenter = LESSSegmenter.Configuration(
      LESSTaskConfiguration(.narrow { $0.patch = 3 }, classes: 2))
    #expect(throws: CoreError.self) { try segmenter.validate() }
  }

  // MARK: - Input

  @Test func badInput() {
    let rotary = LESSConfiguration.narrow { $0.isRotary = true }
    func problem(
      _ shape: [Int], _ wavelengths: [Float], _ configuration: LESSConfiguration, radar: Tensor? = nil,
      resolution: Double? = nil
    ) -> String {
      let input = LESSInput(
        Variable(image(shape)), wavelengths: wavelengths, radar: radar.map { Variable($0) }, radarWavelengths: [5500],
        resolution: resolution)
      do {
        try input.check(for: configuration)
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(problem([1, 2, 8, 8], [0.1, 0.2], rotary) == "accepted")
    #expect(problem([1, 2, 8, 8], [], rotary).contains("no wavelengths"))
    #expect(problem([1, 2, 8, 8], [0.1], rotary).contains("2 bands but 1 wavelengths"))
    #expect(problem([1, 2, 8, 8], [0.1, .nan], rotary).contains("E-LESS-WAVELENGTHS"))
    #expect(problem([1, 2, 8, 8], [0.1, -5], rotary).contains("-5.0 nm"))
    #expect(problem([1, 2, 8, 10], [0.1, 0.2], .narrow()).contains("8 × 10 pixels, which patches of 4 × 4"))
    #expect(problem([1, 2, 8, 12], [0.1, 0.2], rotary).contains("equal sides"))
    #expect(problem([1, 2, 8, 12], [500, 600], .narrow()) == "accepted")
    #expect(problem([2, 8, 8], [500, 600], .narrow()).contains("E-LESS-IMAGE"))
    #expect(problem([1, 2, 8, 8], [500, 600], .narrow(), resolution: 0).contains("0.0 m"))
    #expect(problem([1, 2, 8, 8], [500, 600], .narrow(), radar: image([1, 1, 8, 8])) == "accepted")
    #expect(problem([1, 2, 8, 8], [500, 600], .narrow(), radar: image([1, 1, 4, 4])).contains("E-LESS-IMAGE"))
    #expect(problem([1, 2, 8, 8], [500, 600], .narrow(), radar: image([1, 2, 8, 8])).contains("2 bands but 1"))
    #expect(throws: LESSError.self) {
      try LESSInput.check(rows: 8, columns: 8, bands: 2, wavelengths: nil, for: rotary)
    }
  }

  /// One band and images that are not square go through a network that can see them.
  @Test func unusualImages() {
    for configuration in [LESSConfiguration.narrow(), .narrow { $0.isRotary = true }] {
      let network = LESSClassifier(LESSTaskConfiguration(configuration, classes: 3), seed: 1)
      let one = LESSInput(Variable(image([2, 1, 8, 8])), wavelengths: [0.4], radarWavelengths: [0.9])
      #expect(network(one, Tape(.inference)).value.values.allSatisfy { $0.isFinite })
    }
    let segmenter = LESSSegmenter(.init(LESSTaskConfiguration(.narrow(), classes: 3)), seed: 1)
    let wide = segmenter(LESSInput(Variable(image([1, 3, 4, 12])), wavelengths: [500, 600, 700]), Tape(.inference))
    #expect(wide.shape == [1, 4, 12, 3])
    let fine = LESSSegmenter(.init(LESSTaskConfiguration(.narrow { $0.patch = 1 }, classes: 3)), seed: 1)
    let pixels = fine(LESSInput(Variable(image([1, 3, 4, 5])), wavelengths: [500, 600, 700]), Tape(.inference))
    #expect(pixels.shape == [1, 4, 5, 3] && pixels.value.values.allSatisfy { $0.isFinite })
  }

  /// Bands are known by their wavelengths: their order does not matter, and their wavelengths do.
  @Test(arguments: [true, false]) func bandsAreASet(_ isRotary: Bool) {
    let network = LESSClassifier(
      LESSTaskConfiguration(.narrow { $0.isRotary = isRotary }, classes: 4), seed: 1)
    let x = image([1, 3, 8, 8])
    let wavelengths: [Float] = isRotary ? [0.1, 0.35, 0.9] : [500, 900, 2000]
    let order = [2, 0, 1]
    let shuffled = Tensor(x.shape, order.flatMap { x.values[($0 * 64)..<(($0 + 1) * 64)] })
    func logits(_ x: Tensor, _ wavelengths: [Float]) -> [Float] {
      network(LESSInput(Variable(x), wavelengths: wavelengths), Tape(.inference)).value.values
    }
    func difference(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } }
    let plain = logits(x, wavelengths)
    #expect(difference(plain, logits(shuffled, order.map { wavelengths[$0] })) < 1e-5)
    #expect(difference(plain, logits(shuffled, wavelengths)) > 1e-3)
  }

  // MARK: - Masks

  @Test func maskCounts() throws {
    #expect(LESSMask.keptBands(of: 120, ratio: 0.75) == 30 && LESSMask.keptBands(of: 5, ratio: 0.75) == 2)
    #expect(LESSMask.keptBands(of: 1, ratio: 0.75) == 1 && LESSMask.keptBands(of: 7, ratio: 0) == 7)
    #expect(LESSMask.keptPositions(of: 64, ratio: 0.75) == 16 && LESSMask.keptPositions(of: 3, ratio: 0.75) == 0)
    func problem(_ bands: Int, _ positions: Int, _ bandRatio: Double, _ positionRatio: Double) -> String {
      do {
        try LESSMask.check(bands: bands, positions: positions, bandRatio: bandRatio, positionRatio: positionRatio)
        return "accepted"
      } catch { return "\(error)" }
    }
    #expect(problem(3, 4, 0.75, 0.75) == "accepted")
    #expect(problem(2, 4, 0.75, 0.75).contains("masks leave 2 of 2 bands"))
    #expect(problem(1, 4, 0.75, 0.75).contains("masks leave 1 of 1 bands"))
    #expect(problem(1, 4, 0, 0.75) == "accepted")
    #expect(problem(3, 3, 0.75, 0.75).contains("masks leave 0 of 3 positions"))
    #expect(problem(3, 1, 0.75, 0) == "accepted")
    let network = LESSAutoencoder(autoencoder("less-tiny"), seed: 1)
    #expect(throws: LESSError.self) {
      try network.check(LESSInput(Variable(image([1, 2, 8, 8])), wavelengths: [500, 600]))
    }
    try network.check(LESSInput(Variable(image([1, 3, 8, 8])), wavelengths: [500, 600, 700]))
  }

  @Test func draws() {
    var random = CounterRandom(seed: 3)
    let mask = LESSMask.draw(
      images: 3, bands: 10, positions: 16, bandRatio: 0.75, positionRatio: 0.5, sharesPositions: false, &random)
    #expect(
      mask.bands.allSatisfy { $0.count == 2 && Set($0).count == 2 } && mask.positions.allSatisfy { $0.count == 8 })
    #expect(Set(mask.positions).count > 1)
    #expect(mask.hiddenBands.values.reduce(0, +) == 24 && mask.hiddenPositions.values.reduce(0, +) == 24)
    let shared = LESSMask.draw(
      images: 3, bands: 10, positions: 16, bandRatio: 0.5, positionRatio: 0.5, among: 7..<10, sharesPositions: true,
      &random)
    #expect(Set(shared.positions).count == 1 && shared.bands.allSatisfy { $0.count == 2 && $0.allSatisfy { $0 >= 7 } })
    #expect(ChannelSampling.counts(of: 120, dropped: [0.7, 0.8]) == 23...36)
    #expect(ChannelSampling.counts(of: 10, dropped: [0.75]) == 2...2)
    #expect(ChannelSampling.counts(of: 2, dropped: [0.9]) == 1...1)
    #expect(ChannelSampling.counts(of: 7, dropped: []) == 7...7)
    var seen = Set<Int>()
    for _ in 0..<200 {
      let bands = ChannelSampling.draw(of: 20, dropped: [0.7, 0.8], &random)
      #expect((3...6).contains(bands.count) && bands == bands.sorted() && Set(bands).count == bands.count)
      #expect(bands.allSatisfy { (0..<20).contains($0) })
      seen.formUnion(bands)
    }
    #expect(seen.count == 20)
  }

  /// What is hidden does not reach the encoder, however it looks.
  @Test func hiddenValuesDoNotCount() {
    let network = LESSAutoencoder(autoencoder("less-tiny"), seed: 1)
    let mask = LESSMask(bands: [[0, 2]], of: 4, positions: [[1, 3]], of: 4)
    let x = image([1, 4, 4, 4])
    func tokens(_ x: Tensor) -> Tensor {
      network.encoder(LESSInput(Variable(x), wavelengths: [500, 600, 900, 2000]), mask: mask, Tape(.inference)).value
    }
    let plain = tokens(x)
    #expect(plain.shape == [1, 3, 3, 96])
    var (hidden, shown) = (x.copy(), x.copy())
    // Band 1, and the first patch of band 0; then a pixel of the second patch.
    hidden.withMutableValues {
      for i in 16..<32 { $0[i] = .nan }
      for i in [0, 1, 4, 5] { $0[i] = .nan }
    }
    shown.withMutableValues { $0[2] += 1 }
    #expect(tokens(hidden).values == plain.values)
    #expect(tokens(shown).values != plain.values)
  }

  /// A mask that leaves everything is no mask; the encoder of both kinds of positions gives the same tokens.
  @Test(arguments: [true, false]) func everythingKept(_ isRotary: Bool) {
    let encoder = LESSEncoder(
      ParameterStore(seed: 2).root,
      .narrow { ($0.isRotary, $0.perceptionRadius, $0.resolution) = (isRotary, 50, 10) })
    let input = LESSInput(
      Variable(image([2, 3, 8, 8])), wavelengths: [0.2, 0.5, 0.8], radar: Variable(image([2, 1, 8, 8], seed: 2)),
      radarWavelengths: [0.9])
    let all = LESSMask(bands: [[0, 1, 2, 3], [0, 1, 2, 3]], of: 4, positions: [[0, 1, 2, 3], [0, 1, 2, 3]], of: 4)
    let (whole, kept) = (encoder(input, Tape(.inference)).value, encoder(input, mask: all, Tape(.inference)).value)
    #expect(whole.shape == kept.shape && whole.values == kept.values)
  }

  /// With the quirk of published networks the decoder cannot tell hidden places apart; a new network can.
  @Test func decodersKnowTheirPlaces() {
    let x = image([1, 4, 6, 6])
    for isCompatible in [true, false] {
      let network = LESSAutoencoder(autoencoder("less-tiny") { $0.encoder.isCompatible = isCompatible }, seed: 1)
      let mask = LESSMask(bands: [[0, 2]], of: 4, positions: [[1, 3]], of: 9)
      let patches = network(
        LESSInput(Variable(x), wavelengths: [500, 600, 900, 2000]), mask, Tape(.inference)
      ).value
      // Band 1 is hidden, and so are positions 0 and 8.
      let (first, last) = (patches.values[(9 * 4)..<(9 * 4 + 4)], patches.values[(17 * 4)..<(17 * 4 + 4)])
      let difference = zip(first, last).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
      #expect(isCompatible ? difference < 1e-6 : difference > 1e-4, "\(difference)")
    }
  }

  /// Drop path and dropout are for training only, and the last block's rate is the highest.
  @Test func regularisation() {
    let configuration = LESSConfiguration.narrow { ($0.dropPath, $0.dropout) = (0.5, 0.3) }
    let network = LESSClassifier(LESSTaskConfiguration(configuration, classes: 3), seed: 1)
    let input = LESSInput(Variable(image([3, 2, 8, 8])), wavelengths: [500, 600])
    let plain = network(input, Tape(.inference)).value.values
    let evaluated = network(input, Tape(.evaluation)).value.values
    #expect(zip(plain, evaluated).allSatisfy { abs($0 - $1) < 1e-5 })
    #expect(network(input, Tape(.training, seed: 1)).value.values != evaluated)
    #expect(
      network(input, Tape(.training, seed: 1)).value.values == network(input, Tape(.training, seed: 1)).value.values)
  }

  @Test func normalisation() {
    let normalisation = BandNormalisation(means: [10, 5], deviations: [2, 0])
    #expect(normalisation(10, band: 0) == 0.5 && normalisation(100, band: 0) == 1 && normalisation(-1, band: 0) == 0)
    #expect(
      normalisation(5, band: 1) == 0.5 && normalisation(.nan, band: 0).isNaN && normalisation(.nan, band: 1).isNaN)
  }

  /// A step of pre-training lowers the loss of its batch.
  @Test func learns() {
    var configuration = autoencoder("less-tiny")
    configuration.encoder.depth = 1
    let network = LESSAutoencoder(configuration, seed: 1)
    let optimiser = Optimiser(AdamW(), network.store.trainable)
    var random = CounterRandom(seed: 1)
    let input = LESSInput(Variable(image([2, 6, 8, 8])), wavelengths: [450, 550, 650, 900, 1600, 2200])
    let mask = network.draw(for: input, &random)
    var losses: [Float] = []
    for _ in 0..<8 {
      let tape = Tape(.training)
      let loss = network.loss(input, mask, tape)
      losses.append(loss.value.scalar)
      tape.backward(from: loss)
      optimiser.step(rate: 1e-3)
    }
    #expect(losses[7] < 0.9 * losses[0], "\(losses)")
  }
}
