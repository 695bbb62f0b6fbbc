// Bilinear resampling of the rows and columns of [planes][rows][columns][channels].
#ifndef HSI_NN_RESAMPLE_H
#define HSI_NN_RESAMPLE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// y of [planes][out_rows][out_columns][channels]. Source coordinate of output i, in fp32 as deep learning frameworks
/// compute it:
///     align_corners:  i (n - 1) / (m - 1)             (0 when m = 1)
///     otherwise:      max(0, (i + 1/2) n / m - 1/2)
/// with n inputs and m outputs; no antialiasing. All sizes > 0, y is not x.
void hsi_resize_bilinear(const float *x, size_t planes, size_t rows, size_t columns, size_t channels, size_t out_rows,
                         size_t out_columns, int align_corners, float *y);

/// Its gradient: dx of [planes][rows][columns][channels] is written.
void hsi_resize_bilinear_backward(const float *dy, size_t planes, size_t rows, size_t columns, size_t channels,
                                  size_t out_rows, size_t out_columns, int align_corners, float *dx);

/// Twice as many rows and columns, align_corners.
void hsi_upsample_twice(const float *x, size_t planes, size_t rows, size_t columns, size_t channels, float *y);
void hsi_upsample_twice_backward(const float *dy, size_t planes, size_t rows, size_t columns, size_t channels,
                                 float *dx);

#ifdef __cplusplus
}
#endif
#endif
