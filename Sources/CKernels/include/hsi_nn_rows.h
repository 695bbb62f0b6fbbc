// Layer normalisation and softmax over the last axis.
#ifndef HSI_NN_ROWS_H
#define HSI_NN_ROWS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// y = gamma (s - mean(s)) / sqrt(var(s) + epsilon) + beta per row, s = x + residual, biased variance.
///
/// residual may be null; `sum` receives s unless null (it may be x). `statistics` receives mean and inverse deviation of
/// every row unless null (rows x 2). y may be x. A row has the same bits whatever rows share the call.
void hsi_layer_norm_forward(const float *x, const float *residual, size_t rows, size_t channels, const float *gamma,
                            const float *beta, float epsilon, float *sum, float *y, float *statistics);

/// Floats of scratch for hsi_layer_norm_backward.
size_t hsi_layer_norm_backward_scratch_size(size_t rows, size_t channels);

/// x is the s of the forward pass. dx = gradient of s, plus `add` unless null (the gradient that s gets by itself as the
/// residual stream); dx may be dy or add. dgamma and dbeta are added to, and may both be null.
void hsi_layer_norm_backward(const float *x, const float *dy, const float *statistics, size_t rows, size_t channels,
                             const float *gamma, const float *add, float *dx, float *dgamma, float *dbeta,
                             float *scratch);

/// y = softmax(scale * x) over rows of `columns` values; y may be x. columns > 0.
void hsi_softmax_forward(const float *x, size_t rows, size_t columns, float scale, float *y);

/// dx = scale * y (dy - sum y dy), from the output y; dx may be dy or y.
void hsi_softmax_backward(const float *y, const float *dy, size_t rows, size_t columns, float scale, float *dx);

#ifdef __cplusplus
}
#endif
#endif
