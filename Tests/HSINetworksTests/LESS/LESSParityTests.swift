import Foundation
import HSISpectral
import HSITestSupport
import HSITransformer
import Testing

@testable import HSINetworks

/// Outputs and gradients of the reference implementation (PyTorch), file by file, with direct convolutions. Layers that stand in
/// `HSITransformer` are compared there.
@Suite(.serialized) struct LESSParityTests {
  // MARK: - Encoder

  @Test(arguments: ["encoder_sincos_eval", "encoder_rope_eval", "encoder_optical_radar_eval"])
  func encoder(_ name: String) throws {
    let parity = try LESSParity(name)
    let store = ParameterStore()
    let encoder = LESSEncoder(
      store.root,
      .narrow {
        switch name {
        case "encoder_sincos_eval": ($0.perceptionRadius, $0.resolution) = (60, 10)
        case "encoder_rope_eval": ($0.isRotary, $0.layerScale, $0.rank) = (true, 1, 2)
        default: ($0.normalisesQueries, $0.resolution) = (true, 10)
        }
      })
    parity.load(store)
    let plain = encoder(parity.input(Tape(.inference)).input, Tape(.inference))
    parity.expect(plain.value, parity.result("tokens"), 5e-5, "tokens in inference")
    let tape = Tape(.evaluation)
    let (input, images) = parity.input(tape)
    let tokens = encoder(input, tape)
    parity.expect(tokens.value, parity.result("tokens"), 5e-5, "tokens")
    tape.backward(from: tokens, gradient: parity.array("gout.tokens"))
    parity.checkGradients(store, images, tape)
  }

  @Test func perceptionField() throws {
    let fixture = try LESSParity("perception_field_mask").fixture
    for (index, side, patch, resolution, radius, withClass) in [
      (0, 4, 4, Float(10), Float(60), false), (1, 6, 4, 30, 360, true), (2, 5, 16, 10, 640, false),
    ] {
      let allowed = PerceptionField.allowed(
        rows: side, columns: side, patch: patch, resolution: resolution, radius: radius, withClass: withClass)
      #expect(allowed == fixture["out.mask\(index)"].values.map { $0 != 0 })
      #expect(allowed.contains(false) || index == 2)
    }
  }

  /// The sum of both codes, halved; class entries have their half only.
  @Test func sinusoidalPositions() throws {
    let configuration = LESSConfiguration.narrow { $0.width = 16 }
    let grid = LESSGrid(rows: 3, columns: 3, wavelengths: [500, 900], resolution: 10, patch: 4)
    func table(_ change: (inout LESSConfiguration) -> Void) -> [Float] {
      var configuration = configuration
      change(&configuration)
      let positions = LESSPositions(ParameterStore().root, configuration, configuration.block)
      return positions.table(grid)?.values ?? []
    }
    let metres = table { $0.isCompatible = false }
    let pixels = table { _ in }
    #expect(metres.count == 3 * 10 * 16 && metres.count == pixels.count)
    func entry(_ values: [Float], _ c: Int, _ n: Int, _ k: Int) -> Double { Double(values[(c * 10 + n) * 16 + k]) }
    #expect(abs(entry(metres, 0, 2, 0) - sin(40) / 2) < 1e-5 && abs(entry(pixels, 0, 2, 0) - sin(10) / 2) < 1e-5)
    #expect(abs(entry(pixels, 0, 4, 8) - sin(10) / 2) < 1e-5 && abs(entry(pixels, 0, 4, 0)) < 1e-6)
    #expect(abs(entry(pixels, 2, 0, 0) - sin(900) / 2) < 1e-4 && entry(pixels, 0, 0, 3) == 0)
  }

  // MARK: - Autoencoder

  private func autoencoder(_ name: String) -> LESSAutoencoder {
    var configuration = LESSAutoencoderConfiguration()
    (configuration.decoderWidth, configuration.decoderDepth, configuration.decoderHeads) = (16, 1, 2)
    (configuration.decoderChannelWidthPerHead, configuration.normalisesTargets) = (2, true)
    configuration.encoder = .narrow { $0.resolution = 10 }
    switch name {
    case "mae_sincos_train": (configuration.maskRatio, configuration.channelMaskRatio) = (0.75, 0.5)
    case "mae_rope_pfm_train":
      (configuration.maskRatio, configuration.channelMaskRatio) = (0.6, 0.75)
      configuration.encoder = .narrow {
        ($0.isRotary, $0.layerScale, $0.perceptionRadius, $0.resolution) = (true, 1, 120, 30)
      }
    default: (configuration.maskRatio, configuration.channelMaskRatio) = (0.5, 0.4)
    }
    return LESSAutoencoder(configuration, in: ParameterStore())
  }

  @Test(arguments: ["mae_sincos_train", "mae_rope_pfm_train", "mae_multimodal_train"])
  func maskedAutoencoder(_ name: String) throws {
    let parity = try LESSParity(name)
    let network = autoencoder(name)
    parity.load(network.store)
    let configuration = network.configuration
    let mask = LESSMask(
      bandDraws: parity.rows("in.noise_channel"), positionDraws: parity.rows("in.noise_pos"),
      bandRatio: configuration.channelMaskRatio, positionRatio: configuration.maskRatio)
    #expect(mask.hiddenBands.values == parity.array("out64.channel_mask").values)
    #expect(mask.hiddenPositions.values == parity.array("out64.pos_mask").values)
    let tape = Tape(.training)
    let (input, images) = parity.input(tape)
    try network.check(input)
    let radarBands = input.radar?.shape[1] ?? 0
    let (patches, target) = (network(input, mask, tape), network.target(input, tape))
    parity.expect(patches.value, parity.result("recon"), 5e-5, "recon")
    parity.expect(target.value, parity.result("target"), 5e-5, "target")
    let loss = network.loss(patches, target, mask, radarBands: radarBands, tape)
    parity.expect(loss.value, parity.result("loss"), 5e-5, "loss")
    tape.backward(from: loss)
    parity.checkGradients(network.store, images, tape)
    // Absolute errors of what inference gives.
    let plain = parity.input(Tape(.inference)).input
    let again = network(plain, mask, Tape(.inference))
    parity.expect(again.value, parity.result("recon"), 5e-5, "recon in inference")
    var absolute = configuration
    absolute.usesAbsoluteError = true
    let other = LESSAutoencoder(absolute, in: ParameterStore(isBlank: true))
    parity.expect(
      other.loss(again, network.target(plain, Tape(.inference)), mask, radarBands: radarBands, Tape(.inference)).value,
      parity.result("loss_l1"), 5e-5, "absolute loss")
  }

  @Test func losses() throws {
    let parity = try LESSParity("mae_loss")
    let (bands, positions) = (parity.array("in.channel_mask"), parity.array("in.pos_mask"))
    let target = Variable(parity.array("in.target"))
    for isAbsolute in [false, true] {
      for kind in ["unimodal", "modal"] {
        let tape = Tape(.training)
        let x = tape.input(parity.array("in.recon"))
        let loss =
          kind == "modal"
          ? LESSLoss.grouped(
            x, target, hiddenBands: bands, hiddenPositions: positions, radarBands: 2, isAbsolute: isAbsolute, tape)
          : LESSLoss.valid(
            x, target, hiddenBands: bands, hiddenPositions: positions, isAbsolute: isAbsolute, tape)
        let name = kind + (isAbsolute ? "_l1" : "_mse")
        parity.expect(loss.value, parity.result(name), 1e-6, name)
        tape.backward(from: loss)
        let gradient = try #require(tape.gradient(of: x))
        parity.expect(gradient, parity.array("g.\(name).recon"), 1e-5, "gradient of \(name)")
      }
    }
  }

  @Test func targets() throws {
    let parity = try LESSParity("mae_target")
    for (index, side, count) in [(0, 4, 2), (1, 3, 3)] {
      let tape = Tape(.inference)
      let patches = LESSTargets.patches(Variable(parity.array("in.image\(index)")), side: side, tape)
      #expect(patches.value.values == parity.array("out.target\(index)_raw").values)
      parity.expect(
        LESSTargets.normalised(patches, tape).value, parity.array("out.target\(index)_norm"), 1e-6, "normalised")
      let image = LESSTargets.image(patches.value, rows: count, columns: count, side: side)
      #expect(image.shape == parity.fixture["in.image\(index)"].shape)
      #expect(image.values == parity.array("out.unpatchified\(index)").values)
    }
  }

  // MARK: - Heads and their networks

  /// Compares output and gradients of a head on one input.
  private func check(
    _ parity: LESSParity, _ store: ParameterStore, training: Bool = false, isImage: Bool = false,
    _ head: (Variable, Tape) -> Variable
  ) {
    Exactness.$isRequired.withValue(true) {
      func arranged(_ tensor: Tensor) -> Tensor { isImage ? LESSParity.channelsLast(tensor) : tensor }
      func channelsLast(_ tensor: Tensor) -> Tensor {
        tensor.shape.count == 4 ? LESSParity.channelsLast(tensor) : tensor
      }
      let reference = channelsLast(parity.result("y"))
      if !training {
        let plain = head(Variable(arranged(parity.array("in.x"))), Tape(.inference))
        parity.expect(plain.value, reference, 1e-5, "y in inference")
      }
      let tape = Tape(training ? .training : .evaluation)
      let x = tape.input(arranged(parity.array("in.x")))
      let y = head(x, tape)
      parity.expect(y.value, reference, 1e-5, "y")
      tape.backward(from: y, gradient: channelsLast(parity.array("gout.y")))
      // A bias before batch statistics has no gradient but rounding.
      parity.checkGradients(store, [("x", x)], tape, limit: training ? 1e-3 : 2e-4, arranged: arranged)
    }
  }

  private func task(_ width: Int, patch: Int, classes: Int, experts: Int = 0, kept: Int = -1) -> LESSTaskConfiguration {
    LESSTaskConfiguration(
      .narrow { ($0.width, $0.patch) = (width, patch) }, classes: classes, experts: experts, kept: kept)
  }

  @Test func mixtureOfLinearHeads() throws {
    let parity = try LESSParity("head_moe_linear")
    let store = ParameterStore()
    let head = LESSClassifierHead(store.root, task(16, patch: 4, classes: 5, experts: 3, kept: 2))
    parity.load(store)
    check(parity, store) { head($0, $1) }
  }

  @Test func mixtureOfConvolutionHeads() throws {
    let parity = try LESSParity("head_moe_conv_eval")
    let store = ParameterStore()
    let head = LESSSegmentationHead(store.root, task(12, patch: 2, classes: 4, experts: 2, kept: 3))
    parity.load(store)
    check(parity, store) { head($0, rows: 2, columns: 2, $1) }
  }

  @Test(arguments: [false, true]) func convolutionHead(_ training: Bool) throws {
    let parity = try LESSParity(training ? "head_conv_train" : "head_conv_eval")
    let store = ParameterStore()
    let head = LESSConvolutionHead(store.root, width: 12, classes: 6, patch: 4)
    // Both have the same weights, which one file holds.
    try LESSParity("head_conv_train").load(store)
    check(parity, store, training: training, isImage: true) { head($0, $1) }
    for parameter in store.parameters where training && parameter.isBuffer {
      parity.expect(parameter.value, parity.array("after.\(parameter.name)"), 1e-5, parameter.name)
    }
  }

  @Test func classifier() throws {
    let parity = try LESSParity("classifier_linear_eval")
    let network = LESSClassifier(LESSTaskConfiguration(.narrow(), classes: 9), in: ParameterStore())
    parity.load(network.store)
    let tape = Tape(.evaluation)
    let (input, images) = parity.input(tape)
    let y = network(input, tape)
    parity.expect(y.value, parity.result("y"), 5e-5, "y")
    tape.backward(from: y, gradient: parity.array("gout.y"))
    parity.checkGradients(network.store, images, tape)
  }

  @Test func segmenter() throws {
    let parity = try LESSParity("segmenter_conv_eval")
    let network = LESSSegmenter(
      .init(
        LESSTaskConfiguration(.narrow { ($0.depth, $0.isRotary, $0.layerScale) = (1, true, 1) }, classes: 5)),
      in: ParameterStore())
    parity.load(network.store)
    Exactness.$isRequired.withValue(true) {
      let tape = Tape(.evaluation)
      let (input, images) = parity.input(tape)
      let y = network(input, tape)
      parity.expect(y.value, LESSParity.channelsLast(parity.result("y")), 5e-5, "y")
      tape.backward(from: y, gradient: LESSParity.channelsLast(parity.array("gout.y")))
      parity.checkGradients(network.store, images, tape)
    }
  }

  // MARK: - Data

  /// Response functions on raw values, then clipping at two standard deviations.
  @Test func normalisationAndResponse() throws {
    let parity = try LESSParity("normalise_srf")
    let fixture = parity.fixture
    let weights = try GaussianResponse.weights(
      from: fixture["in.lambda_src"].values, to: fixture["in.lambda_tgt"].values, fwhm: fixture["in.fwhm_tgt"].values)
    let reference = fixture["out.srf"]
    #expect(weights.rows == reference.shape[1] && weights.columns == reference.shape[0])
    for (a, b) in zip(weights.transposed.values, reference.values) { #expect(abs(a - b) < 1e-12) }
    let cube = fixture["in.cube"]
    let pixels = cube.shape[1] * cube.shape[2]
    let resampled = (0..<weights.columns).flatMap { band in
      (0..<pixels).map { pixel in
        Float((0..<weights.rows).reduce(0.0) { $0 + weights[$1, band] * cube.values[$1 * pixels + pixel] })
      }
    }
    parity.expect(
      Tensor(fixture["out.resampled"].shape, resampled), parity.array("out.resampled"), 1e-6, "resampled")
    let normalisation = BandNormalisation(means: fixture["in.mean"].values, deviations: fixture["in.std"].values)
    parity.expect(normalisation(parity.array("in.cube")), parity.array("out.normalised"), 1e-6, "normalised")
  }
}
