// Register-blocked product of many rows with a packed matrix (hsi_gemm_pack); compiled once per level by the
// families that multiply.

#if HSI_LEVEL == 4
enum { K(GEMM_ROWS_WIDE) = 12, K(GEMM_ROWS_NARROW) = 12 };
#elif HSI_LEVEL == 3
enum { K(GEMM_ROWS_WIDE) = 2, K(GEMM_ROWS_NARROW) = 6 };
#else
enum { K(GEMM_ROWS_WIDE) = 1, K(GEMM_ROWS_NARROW) = 2 };
#endif

/// rows x (16 * vectors) block of C = bias + start + A B; `columns` of them are stored.
HSI_INLINE void K(gemm_tile)(const float *a, size_t lda, const float *panel, const float *bias, const float *start,
                             size_t lds, float *c, size_t ldc, size_t columns, size_t depth, const int rows,
                             const int vectors) {
    f32x16 acc[12][2];
    HSI_UNROLL for (int v = 0; v < vectors; v++) {
        size_t left = columns - 16 * (size_t)v;
        f32x16 first = (f32x16)(0.0f);
        if (bias) first = left >= 16 ? K(load)(bias + 16 * v) : K(load_partial)(bias + 16 * v, left, 0.0f);
        HSI_UNROLL for (int i = 0; i < rows; i++) acc[i][v] = first;
    }
    if (start) {
        HSI_UNROLL for (int i = 0; i < rows; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) {
            size_t left = columns - 16 * (size_t)v;
            const float *source = start + i * lds + 16 * v;
            acc[i][v] += left >= 16 ? K(load)(source) : K(load_partial)(source, left, 0.0f);
        }
    }
    for (size_t k = 0; k < depth; k++) {
        f32x16 b[2];
        HSI_UNROLL for (int v = 0; v < vectors; v++) b[v] = K(load)(panel + (k * vectors + v) * 16);
        HSI_UNROLL for (int i = 0; i < rows; i++) {
            float factor = a[i * lda + k];
            HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] += b[v] * factor;
        }
    }
    HSI_UNROLL for (int i = 0; i < rows; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) {
        size_t left = columns - 16 * (size_t)v;
        float *target = c + i * ldc + 16 * v;
        if (left >= 16) K(store)(target, acc[i][v]);
        else K(store_partial)(target, acc[i][v], left);
    }
}

/// C = bias + start + A B for `rows` rows; bias (one value per column) and start (row stride lds, may be C) may be
/// null. Every element is one fp32 chain over k in ascending order.
static inline void K(gemm)(const float *a, size_t lda, const float *packed, const float *bias, const float *start, size_t lds,
                    float *c, size_t ldc, size_t rows, size_t columns, size_t depth) {
    for (size_t j = 0; j < columns; j += 32) {
        size_t width = columns - j < 32 ? columns - j : 32;
        const float *panel = packed + j * depth, *b = bias ? bias + j : NULL, *s = start ? start + j : NULL;
        size_t i = 0;
#define HSI_TILES(many, vectors, width)                                                                            \
    for (; i + many <= rows; i += many)                                                                                \
        K(gemm_tile)(a + i * lda, lda, panel, b, s ? s + i * lds : NULL, lds, c + i * ldc + j, ldc, width, depth, many, vectors); \
    for (; many > 4 && i + 4 <= rows; i += 4)                                                                           \
        K(gemm_tile)(a + i * lda, lda, panel, b, s ? s + i * lds : NULL, lds, c + i * ldc + j, ldc, width, depth, 4, vectors); \
    for (; i < rows; i++)                                                                                              \
        K(gemm_tile)(a + i * lda, lda, panel, b, s ? s + i * lds : NULL, lds, c + i * ldc + j, ldc, width, depth, 1, vectors);
        if (width == 32) {
            HSI_TILES(K(GEMM_ROWS_WIDE), 2, 32)
        } else if (width > 16) {
            HSI_TILES(K(GEMM_ROWS_WIDE), 2, width)
        } else if (width == 16) {
            HSI_TILES(K(GEMM_ROWS_NARROW), 1, 16)
        } else {
            HSI_TILES(K(GEMM_ROWS_NARROW), 1, width)
        }
#undef HSI_TILES
    }
}
