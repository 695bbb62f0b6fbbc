// Products of linear layers on blocks of rows, for the drivers that use them. Private.
#ifndef HSI_NN_LINEAR_PRIVATE_H
#define HSI_NN_LINEAR_PRIVATE_H

#include "hsi_nn_linear.h"

typedef struct {
    /// a, its row stride, packed b, bias, start, its row stride, c, its row stride, rows, columns, depth.
    void (*gemm)(const float *, size_t, const float *, const float *, const float *, size_t, float *, size_t, size_t,
                 size_t, size_t);
    /// rows (at most 128), a, its row stride, columns of a, b, its row stride, columns of b, sums, their row stride, whether
    /// 15 floats after the last row of b can be read.
    void (*row_products)(size_t, const float *, size_t, size_t, const float *, size_t, size_t, float *, size_t, int);
    void (*row_sums)(size_t, const float *, size_t, size_t, float *);
    /// weights, floats from row to row, depth, rows (at most 32), one panel of hsi_gemm_pack_transposed.
    void (*pack_turned)(const float *, size_t, size_t, size_t, float *);
} linear_table;

const linear_table *hsi_linear_table(void);

#endif
