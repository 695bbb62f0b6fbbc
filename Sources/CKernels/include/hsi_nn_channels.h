// Chosen columns of a matrix, and back.
#ifndef HSI_NN_CHANNELS_H
#define HSI_NN_CHANNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// y[n, j] = x[n, columns[j]] for `rows` rows of x, `width` values each, and `count` columns; y has no gaps.
void hsi_gather_columns(const float *x, size_t rows, size_t width, const int32_t *columns, size_t count, float *y);

/// y[n, columns[j]] += x[n, j]: what gathering means for a gradient. Columns differ from each other.
void hsi_scatter_columns(const float *x, size_t rows, size_t width, const int32_t *columns, size_t count, float *y);

#ifdef __cplusplus
}
#endif

#endif
