import CKernels
import Foundation
import HSITestSupport
import Testing

extension NeuralKernelTests {
  /// Gated activations against double.
  @Suite struct GateKernelTests {
    /// Widths beside the lanes; both orders of the halves; no rows and one; in place.
    @Test(arguments: [(0, 5, 0), (1, 1, 0), (3, 16, 1), (7, 21, 0), (130, 170, 1), (40, 340, 0)])
    func gelu(_ rows: Int, _ width: Int, _ gateFirst: Int) {
      let x = Floats(2 * rows * width, seed: 1, scale: 2)
      let dy = Floats(rows * width, seed: 2)
      func half(_ n: Int, _ i: Int, isGate: Bool) -> Int {
        2 * n * width + (isGate == (gateFirst == 1) ? 0 : width) + i
      }
      atEveryKernelLevel { level in
        let (y, dx) = (Floats(zeros: rows * width), Floats(zeros: 2 * rows * width))
        hsi_gelu_gate_forward(x.pointer, rows, width, Int32(gateFirst), y.pointer)
        hsi_gelu_gate_backward(x.pointer, dy.pointer, rows, width, Int32(gateFirst), dx.pointer)
        for n in 0..<rows {
          for i in 0..<width {
            let (gate, value) = (half(n, i, isGate: true), half(n, i, isGate: false))
            let (g, v, d) = (x[gate], x[value], dy[n * width + i])
            let phi = 0.5 * erfc(-g / 2.0.squareRoot())
            let slope = phi + g * exp(-g * g / 2) / (2 * Double.pi).squareRoot()
            #expect(abs(y[n * width + i] - v * g * phi) <= 2e-6 * (1 + abs(v * g)), "\(level)")
            #expect(abs(dx[value] - d * g * phi) <= 2e-6 * (1 + abs(d * g)), "\(level)")
            #expect(abs(dx[gate] - d * v * slope) <= 2e-6 * (1 + abs(d * v)), "\(level)")
          }
        }
        // In place.
        let inPlace = Floats(x.values)
        hsi_gelu_gate_backward(inPlace.pointer, dy.pointer, rows, width, Int32(gateFirst), inPlace.pointer)
        #expect(inPlace.values == dx.values)
      }
    }
  }
}
