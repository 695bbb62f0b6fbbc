// Packing helpers shared by products and nmf_sweep. Private.
#ifndef HSI_PACKING_H
#define HSI_PACKING_H

#include "simd_types.h"

/// Channels as the row functions see them: rows shorter than one vector are copied into rows of 16.
HSI_INLINE size_t hsi_padded_channels(size_t channels) { return channels < 16 ? 16 : channels; }

/// Value of packed lane j: column c of a channels x columns row-major matrix, 0 in overlapping or missing lanes.
HSI_INLINE double hsi_packed_value(const double *weights, size_t channels, size_t columns, size_t c, size_t lane) {
    if (channels < 16) return lane < channels ? weights[lane * columns + c] : 0.0;
    size_t chunk = lane / 16;
    size_t channel = hsi_chunk_start(chunk, channels) + lane % 16;
    return channel >= 16 * chunk ? weights[channel * columns + c] : 0.0;
}

HSI_INLINE void hsi_pack_weights_f32(const double *weights, size_t channels, size_t columns, float *packed) {
    size_t lanes = 16 * hsi_chunk_count(channels);
    for (size_t c = 0; c < columns; c++)
        for (size_t lane = 0; lane < lanes; lane++)
            packed[c * lanes + lane] = (float)hsi_packed_value(weights, channels, columns, c, lane);
}

HSI_INLINE void hsi_pack_weights_f64(const double *weights, size_t channels, size_t columns, double *packed) {
    size_t lanes = 16 * hsi_chunk_count(channels);
    for (size_t c = 0; c < columns; c++)
        for (size_t lane = 0; lane < lanes; lane++)
            packed[c * lanes + lane] = hsi_packed_value(weights, channels, columns, c, lane);
}

/// Copies short rows (channels < 16) into rows of 16, zero padded.
HSI_INLINE void hsi_widen_rows(const float *scene, size_t stride, size_t pixels, size_t channels, float *wide) {
    for (size_t n = 0; n < pixels; n++)
        for (size_t l = 0; l < 16; l++) wide[16 * n + l] = l < channels ? scene[n * stride + l] : 0.0f;
}

/// Adds packed [column][16 * chunks] sums of `blocks` blocks (each `block_stride` apart) in block order into
/// channels x columns row-major.
HSI_INLINE void hsi_combine_packed(const double *partials, size_t blocks, size_t block_stride, size_t channels,
                                   size_t columns, double *sums) {
    size_t lanes = 16 * hsi_chunk_count(channels);
    for (size_t l = 0; l < channels; l++) {
        size_t chunk = l / 16;
        size_t start = channels < 16 ? 0 : hsi_chunk_start(chunk, channels);
        size_t lane = 16 * chunk + (l - start);
        for (size_t c = 0; c < columns; c++) {
            double total = 0;
            const double *p = partials + c * lanes + lane;
            for (size_t b = 0; b < blocks; b++) total += p[b * block_stride];
            sums[l * columns + c] = total;
        }
    }
}

#endif
