import CKernels
import Foundation
import HSICore
import Testing

/// Suites that force a kernel level or a number of threads, one after the other.
@Suite(.serialized) struct NeuralKernelTests {}

/// Values behind a pointer that is aligned to nothing but a float, with marks on both sides that no kernel may change.
final class Floats {
  private let block: UnsafeMutablePointer<Float>
  let count: Int
  let pointer: UnsafeMutablePointer<Float>
  private static let margin = 3
  private static let mark: Float = -123.25

  init(_ values: [Float]) {
    count = values.count
    block = .allocate(capacity: count + 2 * Floats.margin)
    block.initialize(repeating: Floats.mark, count: count + 2 * Floats.margin)
    pointer = block + Floats.margin
    for (i, value) in values.enumerated() { pointer[i] = value }
  }
  convenience init(zeros count: Int) { self.init([Float](repeating: 0, count: count)) }
  convenience init(_ count: Int, seed: UInt64, scale: Double = 1, shift: Double = 0) {
    var random = CounterRandom(seed: seed)
    self.init((0..<count).map { _ in Float(shift + scale * random.normal()) })
  }

  deinit {
    for i in 0..<Floats.margin {
      #expect(
        block[i] == Floats.mark && pointer[count + i] == Floats.mark, "a kernel wrote outside its output")
    }
    block.deallocate()
  }

  var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
  var doubles: [Double] { values.map { Double($0) } }
  subscript(i: Int) -> Double { Double(pointer[i]) }
}

/// Scratch of `count` floats, 8-byte aligned but no more, filled with NaN. Writing past its end is recorded.
final class Scratch {
  private static let guardCount = 1024
  private static let guardValue: Float = -12345.5
  private let block: UnsafeMutablePointer<Double>
  private let count: Int
  let pointer: UnsafeMutablePointer<Float>
  /// Threads of the pool that it is for.
  let threads: Int32
  /// Threads that the pool gets between the sizing and the kernel, as another task may do. For serialised suites only.
  nonisolated(unsafe) static var threadsAfterSizing: Int32?

  convenience init(_ count: Int) { self.init { _ in count } }

  init(_ size: (_ threads: Int32) -> Int) {
    threads = hsi_pool_threads()
    count = size(threads)
    let room = (count + Self.guardCount) / 2 + 1
    block = .allocate(capacity: room)
    block.initialize(repeating: .nan, count: room)
    pointer = UnsafeMutableRawPointer(block).assumingMemoryBound(to: Float.self)
    (pointer + count).update(repeating: Self.guardValue, count: Self.guardCount)
    if let later = Self.threadsAfterSizing { hsi_pool_set_threads(later) }
  }

  deinit {
    let end = UnsafeBufferPointer(start: pointer + count, count: Self.guardCount)
    #expect(end.allSatisfy { $0 == Self.guardValue }, "a kernel wrote past its scratch")
    block.deallocate()
  }
}

/// Largest difference, relative to the largest expected value.
func relativeError(_ found: [Float], _ expected: [Double]) -> Double {
  guard found.count == expected.count else { return .infinity }
  var difference = 0.0
  var size = 1e-30
  for (a, b) in zip(found, expected) {
    guard a.isFinite else { return .infinity }
    difference = max(difference, abs(Double(a) - b))
    size = max(size, abs(b))
  }
  return difference / size
}
func relativeError(_ found: Floats, _ expected: [Double]) -> Double { relativeError(found.values, expected) }

/// Sizes around the vector and tile widths of the kernels.
let oddSizes = [1, 7, 8, 15, 16, 17, 31, 33, 49]

/// Phi and its derivative in double.
func normalDistribution(_ x: Double) -> Double { 0.5 * erfc(-x / 2.0.squareRoot()) }
func normalDensity(_ x: Double) -> Double { exp(-x * x / 2) / (2 * Double.pi).squareRoot() }
func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

/// The values of `run` with one and with three threads, and with three where one was promised, are the same to the bit.
/// Repeats when a suite that runs at the same time changed the level.
func expectSameForAnyThreads(_ run: () -> [[Float]]) {
  defer { hsi_pool_set_threads(0) }
  for _ in 0..<5 {
    let level = hsi_kernel_level()
    hsi_pool_set_threads(1)
    let one = run()
    hsi_pool_set_threads(3)
    let three = run()
    hsi_pool_set_threads(1)
    Scratch.threadsAfterSizing = 3
    let promisedOne = run()
    Scratch.threadsAfterSizing = nil
    if one == three && one == promisedOne { return }
    if hsi_kernel_level() == level {
      Issue.record("results depend on the number of threads")
      return
    }
  }
}
