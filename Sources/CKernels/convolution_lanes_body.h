// Register blocks of the direct convolution for vectors of LANES floats (16 or 8). Private.

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
