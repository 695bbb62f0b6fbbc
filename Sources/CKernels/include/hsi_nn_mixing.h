// Means of planes (bands) and their gradient, as guided spectral self-attention needs them. x is [planes][pixels][channels].
#ifndef HSI_NN_MIXING_H
#define HSI_NN_MIXING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// means[d][c] = mean over pixels of x[d][n][c]; fp32 over at most 64 values, fp64 beyond.
void hsi_plane_means(const float *x, size_t planes, size_t pixels, size_t channels, float *means);

/// x[d][n][c] += scale * vectors[d][c]: with scale = 1 / pixels the gradient of hsi_plane_means.
void hsi_add_plane_vectors(float *x, size_t planes, size_t pixels, size_t channels, const float *vectors, float scale);

#ifdef __cplusplus
}
#endif
#endif
