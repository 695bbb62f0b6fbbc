// Products summed over rows, P += A^T B, in the register-blocked form; compiled once per level by the families that
// need weight gradients.

#if HSI_LEVEL == 4
enum { K(SUM_ROWS_TILE) = 8, K(SUM_VECTORS) = 2 };
#elif HSI_LEVEL == 3
enum { K(SUM_ROWS_TILE) = 6, K(SUM_VECTORS) = 1 };
#else
enum { K(SUM_ROWS_TILE) = 2, K(SUM_VECTORS) = 1 };
#endif

/// Rows n < fast read B with full vectors (which may reach into what follows, into lanes nobody uses), the others only
/// its own `left` columns.
HSI_INLINE void K(row_products_tile)(size_t rows, size_t fast, const float *a, size_t lda, const float *b, size_t ldb,
                                     size_t left, float *p, size_t ldp, const int tile, const int vectors) {
    f32x16 acc[8][2];
    HSI_UNROLL for (int i = 0; i < tile; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] = (f32x16)(0.0f);
    for (size_t n = 0; n < rows; n++) {
        f32x16 y[2];
        HSI_UNROLL for (int v = 0; v < vectors; v++) {
            size_t own = left - 16 * (size_t)v;
            const float *source = b + n * ldb + 16 * v;
            y[v] = n < fast || own >= 16 ? K(load)(source) : K(load_partial)(source, own, 0.0f);
        }
        HSI_UNROLL for (int i = 0; i < tile; i++) {
            float factor = a[n * lda + i];
            HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] += y[v] * factor;
        }
    }
    HSI_UNROLL for (int i = 0; i < tile; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) {
        float *target = p + i * ldp + 16 * v;
        K(store)(target, K(load)(target) + acc[i][v]);
    }
}

/// P[i][j] += sum_n A[n][i] B[n][j], i < count, j < columns; ldp >= columns rounded up to 16, the excess is arbitrary.
/// At most about 128 rows, which one fp32 chain sums. `padded` = 1 when 15 floats after the last row of B are readable.
static inline void K(row_products)(size_t rows, const float *a, size_t lda, size_t count, const float *b, size_t ldb,
                            size_t columns, float *p, size_t ldp, int padded) {
    size_t fast = rows;
    if (columns % 16 && !padded) {
        size_t slow = 15 / ldb + 1;
        fast = rows > slow ? rows - slow : 0;
    }
    for (size_t j = 0; j < columns;) {
        size_t left = columns - j;
        const int two = K(SUM_VECTORS) == 2 && left > 16;
        size_t i = 0;
#define HSI_TILES(many, vectors)                                                                           \
    for (; i + many <= count; i += many)                                                                   \
        K(row_products_tile)(rows, fast, a + i, lda, b + j, ldb, left, p + i * ldp + j, ldp, many, vectors);
        if (two) {
            HSI_TILES(K(SUM_ROWS_TILE), 2)
            HSI_TILES(1, 2)
        } else {
            HSI_TILES(K(SUM_ROWS_TILE), 1)
            HSI_TILES(1, 1)
        }
#undef HSI_TILES
        j += two ? 32 : 16;
    }
}

/// sums[j] += sum_n B[n][j] over at most about 128 rows.
static inline void K(row_sums)(size_t rows, const float *b, size_t ldb, size_t columns, float *sums) {
    for (size_t j = 0; j < columns; j += 16) {
        size_t left = columns - j;
        f32x16 even = (f32x16)(0.0f), odd = even;
        size_t n = 0;
        if (left >= 16) {
            for (; n + 2 <= rows; n += 2) {
                even += K(load)(b + n * ldb + j);
                odd += K(load)(b + (n + 1) * ldb + j);
            }
            if (n < rows) even += K(load)(b + n * ldb + j);
            K(store)(sums + j, K(load)(sums + j) + (even + odd));
        } else {
            for (; n < rows; n++) even += K(load_partial)(b + n * ldb + j, left, 0.0f);
            K(store_partial)(sums + j, K(load_partial)(sums + j, left, 0.0f) + even, left);
        }
    }
}
