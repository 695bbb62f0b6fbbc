// Dense convolutions of volumes, channels last, with both gradients.
#ifndef HSI_CONVOLUTION_H
#define HSI_CONVOLUTION_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HSI_CONVOLUTION_MAX_DEPTH_TAPS = 7 };

/// A convolution (cross-correlation) with zero padding of half a kernel, stride 1 over depth.
///
/// Input [samples][depth][rows][columns][input_channels], output [samples][depth][output rows][output columns]
/// [output_channels], fp32 and contiguous; output rows = (rows - 1) / plane_stride + 1, columns alike.
/// Weights in PyTorch order [output][input][depth_taps][plane_taps][plane_taps]. All sizes and channel counts >= 1.
///
/// exact != 0 asks for the direct sum (error about 1e-6 of the largest output, 2e-6 at 27 x 100 products). Otherwise
/// 3 x 3 planes with stride 1 and at least 5 channels on both sides go through Winograd's F(4 x 4, 3 x 3) (Lavin & Gray
/// 2016), about 5e-6 to 2e-5 of the largest output, at 2 to 3 times the speed. With more depth taps than one the sum over depth is inside the 36 products.
/// Everything else is direct anyway.
///
/// Results do not depend on the number of threads. Packed weights depend only on channels, taps and stride: the same
/// ones serve every size of volume.
typedef struct hsi_convolution {
    int samples, depth, rows, columns; ///< of the input
    int input_channels, output_channels;
    int depth_taps;   ///< 1, 3, 5 or 7
    int plane_taps;   ///< 1 or 3, the same for rows and columns
    int plane_stride; ///< 1 or 2, the same for rows and columns
} hsi_convolution;

/// Floats that hsi_convolution_pack writes.
size_t hsi_convolution_packed_size(const hsi_convolution *c, int exact);

/// Prepares weights for hsi_convolution_forward. Pack once, use many times.
void hsi_convolution_pack(const hsi_convolution *c, int exact, const float *weights, float *packed);

/// Floats that hsi_convolution_pack_transposed writes.
size_t hsi_convolution_packed_size_transposed(const hsi_convolution *c, int exact);

/// Prepares weights for hsi_convolution_data_gradient: flipped taps, input and output channels exchanged.
void hsi_convolution_pack_transposed(const hsi_convolution *c, int exact, const float *weights, float *packed);

/// Floats of scratch for any of the three calls below, for that many threads of the pool.
size_t hsi_convolution_scratch_size(const hsi_convolution *c, int exact, int threads);

/// y = [accumulate ? y : 0] + leaky(conv(x) + bias), leaky(v) = v > 0 ? v : leak * v (1 = identity); bias null = 0.
/// Runs on the pool. x and y must not overlap.
void hsi_convolution_forward(const hsi_convolution *c, int exact, const float *x, const float *packed, const float *bias,
                             float leak, int accumulate, float *y, float *scratch, int threads);

/// dx = [accumulate ? dx : 0] + the gradient of sum(dy * conv(x)) by x. Runs on the pool.
void hsi_convolution_data_gradient(const hsi_convolution *c, int exact, const float *dy, const float *packed_transposed,
                                   int accumulate, float *dx, float *scratch, int threads);

/// dw += the gradient of sum(dy * conv(x)) by the weights, in their order; db[o] += sum of dy (db may be null).
/// Sums over pixels: fp32 inside at most 64 parts with fixed borders, fp64 across. Runs on the pool.
void hsi_convolution_weight_gradient(const hsi_convolution *c, int exact, const float *x, const float *dy, float *dw,
                                     float *db, float *scratch, int threads);

#ifdef __cplusplus
}
#endif
#endif
