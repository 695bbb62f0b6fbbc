// Vector types and macros shared by all levels. Private.
#ifndef HSI_SIMD_TYPES_H
#define HSI_SIMD_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef float f32x16 __attribute__((ext_vector_type(16)));
typedef float f32x8 __attribute__((ext_vector_type(8)));
typedef float f32x4 __attribute__((ext_vector_type(4)));
typedef float f32x2 __attribute__((ext_vector_type(2)));
typedef double f64x16 __attribute__((ext_vector_type(16)));
typedef double f64x8 __attribute__((ext_vector_type(8)));
typedef double f64x4 __attribute__((ext_vector_type(4)));
typedef double f64x2 __attribute__((ext_vector_type(2)));
typedef int32_t i32x16 __attribute__((ext_vector_type(16)));

#define HSI_INLINE static inline __attribute__((always_inline))
// Pastes after expanding its arguments.
#define HSI_JOIN_(a, b) a##b
#define HSI_JOIN(a, b) HSI_JOIN_(a, b)
#define HSI_UNROLL _Pragma("clang loop unroll(full)")

/// Channels are walked in chunks of 16. The last chunk of a row that is not a multiple of 16 starts early
/// (channels - 16) and overlaps the one before: no masks, no reads past the row. Operands that multiply it hold
/// zeros in the overlapping lanes.
HSI_INLINE size_t hsi_chunk_count(size_t channels) { return (channels + 15) / 16; }
HSI_INLINE size_t hsi_chunk_start(size_t chunk, size_t channels) {
    return 16 * chunk + 16 <= channels ? 16 * chunk : channels - 16;
}

/// Asks for the address `ahead` floats after p; a hint only, the address need not exist.
HSI_INLINE void hsi_prefetch(const void *p, size_t ahead) {
    __builtin_prefetch((const void *)((uintptr_t)p + 4 * ahead), 0, 3);
}

/// Memory to be asked for while something else is computed: the lines from `next` to `end`, a few at a time. Hints
/// to the second-level cache only; they pay when they are spread evenly over the work, and cost when they come in bursts.
typedef struct {
    uintptr_t next, end;
} hsi_ahead;
HSI_INLINE void hsi_ask(hsi_ahead *ahead, int lines) {
    for (int i = 0; i < lines && ahead->next < ahead->end; i++, ahead->next += 64)
        __builtin_prefetch((const void *)ahead->next, 0, 2);
}

/// Pixels that are accumulated in fp32 before the sum goes to fp64, and the unit of cache blocking.
enum { HSI_SUBBLOCK = 64 };

/// Pixels per pool item for sums over pixels: at most about 64 items, fixed by the number of pixels alone.
HSI_INLINE size_t hsi_pixels_per_block(size_t pixels) {
    size_t wanted = (pixels / 64 + HSI_SUBBLOCK - 1) / HSI_SUBBLOCK * HSI_SUBBLOCK;
    return wanted < 1024 ? 1024 : wanted;
}
HSI_INLINE size_t hsi_block_count(size_t pixels) {
    size_t block = hsi_pixels_per_block(pixels);
    return (pixels + block - 1) / block;
}

#endif
