// Products of linear layers; compiled once per level.
#include "gemm_body.h"
#include "row_products_body.h"

/// row_products for rows that come from memory.
static void K(row_products_streamed)(size_t rows, const float *a, size_t lda, size_t count, const float *b, size_t ldb,
                                     size_t columns, float *p, size_t ldp, int padded) {
    K(stream_in)(b, ldb, rows, columns);
    K(row_products)(rows, a, lda, count, b, ldb, columns, p, ldp, padded);
}

/// target[k * width + i] = source[i * stride + k], 8 x 8: rounds of interleaving row i with row i + 4.
HSI_INLINE void K(turn_tile)(const float *source, size_t stride, float *target, size_t width) {
    f32x8 v[8], t[8];
    HSI_UNROLL for (int i = 0; i < 8; i++) memcpy(&v[i], source + (size_t)i * stride, sizeof v[i]);
    HSI_UNROLL for (int round = 0; round < 3; round++) {
        HSI_UNROLL for (int i = 0; i < 4; i++) {
            t[2 * i] = __builtin_shufflevector(v[i], v[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
            t[2 * i + 1] = __builtin_shufflevector(v[i], v[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
        }
        HSI_UNROLL for (int i = 0; i < 8; i++) v[i] = t[i];
    }
    HSI_UNROLL for (int i = 0; i < 8; i++) memcpy(target + (size_t)i * width, &v[i], sizeof v[i]);
}

/// One panel of hsi_gemm_pack_transposed: `columns` (at most 32) rows of a matrix whose rows are `stride` floats apart.
static void K(pack_turned)(const float *weights, size_t stride, size_t depth, size_t columns, float *panel) {
    const size_t width = columns > 16 ? 32 : 16;
    size_t k = 0;
    for (; k + 8 <= depth; k += 8)
        for (size_t i = 0; i < width; i += 8) {
            if (i + 8 <= columns) {
                K(turn_tile)(weights + i * stride + k, stride, panel + k * width + i, width);
                continue;
            }
            for (size_t d = 0; d < 8; d++)
                for (size_t e = i; e < i + 8; e++)
                    panel[(k + d) * width + e] = e < columns ? weights[e * stride + k + d] : 0.0f;
        }
    for (; k < depth; k++)
        for (size_t i = 0; i < width; i++) panel[k * width + i] = i < columns ? weights[i * stride + k] : 0.0f;
}

static const linear_table K(linear) = {K(gemm), K(row_products_streamed), K(row_sums), K(pack_turned)};
