// Rows of spectra. No include guard on purpose (see instantiate.h).

static size_t K(scale_rows)(const float *scene, size_t stride, size_t pixels, size_t channels, int form, float *out,
                            size_t out_stride) {
    size_t undefined = 0;
    for (size_t n = 0; n < pixels; n++) {
        const float *row = scene + n * stride;
        float *target = out + n * out_stride;
        // Eight sums, so that additions need not wait for each other; the same order at every level.
        double sums[8] = {0}, squares[8] = {0};
        size_t l = 0;
        for (; l + 8 <= channels; l += 8)
            HSI_UNROLL for (int i = 0; i < 8; i++) {
                const double y = (double)row[l + (size_t)i];
                sums[i] += y;
                squares[i] += y * y;
            }
        for (; l < channels; l++) {
            const double y = (double)row[l];
            sums[l % 8] += y;
            squares[l % 8] += y * y;
        }
        const double sum = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
        const double square =
            ((squares[0] + squares[4]) + (squares[2] + squares[6])) + ((squares[1] + squares[5]) + (squares[3] + squares[7]));
        double shift = 0, divisor = sum;
        if (form == HSI_SCALE_LENGTH) divisor = sqrt(square);
        if (form == HSI_SCALE_VARIATE) {
            shift = sum / (double)channels;
            double rest = 0;
            for (size_t k = 0; k < channels; k++) rest += ((double)row[k] - shift) * ((double)row[k] - shift);
            divisor = channels > 1 ? sqrt(rest / (double)(channels - 1)) : 0;
            // What rounding alone can make of a constant spectrum.
            if (!(divisor > 1e-7 * fabs(shift))) divisor = 0;
        }
        if (divisor == 0 || !__builtin_isfinite(divisor)) {
            for (size_t k = 0; k < channels; k++) target[k] = NAN;
            undefined++;
            continue;
        }
        for (size_t k = 0; k < channels; k++) target[k] = (float)(((double)row[k] - shift) / divisor);
    }
    return undefined;
}

static void K(row_differences)(const float *a, const float *b, size_t stride, size_t channels, const int32_t *first,
                               const int32_t *second, size_t count, float *out) {
    for (size_t i = 0; i < count; i++) {
        const float *p = a + (size_t)first[i] * stride, *q = b + (size_t)second[i] * stride;
        float *target = out + i * channels;
        for (size_t l = 0; l < channels; l++) target[l] = p[l] - q[l];
    }
}

static void K(shift_rows)(const float *scene, size_t stride, size_t pixels, size_t channels, const float *shift,
                          float *out) {
    for (size_t n = 0; n < pixels; n++) {
        const float *row = scene + n * stride;
        float *target = out + n * channels;
        for (size_t l = 0; l < channels; l++) target[l] = row[l] - shift[l];
    }
}

/// One group of columns for `rows` pixels.
HSI_INLINE void K(band_group)(const float *scene, size_t stride, const int rows, size_t bands, const float *weights,
                              float *out, size_t out_stride, size_t lanes) {
    f32x16 sum[8];
    HSI_UNROLL for (int i = 0; i < rows; i++) sum[i] = (f32x16)(0.0f);
    for (size_t l = 0; l < bands; l++) {
        const f32x16 w = K(load)(weights + l * HSI_BAND_GROUP);
        HSI_UNROLL for (int i = 0; i < rows; i++) sum[i] = scene[(size_t)i * stride + l] * w + sum[i];
    }
    HSI_UNROLL for (int i = 0; i < rows; i++) {
        if (lanes == HSI_BAND_GROUP) K(store)(out + (size_t)i * out_stride, sum[i]);
        else K(store_partial)(out + (size_t)i * out_stride, sum[i], lanes);
    }
}

static void K(band_sums)(const float *scene, size_t stride, size_t pixels, const uint32_t *first,
                         const uint32_t *count, size_t columns, const float *packed, float *out, size_t out_stride) {
    const size_t groups = (columns + HSI_BAND_GROUP - 1) / HSI_BAND_GROUP;
    for (size_t n = 0; n < pixels;) {
        const size_t rows = pixels - n >= 8 ? 8 : 1;
        const float *weights = packed;
        for (size_t g = 0; g < groups; g++) {
            const size_t start = g * HSI_BAND_GROUP;
            const size_t lanes = columns - start < HSI_BAND_GROUP ? columns - start : HSI_BAND_GROUP;
            const float *pixel = scene + n * stride + first[g];
            float *target = out + n * out_stride + start;
            if (rows == 8) K(band_group)(pixel, stride, 8, count[g], weights, target, out_stride, lanes);
            else K(band_group)(pixel, stride, 1, count[g], weights, target, out_stride, lanes);
            weights += (size_t)count[g] * HSI_BAND_GROUP;
        }
        n += rows;
    }
}

/// tanh(x) = 1 - 2 / (e^2x + 1)
HSI_INLINE f32x16 K(tanh16)(f32x16 x) { return 1.0f - 2.0f / (K(exp)(2.0f * x) + 1.0f); }

static void K(tanh_rows)(float *s, size_t rows, size_t channels, double *slopes) {
    for (size_t k = 0; k < channels; k++) slopes[k] = 0;
    for (size_t k = 0; k < channels; k += 16) {
        const size_t lanes = channels - k < 16 ? channels - k : 16;
        for (size_t start = 0; start < rows; start += 64) {
            const size_t end = start + 64 < rows ? start + 64 : rows;
            f32x16 sum = (f32x16)(0.0f);
            for (size_t n = start; n < end; n++) {
                float *row = s + n * channels + k;
                f32x16 t = K(tanh16)(lanes == 16 ? K(load)(row) : K(load_partial)(row, lanes, 0.0f));
                if (lanes == 16) K(store)(row, t);
                else K(store_partial)(row, t, lanes);
                sum += 1.0f - t * t;
            }
            float parts[16];
            K(store)(parts, sum);
            for (size_t i = 0; i < lanes; i++) slopes[k + i] += (double)parts[i];
        }
    }
}

static size_t K(formula)(const float *columns, size_t stride, size_t pixels, const hsi_formula_step *steps,
                         size_t count, float *out, size_t out_stride, double *scratch) {
    size_t undefined = 0;
    for (size_t first = 0; first < pixels; first += HSI_FORMULA_LANES) {
        const size_t lanes = pixels - first < HSI_FORMULA_LANES ? pixels - first : HSI_FORMULA_LANES;
        double *top = scratch - HSI_FORMULA_LANES;
#define HSI_EACH(expression) for (size_t i = 0; i < lanes; i++) a[i] = (expression)
        for (size_t step = 0; step < count; step++) {
            const int operation = steps[step].operation;
            if (operation == HSI_FORMULA_NUMBER || operation == HSI_FORMULA_BAND) {
                top += HSI_FORMULA_LANES;
                double *a = top;
                const double value = steps[step].value;
                const float *column = columns + first * stride + (size_t)steps[step].index;
                if (operation == HSI_FORMULA_NUMBER) HSI_EACH(value);
                else HSI_EACH((double)column[i * stride]);
                continue;
            }
            const double *b = top;
            if (operation >= HSI_FORMULA_ADD && operation <= HSI_FORMULA_MAXIMUM) top -= HSI_FORMULA_LANES;
            double *a = top;
            switch (operation) {
            case HSI_FORMULA_ADD: HSI_EACH(a[i] + b[i]); break;
            case HSI_FORMULA_SUBTRACT: HSI_EACH(a[i] - b[i]); break;
            case HSI_FORMULA_MULTIPLY: HSI_EACH(a[i] * b[i]); break;
            case HSI_FORMULA_DIVIDE: HSI_EACH(a[i] / b[i]); break;
            case HSI_FORMULA_POWER: HSI_EACH(pow(a[i], b[i])); break;
            case HSI_FORMULA_MINIMUM: HSI_EACH(a[i] <= b[i] ? a[i] : b[i]); break;
            case HSI_FORMULA_MAXIMUM: HSI_EACH(a[i] >= b[i] ? a[i] : b[i]); break;
            case HSI_FORMULA_NEGATE: HSI_EACH(-a[i]); break;
            case HSI_FORMULA_ROOT: HSI_EACH(sqrt(a[i])); break;
            case HSI_FORMULA_LOGARITHM: HSI_EACH(log(a[i])); break;
            case HSI_FORMULA_EXPONENTIAL: HSI_EACH(exp(a[i])); break;
            default: HSI_EACH(fabs(a[i])); break;
            }
        }
#undef HSI_EACH
        for (size_t i = 0; i < lanes; i++) {
            const float value = (float)scratch[i];
            const int isFinite = __builtin_isfinite(value);
            out[(first + i) * out_stride] = isFinite ? value : NAN;
            undefined += isFinite ? 0 : 1;
        }
    }
    return undefined;
}
