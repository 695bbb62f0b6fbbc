// Register blocks of the direct convolution for vectors of LANES floats (16 or 8). Private.
#define L(name) K(HSI_JOIN(HSI_JOIN(name, _), LANES))
#define VECTOR HSI_JOIN(f32x, LANES)

HSI_INLINE VECTOR L(read)(const float *p, size_t count) {
    VECTOR v;
    if (count >= LANES) {
        memcpy(&v, p, sizeof v);
        return v;
    }
    float lanes[LANES] = {0};
    for (size_t i = 0; i < count; i++) lanes[i] = p[i];
    memcpy(&v, lanes, sizeof v);
    return v;
}
HSI_INLINE void L(write)(float *p, VECTOR v, size_t count) {
    if (count >= LANES) {
        memcpy(p, &v, sizeof v);
        return;
    }
    float lanes[LANES];
    memcpy(lanes, &v, sizeof v);
    for (size_t i = 0; i < count; i++) p[i] = lanes[i];
}

/// Lanes of vector v that hold one of `left` columns.
HSI_INLINE size_t L(filled)(size_t left, int v) { return left > (size_t)(LANES * v) ? left - (size_t)(LANES * v) : 0; }

// MARK: - Sum over taps

/// pixels x (vectors * LANES) outputs; the panel has rows of `width` floats.
HSI_INLINE void L(taps_tile)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, const float *panel, size_t width,
                             int q, size_t o, const int pixels, const int vectors) {
    const size_t inputs = row->inputs, x_step = row->x_step, left = row->outputs - o;
    VECTOR acc[12][2];
    HSI_UNROLL for (int i = 0; i < pixels; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] = (VECTOR)(0.0f);
    for (int t = 0; t < tap_count; t++) {
        const float *x = row->x + taps[t].offset + (ptrdiff_t)(x_step * (size_t)q);
        const float *w = panel + (size_t)taps[t].index * inputs * width;
        for (size_t k = 0; k < inputs; k++, w += width) {
            VECTOR b[2];
            HSI_UNROLL for (int v = 0; v < vectors; v++) memcpy(&b[v], w + LANES * v, sizeof b[v]);
            HSI_UNROLL for (int i = 0; i < pixels; i++) {
                float factor = x[(size_t)i * x_step + k];
                HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] += b[v] * factor;
            }
        }
    }
    float *y = row->y + (size_t)q * row->y_step + o;
    HSI_UNROLL for (int v = 0; v < vectors; v++) {
        const size_t count = L(filled)(left, v);
        VECTOR bias = row->bias ? L(read)(row->bias + o + LANES * v, count) : (VECTOR)(0.0f);
        HSI_UNROLL for (int i = 0; i < pixels; i++) {
            float *target = y + (size_t)i * row->y_step + LANES * v;
            VECTOR sum = acc[i][v] + bias;
            sum = sum > 0.0f ? sum : sum * row->leak;
            if (row->accumulate) sum += L(read)(target, count);
            L(write)(target, sum, count);
        }
    }
}

#if HSI_LEVEL == 4
enum { L(TAPS_PIXELS) = LANES == 16 ? 6 : 12 };
#elif HSI_LEVEL == 3
enum { L(TAPS_PIXELS) = LANES == 16 ? 6 : 8 };
#else
enum { L(TAPS_PIXELS) = LANES == 16 ? 2 : 4 };
#endif

/// The next block of pixels from q for `vectors` vectors of outputs; returns how many pixels it did.
HSI_INLINE int L(taps_block)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, const float *panel, int q, int end,
                             size_t o, const int vectors) {
    const int pixels = end - q >= L(TAPS_PIXELS) ? L(TAPS_PIXELS) : 1;
#if HSI_LEVEL == 4
    if (pixels > 1) L(taps_tile)(row, taps, tap_count, panel, LANES * vectors, q, o, L(TAPS_PIXELS), vectors);
    else L(taps_tile)(row, taps, tap_count, panel, LANES * vectors, q, o, 1, vectors);
#else
    // Too few registers for two vectors at once.
    for (int v = 0; v < vectors && o + LANES * v < row->outputs; v++) {
        if (pixels > 1) L(taps_tile)(row, taps, tap_count, panel + LANES * v, LANES * vectors, q, o + LANES * v, L(TAPS_PIXELS), 1);
        else L(taps_tile)(row, taps, tap_count, panel + LANES * v, LANES * vectors, q, o + LANES * v, 1, 1);
    }
#endif
    return pixels;
}

// MARK: - Few outputs

/// sums[i] = products of pixel q + i with the weights of one output channel.
HSI_INLINE void L(dots_block)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, const float *weights, int q,
                              const int pixels, float *sums) {
    const size_t inputs = row->inputs, x_step = row->x_step;
    VECTOR acc[8];
    HSI_UNROLL for (int i = 0; i < pixels; i++) acc[i] = (VECTOR)(0.0f);
    for (int t = 0; t < tap_count; t++) {
        const float *x = row->x + taps[t].offset + (ptrdiff_t)(x_step * (size_t)q);
        const float *w = weights + (size_t)taps[t].index * inputs;
        size_t k = 0;
        for (; k + LANES <= inputs; k += LANES) {
            VECTOR b = L(read)(w + k, LANES);
            HSI_UNROLL for (int i = 0; i < pixels; i++) acc[i] += b * L(read)(x + (size_t)i * x_step + k, LANES);
        }
        if (k < inputs) {
            VECTOR b = L(read)(w + k, inputs - k);
            HSI_UNROLL for (int i = 0; i < pixels; i++) acc[i] += b * L(read)(x + (size_t)i * x_step + k, inputs - k);
        }
    }
    HSI_UNROLL for (int i = 0; i < pixels; i++) sums[i] = L(total)(acc[i]);
}

// MARK: - Outer products

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
enum { L(OUTER_ROWS) = LANES == 16 ? 8 : 12 };
#elif HSI_LEVEL == 3
enum { L(OUTER_ROWS) = LANES == 16 ? 6 : 8 };
#else
enum { L(OUTER_ROWS) = LANES == 16 ? 2 : 4 };
#endif

HSI_INLINE size_t L(outer_block)(const float *a, size_t a_step, const float *b, size_t b_step, size_t pixels,
                                 size_t rows_left, size_t left, float *sums, size_t stride, const int vectors) {
    const int rows = rows_left >= L(OUTER_ROWS) ? L(OUTER_ROWS) : 1;
#if HSI_LEVEL == 4
    if (rows > 1) L(outer_tile)(a, a_step, b, b_step, pixels, left, sums, stride, L(OUTER_ROWS), vectors);
    else L(outer_tile)(a, a_step, b, b_step, pixels, left, sums, stride, 1, vectors);
#else
    for (int v = 0; v < vectors && left > (size_t)(LANES * v); v++) {
        const size_t rest = left - (size_t)(LANES * v);
        if (rows > 1) L(outer_tile)(a, a_step, b + LANES * v, b_step, pixels, rest, sums + LANES * v, stride, L(OUTER_ROWS), 1);
        else L(outer_tile)(a, a_step, b + LANES * v, b_step, pixels, rest, sums + LANES * v, stride, 1, 1);
    }
#endif
    return (size_t)rows;
}

#undef L
#undef VECTOR
