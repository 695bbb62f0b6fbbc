import CKernels

/// What a program that uses the library can do about its own memory.
public enum ProcessMemory {
  /// Lets freed blocks from 128 KiB on go back to the system at once, where the C library would keep them. For programs,
  /// once at their start.
  public static func returnLargeBlocks() { hsi_return_large_blocks() }
}
