// Register blocks of the direct convolution for vectors of LANES floats (16 or 8). Private.

// MARK: - Sum over taps

/// Bias, leak and sum for [pixel][vector] sums, where not all lanes are outputs.
static __attribute__((noinline)) void L(taps_finish)(const hsi_tap_row *row, const VECTOR *sums, int pixels, int vectors,
                                                     int q, size_t o) {
    for (int v = 0; v < vectors; v++) {
        const size_t count = L(filled)(row->outputs - o, v);
        const VECTOR bias = row->bias ? L(read)(row->bias + o + LANES * v, count) : (VECTOR)(0.0f);
        float *y = row->y + (size_t)q * row->y_step + o + LANES * v;
        for (int i = 0; i < pixels; i++, y += row->y_step) {
            VECTOR sum = sums[i * vectors + v] + bias;
            sum = sum > 0.0f ? sum : sum * row->leak;
            if (row->accumulate) sum += L(read)(y, count);
            L(write)(y, sum, count);
        }
    }
}

/// pixels x (vectors * LANES) outputs; the panel has rows of `width` floats. A step between pixels that is known when
/// compiled lets one address serve all of them (0 = not known).
HSI_INLINE void L(taps_tile)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, const float *panel, size_t width,
                             int q, size_t o, const int pixels, const int vectors, const size_t step) {
    const size_t inputs = row->inputs, x_step = step ? step : row->x_step;
    VECTOR acc[12][2];
    HSI_UNROLL for (int i = 0; i < pixels; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] = (VECTOR)(0.0f);
    for (int t = 0; t < tap_count; t++) {
        const float *x = row->x + taps[t].offset + (ptrdiff_t)(x_step * (size_t)q);
        const float *w = panel + (size_t)taps[t].index * inputs * width;
        for (size_t k = 0; k < inputs; k++, w += width) {
            VECTOR b[2];
            HSI_UNROLL for (int v = 0; v < vectors; v++) b[v] = L(read)(w + LANES * v, LANES);
            HSI_UNROLL for (int i = 0; i < pixels; i++) {
                float factor = x[(size_t)i * x_step + k];
                HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] += b[v] * factor;
            }
        }
    }
    if (row->outputs - o >= (size_t)(LANES * vectors)) {
        float *y = row->y + (size_t)q * row->y_step + o;
        const float leak = row->leak;
        HSI_UNROLL for (int v = 0; v < vectors; v++) {
            const VECTOR bias = row->bias ? L(read)(row->bias + o + LANES * v, LANES) : (VECTOR)(0.0f);
            HSI_UNROLL for (int i = 0; i < pixels; i++) {
                const VECTOR sum = acc[i][v] + bias;
                acc[i][v] = sum > 0.0f ? sum : sum * leak;
            }
        }
        if (row->accumulate)
            HSI_UNROLL for (int i = 0; i < pixels; i++) HSI_UNROLL for (int v = 0; v < vectors; v++)
                acc[i][v] += L(read)(y + (size_t)i * row->y_step + LANES * v, LANES);
        HSI_UNROLL for (int i = 0; i < pixels; i++) HSI_UNROLL for (int v = 0; v < vectors; v++)
            L(write)(y + (size_t)i * row->y_step + LANES * v, acc[i][v], LANES);
        return;
    }
    VECTOR sums[24];
    HSI_UNROLL for (int i = 0; i < pixels; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) sums[i * vectors + v] = acc[i][v];
    L(taps_finish)(row, sums, pixels, vectors, q, o);
}

#if HSI_LEVEL == 4
enum { L(TAPS_MOST) = 12, L(TAPS_MORE) = 6, L(TAPS_FEW) = 3, L(TAPS_VECTORS) = 2 };
#elif HSI_LEVEL == 3
enum { L(TAPS_MOST) = LANES == 16 ? 6 : 12, L(TAPS_MORE) = 6, L(TAPS_FEW) = 3, L(TAPS_VECTORS) = 1 };
#else
enum { L(TAPS_MOST) = LANES == 16 ? 2 : 4, L(TAPS_MORE) = 2, L(TAPS_FEW) = 2, L(TAPS_VECTORS) = 1 };
#endif

/// Asks for what `pixels` pixels will read in a band to come.
HSI_INLINE void L(taps_ask)(const hsi_tap_row *row, int q, size_t pixels, size_t x_step) {
    const float *next = row->x + row->ahead + (ptrdiff_t)(x_step * (size_t)q);
    for (size_t i = 0; i < pixels * row->inputs; i += 16) __builtin_prefetch(next + i, 0, 2);
}

/// Pixels q..<end of a panel of `vectors` vectors.
HSI_INLINE void L(taps_panel)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, const float *panel, int q, int end,
                              size_t o, const int vectors, const size_t step) {
    const int together = vectors < L(TAPS_VECTORS) ? vectors : L(TAPS_VECTORS);
    const size_t width = (size_t)(LANES * vectors);
    for (int v = 0; v < vectors && o + (size_t)(LANES * v) < row->outputs; v += together) {
        const float *w = panel + LANES * v;
        const size_t at = o + (size_t)(LANES * v);
        int p = q;
        for (; p + L(TAPS_MOST) <= end; p += L(TAPS_MOST)) {
            if (row->ahead && at == 0) L(taps_ask)(row, p, L(TAPS_MOST), step ? step : row->x_step);
            L(taps_tile)(row, taps, tap_count, w, width, p, at, L(TAPS_MOST), together, step);
        }
        for (; p + L(TAPS_MORE) <= end; p += L(TAPS_MORE))
            L(taps_tile)(row, taps, tap_count, w, width, p, at, L(TAPS_MORE), together, step);
        for (; p + L(TAPS_FEW) <= end; p += L(TAPS_FEW))
            L(taps_tile)(row, taps, tap_count, w, width, p, at, L(TAPS_FEW), together, step);
        for (; p < end; p++) L(taps_tile)(row, taps, tap_count, w, width, p, at, 1, together, step);
    }
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

/// The same for 16 pixels that lie side by side and taps that come in threes side by side: each pixel is read once for
/// the three sums that it belongs to.
HSI_INLINE void L(dots_threes)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, const float *weights, int q,
                               const int pixels, VECTOR acc[16]) {
    const size_t inputs = row->inputs;
    HSI_UNROLL for (int i = 0; i < pixels; i++) acc[i] = (VECTOR)(0.0f);
    for (int t = 0; t < tap_count; t += 3) {
        const float *x = row->x + taps[t].offset + (ptrdiff_t)(inputs * (size_t)q);
        const float *w = weights + (size_t)taps[t].index * inputs;
        for (size_t k = 0; k < inputs; k += LANES) {
            const VECTOR a = L(read)(w + k, LANES), b = L(read)(w + inputs + k, LANES), c = L(read)(w + 2 * inputs + k, LANES);
            HSI_UNROLL for (int i = 0; i < pixels + 2; i++) {
                const VECTOR d = L(read)(x + (size_t)i * inputs + k, LANES);
                if (i < pixels) acc[i] += a * d;
                if (i >= 1 && i <= pixels) acc[i - 1] += b * d;
                if (i >= 2) acc[i - 2] += c * d;
            }
        }
    }
}
