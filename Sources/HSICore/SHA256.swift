import Foundation

/// The SHA-256 digest of data that arrives in pieces (FIPS 180-4).
///
/// Foundation has no digest on Linux, and a cryptography package would add several hundred C files to every build
/// for this one fingerprint of input headers. Not for secrets: no attempt is made at constant time.
public struct SHA256 {
  private var state: [UInt32] = SHA256.initial
  private var pending: [UInt8] = []
  private var length: UInt64 = 0

  /// The digest of nothing yet.
  public init() {}

  /// Appends bytes.
  public mutating func update(_ bytes: some DataProtocol) {
    for region in bytes.regions { region.withUnsafeBytes { append($0) } }
  }

  private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    length += UInt64(bytes.count)
    var rest = bytes[...]
    if !pending.isEmpty {
      let head = rest.prefix(64 - pending.count)
      pending.append(contentsOf: head)
      rest = rest.dropFirst(head.count)
      guard pending.count == 64 else { return }
      pending.withUnsafeBytes { SHA256.compress(&state, $0) }
      pending.removeAll(keepingCapacity: true)
    }
    let whole = rest.count / 64 * 64
    if whole > 0 { SHA256.compress(&state, UnsafeRawBufferPointer(rebasing: rest.prefix(whole))) }
    pending.append(contentsOf: rest.dropFirst(whole))
  }

  /// The digest as 64 hexadecimal digits.
  public consuming func hexadecimal() -> String {
    let bits = length * 8
    var tail: [UInt8] = [0x80]
    while (pending.count + tail.count) % 64 != 56 { tail.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) {
      tail.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
    }
    update(tail)
    return state.map { String(format: "%08x", $0) }.joined()
  }

  /// The digest of a file, read in pieces of 1 MiB; nil where it cannot be read.
  public static func hexadecimal(ofFile path: String) -> String? {
    guard let file = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? file.close() }
    var digest = SHA256()
    while true {
      do {
        guard let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty else { break }
        digest.update(piece)
      } catch {
        return nil
      }
    }
    return digest.hexadecimal()
  }

  private static let initial: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]

  /// First 32 bits of the fractional parts of the cube roots of the first 64 primes.
  private static let constants: [UInt32] = {
    var primes: [UInt64] = []
    var candidate: UInt64 = 2
    while primes.count < 64 {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return primes.map { prime in
      // ⌊2³² ∛p⌋ by bisection in integers: the largest r with r³ ≤ p · 2⁹⁶.
      var (low, high): (UInt64, UInt64) = (0, 1 << 35)
      let target = (high: prime << 32, low: UInt64(0))
      while high - low > 1 {
        let middle = (low + high) / 2
        let square = middle.multipliedFullWidth(by: middle)
        let a = square.low.multipliedFullWidth(by: middle)
        let top = square.high * middle + a.high
        let fits = top < target.high || (top == target.high && a.low <= target.low)
        if fits { low = middle } else { high = middle }
      }
      return UInt32(truncatingIfNeeded: low)
    }
  }()

  /// Takes in whole blocks of 64 bytes.
  private static func compress(_ sums: inout [UInt32], _ blocks: UnsafeRawBufferPointer) {
    @inline(__always) func rotate(_ x: UInt32, _ n: UInt32) -> UInt32 { x >> n | x << (32 - n) }
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { w in
      sums.withUnsafeMutableBufferPointer { state in
        constants.withUnsafeBufferPointer { k in
          for start in stride(from: 0, to: blocks.count, by: 64) {
            for t in 0..<16 {
              w[t] = UInt32(bigEndian: blocks.loadUnaligned(fromByteOffset: start + 4 * t, as: UInt32.self))
            }
            for t in 16..<64 {
              let s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3
              let s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10
              w[t] = w[t - 16] &+ s0 &+ w[t - 7] &+ s1
            }
            var (a, b, c, d) = (state[0], state[1], state[2], state[3])
            var (e, f, g, h) = (state[4], state[5], state[6], state[7])
            for t in 0..<64 {
              let s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
              let t1 = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ k[t] &+ w[t]
              let s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
              let t2 = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
              (h, g, f, e, d, c, b, a) = (g, f, e, d &+ t1, c, b, a, t1 &+ t2)
            }
            state[0] &+= a
            state[1] &+= b
            state[2] &+= c
            state[3] &+= d
            state[4] &+= e
            state[5] &+= f
            state[6] &+= g
            state[7] &+= h
          }
        }
      }
    }
  }
}
