// Register blocks of sums of outer products for vectors of LANES floats (16 or 8). Private.


/// Few rows have too few sums in flight to hide the time of an addition: they take `ways` pixels at a time. The first
/// `skip` lanes count as zero when `masked`: they belong to the vector before.
HSI_INLINE void L(outer_tile)(hsi_rows a, hsi_rows b, size_t lines, size_t pixels, float *sums, size_t stride,
                              const int rows, const int vectors, const int ways, const int masked, size_t skip) {
    VECTOR acc[8][2][4];
    HSI_UNROLL for (int i = 0; i < rows; i++) HSI_UNROLL for (int v = 0; v < vectors; v++)
        HSI_UNROLL for (int w = 0; w < ways; w++) acc[i][v][w] = (VECTOR)(0.0f);
    for (size_t line = 0; line < lines; line++) {
        const float *x = a.p + line * a.line, *y = b.p + line * b.line;
        size_t n = 0;
        for (; n + (size_t)ways <= pixels; n += (size_t)ways)
            HSI_UNROLL for (int w = 0; w < ways; w++, x += a.step, y += b.step) {
                VECTOR c[2];
                HSI_UNROLL for (int v = 0; v < vectors; v++) c[v] = L(read_from)(y + LANES * v, masked, skip);
                HSI_UNROLL for (int i = 0; i < rows; i++) {
                    const float factor = x[i];
                    HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v][w] += c[v] * factor;
                }
            }
        for (; ways > 1 && n < pixels; n++, x += a.step, y += b.step)
            HSI_UNROLL for (int v = 0; v < vectors; v++) {
                const VECTOR c = L(read_from)(y + LANES * v, masked, skip);
                HSI_UNROLL for (int i = 0; i < rows; i++) acc[i][v][0] += c * x[i];
            }
    }
    HSI_UNROLL for (int i = 0; i < rows; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) {
        float *target = sums + (size_t)i * stride + LANES * v;
        VECTOR sum = acc[i][v][0];
        HSI_UNROLL for (int w = 1; w < ways; w++) sum += acc[i][v][w];
        L(write)(target, sum + L(read)(target, LANES), LANES);
    }
}

#if HSI_LEVEL == 4
enum { L(OUTER_ROWS) = 8, L(OUTER_VECTORS) = 2 };
#else
enum { L(OUTER_ROWS) = HSI_LEVEL == 3 ? 4 : 2, L(OUTER_VECTORS) = 1 };
#endif

/// All rows with `vectors` vectors of columns.
HSI_INLINE void L(outer_panel)(hsi_rows a, hsi_rows b, size_t lines, size_t pixels, size_t rows, float *sums, size_t stride,
                               const int vectors, const int masked, size_t skip) {
    // One vector at a time where two need too many registers.
    const int together = vectors < L(OUTER_VECTORS) ? vectors : L(OUTER_VECTORS);
    for (int v = 0; v < vectors; v += together, b.p += LANES * together, sums += LANES * together) {
        hsi_rows c = a;
        float *target = sums;
        size_t k = 0;
        for (; k + L(OUTER_ROWS) <= rows; k += L(OUTER_ROWS), c.p += L(OUTER_ROWS), target += L(OUTER_ROWS) * stride)
            L(outer_tile)(c, b, lines, pixels, target, stride, L(OUTER_ROWS), together, 1, masked, skip);
        for (; k + 3 <= rows; k += 3, c.p += 3, target += 3 * stride)
            L(outer_tile)(c, b, lines, pixels, target, stride, 3, together, 2, masked, skip);
        for (; k < rows; k++, c.p++, target += stride)
            L(outer_tile)(c, b, lines, pixels, target, stride, 1, together, 4, masked, skip);
    }
}
