// Scores of pixels; compiled once per level.
#include "gemm_body.h"

static void K(scores_centre)(const float *x, size_t stride, size_t count, size_t bands, const float *shift, float *out) {
    for (size_t n = 0; n < count; n++) {
        const float *restrict row = x + n * stride;
        float *restrict target = out + n * bands;
        if (shift)
            for (size_t b = 0; b < bands; b++) target[b] = row[b] - shift[b];
        else memcpy(target, row, bands * sizeof(float));
    }
}

HSI_INLINE float K(scores_norm)(const float *x, size_t count) {
    f32x16 sum[2] = {(f32x16)(0.0f), (f32x16)(0.0f)};
    size_t i = 0;
    for (; i + 32 <= count; i += 32) {
        f32x16 a = K(load)(x + i), b = K(load)(x + i + 16);
        sum[0] += a * a;
        sum[1] += b * b;
    }
    for (; i < count; i += 16) {
        f32x16 a = count - i >= 16 ? K(load)(x + i) : K(load_partial)(x + i, count - i, 0.0f);
        sum[0] += a * a;
    }
    return K(sum)(sum[0] + sum[1]);
}

/// One block of at most HSI_SCORE_ROWS pixels.
static void K(scores_block)(const hsi_score_plan *plan, const float *x, size_t stride, size_t count, float *norms,
                            float *values, float *scratch) {
    const size_t bands = plan->bands, columns = plan->columns, groups = plan->groups;
    const size_t kept = groups ? plan->group_ends[groups - 1] : 0;
    float *centred = scratch, *y = scratch + HSI_SCORE_ROWS * bands;
    K(scores_centre)(x, stride, count, bands, plan->shift, centred);
    if (columns) K(gemm)(centred, bands, plan->packed, NULL, NULL, 0, y, columns, count, columns, bands);
    for (size_t n = 0; n < count; n++) {
        const float *row = y + n * columns;
        if (norms) {
            float *out = norms + n * (1 + groups);
            out[0] = K(scores_norm)(centred + n * bands, bands);
            for (size_t g = 0, first = 0; g < groups; first = plan->group_ends[g++])
                out[1 + g] = K(scores_norm)(row + first, plan->group_ends[g] - first);
        }
        if (values) memcpy(values + n * (columns - kept), row + kept, (columns - kept) * sizeof(float));
    }
}

static void K(scores_mixtures)(const hsi_score_plan *plan, const float *x, size_t stride, size_t count,
                               const float *filters, const float *targets, const float *deviations, size_t target_count,
                               float *out, float *scratch) {
    const size_t bands = plan->bands, columns = plan->columns;
    float *centred = scratch, *y = scratch + HSI_SCORE_ROWS * bands;
    K(scores_centre)(x, stride, count, bands, plan->shift, centred);
    K(gemm)(centred, bands, plan->packed, NULL, NULL, 0, y, columns, count, columns, bands);
    for (size_t n = 0; n < count; n++) {
        const float *z = y + n * columns;
        for (size_t k = 0; k < target_count; k++) {
            const float *f = filters + k * columns, *t = targets + k * columns;
            f32x16 sum = (f32x16)(0.0f);
            for (size_t i = 0; i < columns; i += 16) {
                const size_t left = columns - i;
                f32x16 a = left >= 16 ? K(load)(z + i) : K(load_partial)(z + i, left, 0.0f);
                f32x16 b = left >= 16 ? K(load)(f + i) : K(load_partial)(f + i, left, 0.0f);
                sum += a * b;
            }
            const float share = K(sum)(sum);
            const float inside = share < 0.0f ? 0.0f : share > 1.0f ? 1.0f : share;
            f32x16 residual = (f32x16)(0.0f);
            for (size_t i = 0; i < columns; i += 16) {
                const size_t left = columns - i;
                f32x16 a = left >= 16 ? K(load)(z + i) : K(load_partial)(z + i, left, 0.0f);
                f32x16 b = left >= 16 ? K(load)(t + i) : K(load_partial)(t + i, left, 0.0f);
                f32x16 d = left >= 16 ? K(load)(deviations + i) : K(load_partial)(deviations + i, left, 1.0f);
                f32x16 r = (a - share * b) / (d * (1.0f - inside) + inside);
                residual += r * r;
            }
            out[(n * target_count + k) * 2] = share;
            out[(n * target_count + k) * 2 + 1] = sqrtf(K(sum)(residual) / (float)columns);
        }
    }
}

static void K(scores_divergence)(const float *x, size_t bands, const float *spectra, const float *logarithms,
                                 size_t target_count, float *out) {
    double total = 0.0;
    for (size_t b = 0; b < bands; b++) total += x[b] > 0.0f ? (double)x[b] : 0.0;
    if (!(total > 0.0)) {
        for (size_t k = 0; k < target_count; k++) out[k] = NAN;
        return;
    }
    double floored = 0.0;
    for (size_t b = 0; b < bands; b++) {
        const double q = (x[b] > 0.0f ? (double)x[b] : 0.0) / total;
        floored += q > 1e-12 ? q : 1e-12;
    }
    const double scale = 1.0 / floored;
    for (size_t k = 0; k < target_count; k++) out[k] = 0.0f;
    // Blocks, so that logarithms are taken once and stay in cache.
    float q[64], logarithm[64];
    for (size_t first = 0; first < bands; first += 64) {
        const size_t count = bands - first < 64 ? bands - first : 64;
        for (size_t i = 0; i < count; i++) {
            const double share = (x[first + i] > 0.0f ? (double)x[first + i] : 0.0) / total;
            q[i] = (float)((share > 1e-12 ? share : 1e-12) * scale);
        }
        for (size_t i = 0; i < count; i++) logarithm[i] = logf(q[i]);
        for (size_t k = 0; k < target_count; k++) {
            const float *p = spectra + k * bands + first, *l = logarithms + k * bands + first;
            float sum = 0.0f;
            for (size_t i = 0; i < count; i++) sum += (q[i] - p[i]) * (logarithm[i] - l[i]);
            out[k] += sum;
        }
    }
}

static void K(scores_nearest)(const float *x, size_t stride, size_t count, size_t bands, const float *shift,
                              const float *packed, const float *norms, size_t centres, int32_t *labels, float *distances,
                              float *scratch) {
    float *centred = scratch, *products = scratch + HSI_SCORE_ROWS * bands;
    K(scores_centre)(x, stride, count, bands, shift, centred);
    K(gemm)(centred, bands, packed, NULL, NULL, 0, products, centres, count, centres, bands);
    for (size_t n = 0; n < count; n++) {
        const float *row = products + n * centres;
        float best = norms[0] - 2.0f * row[0];
        int32_t label = 0;
        for (size_t k = 1; k < centres; k++) {
            const float value = norms[k] - 2.0f * row[k];
            if (value < best) best = value, label = (int32_t)k;
        }
        labels[n] = label;
        if (distances) {
            const float distance = best + K(scores_norm)(centred + n * bands, bands);
            distances[n] = distance > 0.0f ? distance : 0.0f;
        }
    }
}

static void K(scores_sums)(const float *x, size_t stride, size_t count, size_t bands, const float *shift,
                           const int32_t *labels, double *sums, int64_t *counts) {
    for (size_t n = 0; n < count; n++) {
        if (labels[n] < 0) continue;
        const float *restrict row = x + n * stride;
        double *restrict sum = sums + (size_t)labels[n] * bands;
        if (shift)
            for (size_t b = 0; b < bands; b++) sum[b] += (double)row[b] - (double)shift[b];
        else
            for (size_t b = 0; b < bands; b++) sum[b] += (double)row[b];
        counts[labels[n]]++;
    }
}
