// Stored samples from one order of axes and bytes to another, values unchanged.
#ifndef HSI_REORDER_H
#define HSI_REORDER_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The sample of pixel n, band b is at source + n * source_pixel + b * source_band (bytes, any alignment), and goes to
/// target + n * target_pixel + b * target_band. Source and target do not overlap.
typedef struct {
    const void *source;
    void *target;
    size_t sample_size; ///< 1, 2, 4 or 8 bytes
    int swap_bytes;     ///< reverse the bytes of every sample
    size_t pixels, bands;
    ptrdiff_t source_pixel, source_band, target_pixel, target_band; ///< bytes
} hsi_reorder_job;

/// Copies where both orders agree, else transposes tile by tile, about at the rate of a copy. Orders in which neither
/// pixels nor bands are packed go sample by sample. Runs on the pool. Returns 0, or -1 for an unknown size.
int hsi_reorder(const hsi_reorder_job *job);

#ifdef __cplusplus
}
#endif
#endif
