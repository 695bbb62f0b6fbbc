// Bodies of hsi_exact.h, compiled once per kernel level. Everything here is exact or of fixed order: levels agree to the bit.

static void K(exact_begin)(const float *restrict scene, size_t pixels, size_t channels, float *restrict minimum,
                           float *restrict maximum, int32_t *restrict exponents, uint8_t *restrict bad, double *restrict rest) {
    for (size_t l = 0; l < channels; l++) {
        minimum[l] = INFINITY;
        maximum[l] = -INFINITY;
        bad[l] = 0;
    }
    for (size_t n = 0; n < pixels; n++) {
        const float *restrict row = scene + n * channels;
        for (size_t l = 0; l < channels; l++) {
            const float y = row[l];
            minimum[l] = y < minimum[l] ? y : minimum[l];
            maximum[l] = y > maximum[l] ? y : maximum[l];
            bad[l] |= !(fabsf(y) <= FLT_MAX);
        }
    }
    for (size_t start = 0; start < channels; start += EXACT_CHUNK) {
        const size_t count = channels - start < EXACT_CHUNK ? channels - start : EXACT_CHUNK;
        double scales[EXACT_CHUNK];
        for (size_t i = 0; i < count; i++) {
            const size_t l = start + i;
            const float largest = fmaxf(fabsf(minimum[l]), fabsf(maximum[l]));
            int e = 0;
            if (pixels > 0 && !bad[l] && largest > 0) {
                (void)frexpf(largest, &e);
                exponents[l] = e;
                scales[i] = ldexp(1, HSI_EXACT_SLICE - e);
            } else {
                exponents[l] = INT32_MIN;
                scales[i] = 0;
            }
        }
        for (size_t n = 0; n < pixels; n++) {
            const float *restrict row = scene + n * channels + start;
            double *restrict target = rest + n * channels + start;
            for (size_t i = 0; i < count; i++) target[i] = scales[i] == 0 ? 0 : (double)row[i] * scales[i];
        }
    }
}

static size_t K(exact_slice)(double *restrict rest, size_t pixels, size_t channels, double *restrict digits,
                             double *restrict sums, uint8_t *restrict left) {
    const double next = (double)(1 << HSI_EXACT_SLICE);
    size_t total = 0;
    for (size_t start = 0; start < channels; start += EXACT_CHUNK) {
        const size_t count = channels - start < EXACT_CHUNK ? channels - start : EXACT_CHUNK;
        double sum[EXACT_CHUNK], any[EXACT_CHUNK];
        for (size_t i = 0; i < count; i++) sum[i] = any[i] = 0;
        for (size_t n = 0; n < pixels; n++) {
            double *restrict row = rest + n * channels + start;
            double *restrict target = digits + n * channels + start;
            for (size_t i = 0; i < count; i++) {
                const double digit = rint(row[i]);
                const double remainder = (row[i] - digit) * next;
                target[i] = digit;
                row[i] = remainder;
                sum[i] += digit;
                any[i] += fabs(remainder);
            }
        }
        for (size_t i = 0; i < count; i++) {
            sums[start + i] = sum[i];
            left[start + i] = any[i] != 0;
            total += left[start + i];
        }
    }
    return total;
}

static void K(exact_add)(const double *restrict values, size_t count, double scale, const double *restrict scales,
                         double *restrict planes, size_t stride, int lowest, int first, int depth) {
    for (size_t start = 0; start < count; start += EXACT_CHUNK) {
        const size_t n = count - start < EXACT_CHUNK ? count - start : EXACT_CHUNK;
        double x[EXACT_CHUNK];
        for (size_t i = 0; i < n; i++) x[i] = values[start + i] * (scale * scales[start + i]);
        for (int k = first + depth - 1; k >= first; k--) {
            const double unit = ldexp(1, HSI_EXACT_PLANE * (lowest + k));
            const double inverse = ldexp(1, -HSI_EXACT_PLANE * (lowest + k));
            double *restrict plane = planes + (size_t)k * stride + start;
            for (size_t i = 0; i < n; i++) {
                const double digit = rint(x[i] * inverse);
                plane[i] += digit;
                x[i] -= digit * unit;
            }
        }
    }
}

static void K(exact_add_triangle)(const double *restrict products, size_t channels, double scale, const double *restrict scales,
                                  double *restrict planes, size_t stride, int lowest, int first, int depth) {
    size_t place = 0;
    for (size_t i = 0; i < channels; i++) {
        K(exact_add)
        (products + i * channels + i, channels - i, scale * scales[i], scales + i, planes + place, stride, lowest, first, depth);
        place += channels - i;
    }
}

static void K(exact_add_pairs)(const double *restrict products, const uint32_t *restrict rows, size_t row_count,
                               const uint32_t *restrict columns, size_t column_count, int halves, size_t channels, double scale,
                               const double *restrict scales, double *restrict planes, size_t stride, int lowest, int first,
                               int depth) {
    double units[64], inverses[64];
    for (int k = 0; k < depth; k++) {
        units[k] = ldexp(1, HSI_EXACT_PLANE * (lowest + first + k));
        inverses[k] = ldexp(1, -HSI_EXACT_PLANE * (lowest + first + k));
    }
    for (size_t r = 0; r < row_count; r++) {
        for (size_t c = halves ? r : 0; c < column_count; c++) {
            const size_t a = rows[r], b = columns[c];
            const size_t i = a < b ? a : b, j = a < b ? b : a;
            // A channel with itself, from two lists, stands for both orders.
            const double times = !halves && a == b ? 2 : 1;
            double x = products[r * column_count + c] * times * (scale * scales[i] * scales[j]);
            double *restrict total = planes + i * channels - i * (i - 1) / 2 + j - i;
            for (int k = depth - 1; k >= 0; k--) {
                const double digit = rint(x * inverses[k]);
                total[(size_t)(first + k) * stride] += digit;
                x -= digit * units[k];
            }
        }
    }
}

static void K(exact_carry)(double *restrict planes, size_t depth, size_t stride, size_t count) {
    const double base = 4294967296.0, inverse = 1 / 4294967296.0;
    for (size_t k = 0; k + 1 < depth; k++) {
        double *restrict plane = planes + k * stride;
        double *restrict above = plane + stride;
        for (size_t i = 0; i < count; i++) {
            const double carried = floor(plane[i] * inverse);
            plane[i] -= carried * base;
            above[i] += carried;
        }
    }
}

static inline void K(exact_two_sum)(double a, double b, double *s, double *e) {
    const double sum = a + b;
    const double part = sum - a;
    *e = (a - (sum - part)) + (b - part);
    *s = sum;
}

static void K(exact_round)(const double *restrict planes, size_t depth, size_t stride, size_t count, int lowest,
                           double *restrict high, double *restrict low) {
    double units[65];
    for (size_t k = 0; k <= depth; k++) units[k] = ldexp(1, HSI_EXACT_PLANE * (lowest + (int)k));
    for (size_t i = 0; i < count; i++) {
        // Digits about zero, so that the first that is not 0 is the size of the number and nothing cancels.
        double digits[65], carried = 0;
        for (size_t k = 0; k < depth; k++) {
            const double digit = planes[k * stride + i] + carried;
            carried = floor(digit / 4294967296.0 + 0.5);
            digits[k] = digit - carried * 4294967296.0;
        }
        digits[depth] = carried;
        double h = 0, l = 0;
        for (size_t k = depth + 1; k-- > 0;) {
            double s, e;
            K(exact_two_sum)(h, digits[k] * units[k], &s, &e);
            e += l;
            h = s + e;
            l = e - (h - s);
        }
        high[i] = h;
        low[i] = l;
    }
}

// (ah + al) * (bh + bl)
static inline void K(exact_times)(double ah, double al, double bh, double bl, double *h, double *l) {
    const double p = ah * bh;
    const double e = fma(ah, bh, -p) + fma(ah, bl, al * bh);
    *h = p + e;
    *l = e - (*h - p);
}

static void K(exact_moments)(double n, size_t channels, const double *restrict sum_high, const double *restrict sum_low,
                             const double *restrict high, const double *restrict low, double *restrict mean,
                             double *restrict covariance) {
    for (size_t i = 0; i < channels; i++) {
        const double q = sum_high[i] / n;
        mean[i] = q + (fma(-q, n, sum_high[i]) + sum_low[i]) / n;
    }
    size_t place = 0;
    for (size_t i = 0; i < channels; i++) {
        for (size_t j = i; j < channels; j++, place++) {
            double th, tl, ph, pl, s, e;
            K(exact_times)(high[place], low[place], n, 0, &th, &tl);
            K(exact_times)(sum_high[i], sum_low[i], sum_high[j], sum_low[j], &ph, &pl);
            K(exact_two_sum)(th, -ph, &s, &e);
            const double value = (s + (e + (tl - pl))) / n / n;
            covariance[i * channels + j] = value;
            covariance[j * channels + i] = value;
        }
    }
}
