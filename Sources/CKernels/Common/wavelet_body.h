// Wavelet passes; compiled once per level.

/// low[k] = sum_j h[2j] even[k+j] + h[2j+1] odd[k+j], high likewise with g, for k < count.
static void K(wavelet_filter)(
    const float *restrict even, const float *restrict odd, size_t count, const float *h, const float *g, size_t taps,
    float *restrict low, float *restrict high) {
    for (size_t k = 0; k < count; k++) low[k] = high[k] = 0.0f;
    for (size_t j = 0; 2 * j < taps; j++) {
        const float h0 = h[2 * j], h1 = h[2 * j + 1], g0 = g[2 * j], g1 = g[2 * j + 1];
        for (size_t k = 0; k < count; k++) {
            low[k] += h0 * even[k + j] + h1 * odd[k + j];
            high[k] += g0 * even[k + j] + g1 * odd[k + j];
        }
    }
}

static void K(wavelet_rows)(
    float *plane, size_t stride, size_t lines, size_t samples, const float *h, const float *g, size_t taps,
    float *scratch) {
    const size_t half = samples / 2, length = half + taps / 2;
    float *even = scratch, *odd = scratch + length;
    for (size_t line = 0; line < lines; line++) {
        float *row = plane + line * stride;
        for (size_t k = 0; k < half; k++) {
            even[k] = row[2 * k];
            odd[k] = row[2 * k + 1];
        }
        for (size_t k = half; k < length; k++) {
            even[k] = even[k - half];
            odd[k] = odd[k - half];
        }
        K(wavelet_filter)(even, odd, half, h, g, taps, row, row + half);
    }
}

static void K(wavelet_rows_back)(
    float *plane, size_t stride, size_t lines, size_t samples, const float *h, const float *g, size_t taps,
    float *scratch) {
    const size_t half = samples / 2, wrap = taps / 2, length = half + wrap;
    float *restrict low = scratch, *restrict high = scratch + length;
    float *restrict even = scratch + 2 * length, *restrict odd = even + half;
    for (size_t line = 0; line < lines; line++) {
        float *row = plane + line * stride;
        // low[wrap + k] = coefficient k; before it those of the end, `wrap` of them.
        for (size_t k = 0; k < half; k++) {
            low[wrap + k] = row[k];
            high[wrap + k] = row[half + k];
        }
        for (size_t k = wrap; k-- > 0;) {
            low[k] = low[k + half];
            high[k] = high[k + half];
        }
        for (size_t k = 0; k < half; k++) even[k] = odd[k] = 0.0f;
        for (size_t j = 0; 2 * j < taps; j++) {
            const float h0 = h[2 * j], h1 = h[2 * j + 1], g0 = g[2 * j], g1 = g[2 * j + 1];
            const float *restrict a = low + wrap - j, *restrict b = high + wrap - j;
            for (size_t k = 0; k < half; k++) {
                even[k] += h0 * a[k] + g0 * b[k];
                odd[k] += h1 * a[k] + g1 * b[k];
            }
        }
        for (size_t k = 0; k < half; k++) {
            row[2 * k] = even[k];
            row[2 * k + 1] = odd[k];
        }
    }
}

/// Columns in strips of WAVELET_COLUMNS: all lines of a strip are copied to scratch, then every line of the result is a
/// sum of scratch lines.
static void K(wavelet_columns)(
    float *plane, size_t stride, size_t lines, size_t samples, const float *h, const float *g, size_t taps,
    float *scratch, int back) {
    const size_t half = lines / 2;
    for (size_t first = 0; first < samples; first += WAVELET_COLUMNS) {
        const size_t width = samples - first < WAVELET_COLUMNS ? samples - first : WAVELET_COLUMNS;
        for (size_t line = 0; line < lines; line++)
            memcpy(scratch + line * WAVELET_COLUMNS, plane + line * stride + first, width * sizeof(float));
        for (size_t k = 0; k < half; k++) {
            float one[WAVELET_COLUMNS] = {0}, two[WAVELET_COLUMNS] = {0};
            if (!back) {
                for (size_t i = 0; i < taps; i++) {
                    const float *restrict x = scratch + (2 * k + i) % lines * WAVELET_COLUMNS;
                    for (size_t c = 0; c < WAVELET_COLUMNS; c++) {
                        one[c] += h[i] * x[c];
                        two[c] += g[i] * x[c];
                    }
                }
                memcpy(plane + k * stride + first, one, width * sizeof(float));
                memcpy(plane + (half + k) * stride + first, two, width * sizeof(float));
            } else {
                for (size_t j = 0; 2 * j < taps; j++) {
                    const size_t source = (k + half * taps - j) % half;
                    const float *restrict a = scratch + source * WAVELET_COLUMNS;
                    const float *restrict b = scratch + (half + source) * WAVELET_COLUMNS;
                    for (size_t c = 0; c < WAVELET_COLUMNS; c++) {
                        one[c] += h[2 * j] * a[c] + g[2 * j] * b[c];
                        two[c] += h[2 * j + 1] * a[c] + g[2 * j + 1] * b[c];
                    }
                }
                memcpy(plane + 2 * k * stride + first, one, width * sizeof(float));
                memcpy(plane + (2 * k + 1) * stride + first, two, width * sizeof(float));
            }
        }
    }
}

static void K(wavelet)(
    float *plane, size_t stride, size_t lines, size_t samples, const float *h, const float *g, size_t taps,
    float *scratch, int back) {
    if (!back) {
        K(wavelet_rows)(plane, stride, lines, samples, h, g, taps, scratch);
        K(wavelet_columns)(plane, stride, lines, samples, h, g, taps, scratch, 0);
    } else {
        K(wavelet_columns)(plane, stride, lines, samples, h, g, taps, scratch, 1);
        K(wavelet_rows_back)(plane, stride, lines, samples, h, g, taps, scratch);
    }
}

static void K(soft)(float *x, size_t count, float threshold) {
    for (size_t i = 0; i < count; i++) {
        const float v = x[i], positive = v - threshold, negative = v + threshold;
        x[i] = (positive > 0.0f ? positive : 0.0f) + (negative < 0.0f ? negative : 0.0f);
    }
}
