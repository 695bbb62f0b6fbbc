// Depthwise 3 x 3 convolution, channels last, stride 1, zero padding.
#ifndef HSI_NN_DEPTHWISE_H
#define HSI_NN_DEPTHWISE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// packed[tap][channel] from weights[channel][3][3], the channels `stride` floats apart (9, or 27 for one depth tap of a
/// 3 x 3 x 3 filter); the mirrored taps (for the data gradient) when mirrored != 0. 9 * channels floats.
void hsi_depthwise_pack(const float *weights, size_t stride, size_t channels, int mirrored, float *packed);

/// y[p, i, j, c] = [accumulate ? y : 0] + bias[c] + sum w[c, a, b] x[p, i + a - 1, j + b - 1, c] over
/// [planes][rows][columns][channels]; bias may be null. A volume is the sum over its depth taps. The gradient of x is the same call with dy and the mirrored weights. y is not x.
void hsi_depthwise_forward(const float *x, size_t planes, size_t rows, size_t columns, size_t channels,
                           const float *packed, const float *bias, int accumulate, float *y);

/// Floats of scratch for hsi_depthwise_weight_gradient.
size_t hsi_depthwise_weight_gradient_scratch_size(size_t planes, size_t rows, size_t channels);

/// dw[c][3][3] += sum dy x, db[c] += sum dy unless null. fp32 along one row of an image and within an item, fp64 between
/// items (at most 64, split by the number of rows alone).
void hsi_depthwise_weight_gradient(const float *x, const float *dy, size_t planes, size_t rows, size_t columns,
                                   size_t channels, float *dw, float *db, float *scratch);

#ifdef __cplusplus
}
#endif
#endif
