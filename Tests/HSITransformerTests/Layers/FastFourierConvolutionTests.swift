import Foundation
import HSICore
import Testing

@testable import HSITransformer

/// Layers in the spectrum against scalar references, running statistics in use.
@Suite struct FastFourierConvolutionTests {
  private func draw(_ store: ParameterStore) {
    var random = CounterRandom(seed: 12)
    for parameter in store.parameters where parameter.name.contains("running") || parameter.name.contains("norm") {
      guard !parameter.isInteger else { continue }
      parameter.update { for i in $0.indices { $0[i] = Float(random.uniform(0.5, 1.5)) } }
    }
  }

  private func normalised(_ x: Reference, _ p: Point, _ name: String) -> Reference {
    var y = x
    for i in 0..<x.count {
      let c = i % x.last
      let (mean, variance) = (p[name + ".running_mean"].values[c], p[name + ".running_var"].values[c])
      y.values[i] =
        p[name + ".weight"].values[c] * (x.values[i] - mean) / (variance + 1e-5).squareRoot()
        + p[name + ".bias"].values[c]
    }
    return y
  }

  private func unit(_ x: Reference, _ p: Point, _ name: String) -> Reference {
    let prefix = name.isEmpty ? "" : name + "."
    let mixed = normalised(
      PlaneFourierTests.spectrum(x).linear(p[prefix + "conv.weight"]), p, prefix + "norm")
    return PlaneFourierTests.image(mixed.map { max($0, 0) }, columns: x.shape[2])
  }

  /// Convolution of an image by that of a volume of one band.
  private func convolved(_ x: Reference, _ w: Reference, stride: Int) -> Reference {
    let volume = Reference([x.shape[0], 1] + x.shape[1...], x.values)
    let weight = Reference(w.shape[..<2] + [1] + w.shape[2...], w.values)
    let y = volume.convolved(weight, stride: stride)
    return Reference([y.shape[0]] + y.shape[2...], y.values)
  }

  private func halved(_ x: Reference) -> Reference {
    let (batch, rows, columns, channels) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    var y = Reference(zeros: [batch, rows / 2, columns / 2, channels])
    for b in 0..<batch {
      for i in 0..<rows {
        for j in 0..<columns {
          for c in 0..<channels {
            y.values[((b * (rows / 2) + i / 2) * (columns / 2) + j / 2) * channels + c] +=
              x.values[((b * rows + i) * columns + j) * channels + c] / 4
          }
        }
      }
    }
    return y
  }

  @Test func fourierUnit() {
    let store = ParameterStore(seed: 2)
    let layer = FourierUnit(store.root, input: 3, output: 2)
    draw(store)
    GradientCheck(tolerance: 1e-3)(store, inputs: [Reference([2, 4, 6, 3], seed: 1)]) {
      layer($0[0], $1)
    } reference: {
      unit($0[0], $0, "")
    }
  }

  @Test(arguments: [(1, 3), (2, 3), (2, 1)]) func allPaths(stride: Int, taps: Int) {
    Exactness.$isRequired.withValue(true) {
      let store = ParameterStore(seed: 3)
      let layer = FastFourierConvolution(store.root, input: (3, 4), output: (2, 4), taps: taps, stride: stride)
      draw(store)
      GradientCheck(tolerance: 1e-3)(
        store, inputs: [Reference([2, 4, 6, 3], seed: 1), Reference([2, 4, 6, 4], seed: 2)]
      ) { x, tape in
        let y = layer((x[0], x[1]), tape)
        return tape.concatenate([y.local, y.global].compactMap { $0 })
      } reference: { p in
        let x = stride == 2 ? halved(p[1]) : p[1]
        let h = normalised(x.linear(p["global_global.conv1.weight"]), p, "global_global.norm1").map { max($0, 0) }
        let global =
          (h + unit(h, p, "global_global.unit")).linear(p["global_global.conv2.weight"])
          + convolved(p[0], p["local_global.weight"], stride: stride)
        let local =
          convolved(p[0], p["local_local.weight"], stride: stride)
          + convolved(p[1], p["global_local.weight"], stride: stride)
        var y = Reference(zeros: local.shape.dropLast() + [local.last + global.last])
        for row in 0..<local.rows {
          for i in 0..<local.last { y.values[row * y.last + i] = local.values[row * local.last + i] }
          for i in 0..<global.last { y.values[row * y.last + local.last + i] = global.values[row * global.last + i] }
        }
        return y
      }
    }
  }

  /// Without global channels it is a convolution and nothing else.
  @Test func withoutGlobalChannels() {
    let store = ParameterStore(seed: 3)
    let layer = FastFourierConvolution(store.root, input: (3, 0), output: (2, 0))
    #expect(store.parameters.map(\.name) == ["local_local.weight"] && layer.linears.isEmpty)
    let y = layer((Variable(Reference([1, 4, 4, 3], seed: 1).tensor), nil), Tape(.inference))
    #expect(y.local?.shape == [1, 4, 4, 2] && y.global == nil)
  }
}
