// Instruction-set levels of the kernels.
#ifndef HSI_LEVELS_H
#define HSI_LEVELS_H

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HSI_LEVEL_BASELINE = 1, ///< What the compiler targets by default (SSE2, NEON).
    HSI_LEVEL_V3 = 3,       ///< x86-64-v3: AVX2 and FMA.
    HSI_LEVEL_V4 = 4        ///< x86-64-v4: AVX-512 F, BW, CD, DQ, VL.
};

/// Level in use. The first call picks the best one the processor has, or the one named by the environment
/// variable HSI_KERNEL_LEVEL (1, 3, 4) when it is supported.
int hsi_kernel_level(void);

/// 1 when this build and this processor can run `level`, else 0.
int hsi_kernel_level_supported(int level);

/// Forces a level for the calling thread and the pool jobs that it starts, for tests and benchmarks. Level 0 returns
/// to the automatic choice. Returns 0, or -1 when the level is not supported (nothing changes then).
int hsi_kernel_set_level(int level);

/// The level that the calling thread has forced, 0 for none.
int hsi_kernel_forced_level(void);

/// Writes the supported levels in ascending order to `levels` (at most `capacity`), returns how many there are.
int hsi_kernel_supported_levels(int *levels, int capacity);

#ifdef __cplusplus
}
#endif
#endif
