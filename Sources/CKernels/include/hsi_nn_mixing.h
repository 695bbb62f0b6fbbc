// Mixing of planes (bands) by a small matrix, as guided spectral self-attention does, with what its gradient needs.
// x is [planes][values], values = pixels * channels.
#ifndef HSI_NN_MIXING_H
#define HSI_NN_MIXING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// y[d] = sum_j a[d][j] x[j], or sum_j a[j][d] x[j] when transposed, plus the old y[d] when accumulate != 0.
///
/// a is planes x planes row-major; y must not be x. Every value is one fp32 chain over j in ascending order. Cost
/// 2 * planes^2 * values flops; reads x once and writes y once.
void hsi_mix_planes(const float *a, const float *x, size_t planes, size_t values, int transposed, int accumulate,
                    float *y);

/// Floats of scratch (8-byte aligned) for hsi_plane_products.
size_t hsi_plane_products_scratch_size(size_t planes, size_t values);

/// products[d][j] = sum_n u[d][n] v[j][n], fp32 over at most 32 values, fp64 beyond. u may be v.
void hsi_plane_products(const float *u, const float *v, size_t planes, size_t values, float *products, float *scratch);

/// means[d][c] = mean over pixels of x[d][n][c]; fp32 over at most 64 values, fp64 beyond.
void hsi_plane_means(const float *x, size_t planes, size_t pixels, size_t channels, float *means);

/// x[d][n][c] += scale * vectors[d][c]: with scale = 1 / pixels the gradient of hsi_plane_means.
void hsi_add_plane_vectors(float *x, size_t planes, size_t pixels, size_t channels, const float *vectors, float scale);

#ifdef __cplusplus
}
#endif
#endif
