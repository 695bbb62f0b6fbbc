// Register blocks of sums of outer products for vectors of LANES floats (16 or 8). Private.


HSI_INLINE void L(outer_tile)(const float *a, size_t a_step, const float *b, size_t b_step, size_t pixels, size_t left,
                              float *sums, size_t stride, const int rows, const int vectors) {
    VECTOR acc[12][2];
    HSI_UNROLL for (int i = 0; i < rows; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] = (VECTOR)(0.0f);
    for (size_t n = 0; n < pixels; n++, a += a_step, b += b_step) {
        VECTOR c[2];
        HSI_UNROLL for (int v = 0; v < vectors; v++) c[v] = L(read)(b + LANES * v, L(filled)(left, v));
        HSI_UNROLL for (int i = 0; i < rows; i++) {
            float factor = a[i];
            HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] += c[v] * factor;
        }
    }
    HSI_UNROLL for (int i = 0; i < rows; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) {
        float *target = sums + (size_t)i * stride + LANES * v;
        const size_t count = L(filled)(left, v);
        L(write)(target, acc[i][v] + L(read)(target, count), count);
    }
}

#if HSI_LEVEL == 4
enum { L(OUTER_ROWS) = 8, L(OUTER_VECTORS) = 2 };
#else
enum { L(OUTER_ROWS) = HSI_LEVEL == 3 ? 4 : 2, L(OUTER_VECTORS) = 1 };
#endif

/// The next block of rows, at most `rows_left`; returns how many it did.
HSI_INLINE size_t L(outer_block)(const float *a, size_t a_step, const float *b, size_t b_step, size_t pixels,
                                 size_t rows_left, size_t left, float *sums, size_t stride, const int vectors) {
    const size_t rows = rows_left >= L(OUTER_ROWS) ? L(OUTER_ROWS) : rows_left >= 4 ? 4 : rows_left >= 2 ? 2 : 1;
    // One vector at a time where two need too many registers.
    const int together = vectors < L(OUTER_VECTORS) ? vectors : L(OUTER_VECTORS);
    for (int v = 0; v < vectors && left > (size_t)(LANES * v); v += together) {
        const float *c = b + LANES * v;
        float *target = sums + LANES * v;
        const size_t rest = left - (size_t)(LANES * v);
        if (rows == L(OUTER_ROWS)) L(outer_tile)(a, a_step, c, b_step, pixels, rest, target, stride, L(OUTER_ROWS), together);
        else if (rows == 4) L(outer_tile)(a, a_step, c, b_step, pixels, rest, target, stride, 4, together);
        else if (rows == 2) L(outer_tile)(a, a_step, c, b_step, pixels, rest, target, stride, 2, together);
        else L(outer_tile)(a, a_step, c, b_step, pixels, rest, target, stride, 1, together);
    }
    return rows;
}
