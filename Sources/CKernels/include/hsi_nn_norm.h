// Batch normalisation of rows per channel.
#ifndef HSI_NN_NORM_H
#define HSI_NN_NORM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Floats of scratch (8-byte aligned) for hsi_batch_moments and hsi_batch_norm_backward.
size_t hsi_batch_norm_scratch_size(size_t rows, size_t channels);

/// Mean and biased variance over rows per channel. fp32 around a local mean over at most some hundred values, fp64
/// beyond, so a mean far above the deviation does no harm. rows > 0. One pass over x.
void hsi_batch_moments(const float *x, size_t rows, size_t channels, double *mean, double *variance, float *scratch);

/// y = scale[c] x + shift[c]: normalisation and affine map folded into one. y may be x.
void hsi_affine_channels(const float *x, size_t rows, size_t channels, const float *scale, const float *shift,
                         float *y);

/// Gradient of y = gamma (x - mean) inverse_std + beta where mean and inverse_std come from x itself:
///     dx = gamma inverse_std (dy - mean(dy) - xhat mean(dy xhat)),  dgamma += sum dy xhat,  dbeta += sum dy
/// dx may be dy or x. Two passes over x and dy.
void hsi_batch_norm_backward(const float *x, const float *dy, size_t rows, size_t channels, const double *mean,
                             const double *inverse_std, const float *gamma, float *dx, float *dgamma, float *dbeta,
                             float *scratch);

#ifdef __cplusplus
}
#endif
#endif
