// The fused sweep; compiled once per level. A block of pixels is walked in sub-blocks of 64 that stay in cache:
//   1. project     P[n][k] = y_n . (d m_k)
//   2. update      16 pixels per vector, one vector per endmember: A, then h
//   3. accumulate  S += Y A^T, G += A A^T
#include "project_body.h"

// MARK: - 16 pixels: row-major [pixel][k] <-> planar [k][16]

#define HSI_EVERY_FOURTH(k) k, k + 4, k + 8, k + 12, k + 16, k + 20, k + 24, k + 28

HSI_INLINE f32x16 K(join)(f32x8 lo, f32x8 hi) {
    return __builtin_shufflevector(lo, hi, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/// Missing pixels (count < 16) read as `fill`.
HSI_INLINE void K(to_planar)(const float *rows, size_t count, size_t columns, float fill, f32x16 *planar) {
    if (columns == 4 && count == 16) {
        f32x16 a = K(load)(rows), b = K(load)(rows + 16), c = K(load)(rows + 32), d = K(load)(rows + 48);
#define HSI_COLUMN(k) \
    planar[k] = K(join)(__builtin_shufflevector(a, b, HSI_EVERY_FOURTH(k)), __builtin_shufflevector(c, d, HSI_EVERY_FOURTH(k)))
        HSI_COLUMN(0);
        HSI_COLUMN(1);
        HSI_COLUMN(2);
        HSI_COLUMN(3);
#undef HSI_COLUMN
        return;
    }
    float *lanes = (float *)planar;
    for (size_t n = 0; n < count; n++)
        for (size_t k = 0; k < columns; k++) lanes[16 * k + n] = rows[n * columns + k];
    for (size_t k = 0; k < columns; k++)
        for (size_t n = count; n < 16; n++) lanes[16 * k + n] = fill;
}

HSI_INLINE void K(to_rows)(const f32x16 *planar, size_t count, size_t columns, float *rows) {
    if (columns == 4 && count == 16) {
#define HSI_ZIP_LO 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HSI_ZIP_HI 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define HSI_PAIRS_LO 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23
#define HSI_PAIRS_HI 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31
        f32x16 a = __builtin_shufflevector(planar[0], planar[1], HSI_ZIP_LO);
        f32x16 b = __builtin_shufflevector(planar[2], planar[3], HSI_ZIP_LO);
        f32x16 c = __builtin_shufflevector(planar[0], planar[1], HSI_ZIP_HI);
        f32x16 d = __builtin_shufflevector(planar[2], planar[3], HSI_ZIP_HI);
        K(store)(rows, __builtin_shufflevector(a, b, HSI_PAIRS_LO));
        K(store)(rows + 16, __builtin_shufflevector(a, b, HSI_PAIRS_HI));
        K(store)(rows + 32, __builtin_shufflevector(c, d, HSI_PAIRS_LO));
        K(store)(rows + 48, __builtin_shufflevector(c, d, HSI_PAIRS_HI));
#undef HSI_ZIP_LO
#undef HSI_ZIP_HI
#undef HSI_PAIRS_LO
#undef HSI_PAIRS_HI
        return;
    }
    const float *lanes = (const float *)planar;
    for (size_t n = 0; n < count; n++)
        for (size_t k = 0; k < columns; k++) rows[n * columns + k] = lanes[16 * k + n];
}
#undef HSI_EVERY_FOURTH

// MARK: - Update of 16 pixels

/// Sixteen fp32 lanes as eight fp64 sums of pairs.
HSI_INLINE f64x8 K(widened)(f32x16 v) {
    f64x16 wide = __builtin_convertvector(v, f64x16);
    return wide.lo + wide.hi;
}

/// Everything the update of one pixel group reads and produces, planar.
typedef struct {
    f32x16 a[HSI_NMF_MAX_ENDMEMBERS];         // old, then new
    f32x16 numerator[HSI_NMF_MAX_ENDMEMBERS]; // P
    f32x16 logarithm[HSI_NMF_MAX_ENDMEMBERS]; // binary
} K(pixel_group);

/// The values of 16 pixels' neighbours, 0 where there is none: one load where the neighbours lie side by side, as
/// they do inside an image.
HSI_INLINE f32x16 K(neighbour_values)(const int32_t *index, const float *values, size_t columns, size_t k, size_t count) {
    if (columns == 1 && count == 16) {
        const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
        i32x16 j;
        memcpy(&j, index, 64);
        if (index[0] >= 0 && !__builtin_reduce_or(j ^ (index[0] + lane))) return K(load)(values + index[0]);
    }
    float v[16] = {0};
    for (size_t n = 0; n < count; n++) v[n] = values[(size_t)(index[n] < 0 ? 0 : index[n]) * columns + k];
    i32x16 j = (i32x16)(-1);
    memcpy(&j, index, count * sizeof(int32_t));
    return K(select)(j < 0, (f32x16)(0.0f), K(load)(v));
}
/// The weights that go with them.
HSI_INLINE f32x16 K(neighbour_weights)(const int32_t *index, const float *weights, size_t count) {
    if (count < 16) {
        float w[16] = {0};
        for (size_t n = 0; n < count; n++) w[n] = index[n] >= 0 ? weights[n] : 0.0f;
        return K(load)(w);
    }
    i32x16 j;
    memcpy(&j, index, 64);
    return K(select)(j >= 0, K(load)(weights), (f32x16)(0.0f));
}

/// Sum of w * (values of neighbours) and sum of w for the 16 pixels from `first` on; column `k` of `columns`.
HSI_INLINE void K(gather_neighbours)(const sweep_plan *plan, const float *values, size_t columns, size_t k,
                                     size_t first, size_t count, f32x16 *weighted, f32x16 *degree) {
    *weighted = (f32x16)(0.0f);
    *degree = (f32x16)(0.0f);
    const hsi_nmf_sweep_job *job = plan->job;
    for (size_t d = 0; d < job->neighbours; d++) {
        const int32_t *index = job->neighbour_index + d * job->pixels + first;
        f32x16 w = K(neighbour_weights)(index, job->neighbour_weight + d * job->pixels + first, count);
        *degree += w;
        *weighted += w * K(neighbour_values)(index, values, columns, k, count);
    }
}

HSI_INLINE void K(update_group)(const sweep_plan *plan, K(pixel_group) *g, const size_t columns, size_t first,
                                size_t count, f64x8 *terms) {
    const hsi_nmf_sweep_job *job = plan->job;
    const f32x16 zero = (f32x16)(0.0f), one = (f32x16)(1.0f);
    const f32x16 delta = (f32x16)(plan->delta), lambda = (f32x16)(plan->lambda), epsilon = (f32x16)(plan->epsilon);
    const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const i32x16 present = lane < (i32x16)((int32_t)count);
    const int uses_map = job->sparsity == HSI_SPARSITY_MAP;

    f32x16 h = zero;
    if (uses_map) h = count == 16 ? K(load)(job->h_old + first) : K(load_partial)(job->h_old + first, count, 0.0f);
    f32x16 sample = one;
    if (job->sample_weights)
        sample = count == 16 ? K(load)(job->sample_weights + first) : K(load_partial)(job->sample_weights + first, count, 1.0f);

    f32x16 total = zero;
    for (size_t k = 0; k < columns; k++) total += g->a[k];
    const f32x16 soft = delta * total;

    // New abundances, into numerator[] because every one needs all the old ones.
    for (size_t k = 0; k < columns; k++) {
        const float *gram = plan->gram + k * columns;
        f32x16 fit = zero;
        for (size_t j = 0; j < columns; j++) fit += g->a[j] * gram[j];
        f32x16 numerator = g->numerator[k] * sample + delta;
        f32x16 denominator = fit * sample + soft;
        f32x16 a = g->a[k];
        if (uses_map)
            denominator += lambda * (one - h) * K(exp2)(-h * K(log2)(a + epsilon));
        else if (job->sparsity == HSI_SPARSITY_HALF)
            denominator += 0.5f * lambda / __builtin_elementwise_sqrt(K(max)(a, epsilon));
        else if (job->sparsity == HSI_SPARSITY_ONE)
            denominator += lambda;
        if (plan->mu != 0) {
            f32x16 weighted, degree;
            K(gather_neighbours)(plan, job->a_old, columns, k, first, count, &weighted, &degree);
            numerator += plan->mu * weighted;
            denominator += plan->mu * degree * a;
        }
        f32x16 updated = a * numerator / K(max)(denominator, (f32x16)(1e-30f));
        g->numerator[k] = K(max)(updated, (f32x16)(1e-30f));
    }
    total = zero;
    for (size_t k = 0; k < columns; k++) {
        f32x16 a = K(select)(present, g->numerator[k], zero);
        g->a[k] = a;
        total += a;
    }
    f32x16 excess = K(select)(present, one - total, zero);
    terms[SOFT_SUM] += K(widened)(excess * excess);

    if (uses_map) {
        f32x16 updated_h = h;
        if (job->h_new || job->objective)
            for (size_t k = 0; k < columns; k++) g->logarithm[k] = K(log2)(g->a[k] + epsilon);
        if (job->h_new) {
            f32x16 entropy = zero, curvature = zero;
            const f32x16 least_power = (f32x16)(1.0f - plan->h_max);
            for (size_t k = 0; k < columns; k++) {
                f32x16 l = g->logarithm[k];
                entropy += K(exp2)((one - h) * l) * l;
                curvature += K(max)(g->a[k] + epsilon, K(exp2)(least_power * l)) * l * l;
            }
            f32x16 s = count == 16 ? K(load)(job->prior + first) : K(load_partial)(job->prior + first, count, 0.0f);
            f32x16 gradient = plan->beta * (h - s) - lambda * LN2 * entropy;
            curvature = lambda * (LN2 * LN2) * curvature + plan->beta;
            if (plan->gamma != 0) {
                f32x16 weighted, degree;
                K(gather_neighbours)(plan, job->h_old, 1, 0, first, count, &weighted, &degree);
                gradient += plan->gamma * (h * degree - weighted);
                curvature += 2.0f * plan->gamma * degree;
            }
            updated_h = h - gradient / K(max)(curvature, (f32x16)(1e-30f));
            updated_h = K(min)(K(max)(updated_h, zero), (f32x16)(plan->h_max));
            if (count == 16) K(store)(job->h_new + first, updated_h);
            else K(store_partial)(job->h_new + first, updated_h, count);
            f32x16 away = K(select)(present, updated_h - s, zero);
            terms[PRIOR] += K(widened)(away * away);
        }
        if (job->objective) {
            f32x16 powers = zero;
            for (size_t k = 0; k < columns; k++) powers += K(exp2)((one - updated_h) * g->logarithm[k]);
            terms[SPARSITY] += K(widened)(K(select)(present, powers, zero));
        }
    } else if (job->sparsity == HSI_SPARSITY_HALF && job->objective) {
        f32x16 roots = zero;
        for (size_t k = 0; k < columns; k++) roots += __builtin_elementwise_sqrt(g->a[k]);
        terms[SPARSITY] += K(widened)(roots);
    } else if (job->sparsity == HSI_SPARSITY_ONE) {
        terms[SPARSITY] += K(widened)(total);
    }
}

/// ||y - M a||^2 of one pixel; plain = endmembers packed like the projection weights.
HSI_INLINE float K(residual)(const float *row, size_t channels, const float *plain, size_t columns, const float *a) {
    size_t chunks = hsi_chunk_count(channels);
    f32x16 sum = (f32x16)(0.0f);
    const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        size_t start = hsi_chunk_start(chunk, channels);
        f32x16 r = K(load)(row + start);
        for (size_t k = 0; k < columns; k++) r -= K(load)(plain + (k * chunks + chunk) * 16) * a[k];
        r = K(select)(lane >= (i32x16)((int32_t)(16 * chunk - start)), r, (f32x16)(0.0f));
        sum += r * r;
    }
    return K(sum)(sum);
}

// MARK: - Terms that need the new values of neighbours

/// Coupling over the edges from pixels first..<end to earlier pixels low..<high, added to `sum`. Returns the largest
/// pixel with an edge to one before `low`, plus one (0 = none).
static size_t K(coupling)(const sweep_plan *plan, size_t first, size_t end, size_t low, size_t high, f64x8 *sum) {
    const hsi_nmf_sweep_job *job = plan->job;
    const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    f64x8 total = *sum;
    size_t reach = 0;
    for (size_t n = first; n < end; n += 16) {
        size_t count = end - n < 16 ? end - n : 16;
        f32x16 h = count == 16 ? K(load)(job->h_new + n) : K(load_partial)(job->h_new + n, count, 0.0f);
        f32x16 squares = (f32x16)(0.0f);
        for (size_t d = 0; d < job->neighbours; d++) {
            const int32_t *index = job->neighbour_index + d * job->pixels + n;
            i32x16 j = (i32x16)(-1);
            if (count == 16) memcpy(&j, index, 64);
            else memcpy(&j, index, count * sizeof(int32_t));
            if (__builtin_reduce_or((j >= 0) & (j < (int32_t)low))) reach = n + count;
            i32x16 wanted = (j >= (int32_t)low) & (j < (int32_t)high) & (j < (int32_t)n + lane);
            if (!__builtin_reduce_or(wanted)) continue;
            j = wanted ? j : (i32x16)(-1);
            int32_t kept[16];
            memcpy(kept, &j, 64);
            f32x16 w = K(neighbour_weights)(kept, job->neighbour_weight + d * job->pixels + n, count);
            f32x16 difference = h - K(neighbour_values)(kept, job->h_new, 1, 0, count);
            squares += w * difference * difference;
        }
        total += K(widened)(squares);
    }
    *sum = total;
    return reach;
}

// MARK: - One block of pixels

/// Asks for what the update of pixels n..<n + HSI_SUBBLOCK reads beside the scene: a dozen short streams, too many for
/// the hardware to follow between two sub-blocks of the scene. Indices must have been asked for one call earlier.
HSI_INLINE void K(ask_for_pixels)(const sweep_plan *plan, size_t n) {
    const hsi_nmf_sweep_job *job = plan->job;
    const size_t pixels = job->pixels;
    if (n >= pixels) return;
    for (size_t i = 0; i < 4 * job->endmembers; i++) hsi_prefetch(job->a_old + n * job->endmembers, 16 * i);
    if (job->sparsity != HSI_SPARSITY_MAP) return;
    for (size_t q = 0; q < HSI_SUBBLOCK; q += 16) {
        hsi_prefetch(job->h_old + n, q);
        if (!job->h_new) continue;
        hsi_prefetch(job->prior + n, q);
        hsi_prefetch(job->h_new + n, q);
        if (plan->gamma == 0) continue;
        for (size_t d = 0; d < job->neighbours; d++) {
            const int32_t *index = job->neighbour_index + d * pixels + n;
            hsi_prefetch(index, HSI_SUBBLOCK + q);
            hsi_prefetch(job->neighbour_weight + d * pixels + n, q);
            if (n + q < pixels && index[q] >= 0) hsi_prefetch(job->h_old + index[q], 16);
        }
    }
}

/// Update of the groups of one sub-block for a number of endmembers known to the compiler (or not).
HSI_INLINE void K(update_groups)(const sweep_plan *plan, const size_t columns, size_t n, size_t count,
                                 const float *projected, float *planar, f64x8 *terms, hsi_ahead *ahead) {
    const hsi_nmf_sweep_job *job = plan->job;
    K(pixel_group) group;
    const int lines = (int)(job->stride / 8);
    for (size_t q = 0; 16 * q < count; q++) {
        size_t here = count - 16 * q < 16 ? count - 16 * q : 16;
        hsi_ask(ahead, lines);
        K(to_planar)(job->a_old + (n + 16 * q) * columns, here, columns, 1.0f, group.a);
        K(to_planar)(projected + 16 * q * columns, here, columns, 1.0f, group.numerator);
        if (here == 16) K(update_group)(plan, &group, columns, n + 16 * q, 16, terms);
        else K(update_group)(plan, &group, columns, n + 16 * q, here, terms);
        K(to_rows)(group.a, here, columns, job->a_new + (n + 16 * q) * columns);
        for (size_t k = 0; k < columns; k++) K(store)(planar + k * HSI_SUBBLOCK + 16 * q, group.a[k]);
    }
}
#define HSI_UPDATE(columns) \
    static __attribute__((noinline)) void K(update_##columns)(const sweep_plan *plan, size_t n, size_t count, \
                                                              const float *projected, float *planar, f64x8 *terms, hsi_ahead *ahead) { \
        K(update_groups)(plan, columns, n, count, projected, planar, terms, ahead); \
    }
HSI_UPDATE(2)
HSI_UPDATE(3)
HSI_UPDATE(4)
HSI_UPDATE(5)
HSI_UPDATE(6)
HSI_UPDATE(8)
#undef HSI_UPDATE
static __attribute__((noinline)) void K(update_any)(const sweep_plan *plan, size_t n, size_t count,
                                                    const float *projected, float *planar, f64x8 *terms, hsi_ahead *ahead) {
    K(update_groups)(plan, plan->job->endmembers, n, count, projected, planar, terms, ahead);
}

static void K(sweep_block)(const sweep_plan *plan, size_t first, size_t end, double *sums, double *gram,
                           double *terms) {
    const hsi_nmf_sweep_job *job = plan->job;
    const size_t columns = job->endmembers, channels = hsi_padded_channels(job->channels);
    float projected[HSI_SUBBLOCK * HSI_NMF_MAX_ENDMEMBERS];
    float weighted_rows[HSI_SUBBLOCK * HSI_NMF_MAX_ENDMEMBERS];
    float planar[HSI_NMF_MAX_ENDMEMBERS * HSI_SUBBLOCK]; // new A, planar, for the Gram matrix
    float wide[16 * HSI_SUBBLOCK];
    float weights[HSI_SUBBLOCK];
    f64x8 lanes[TERMS] = {0};
    size_t reach = first;
    void (*update)(const sweep_plan *, size_t, size_t, const float *, float *, f64x8 *, hsi_ahead *) =
        columns == 2   ? K(update_2)
        : columns == 3 ? K(update_3)
        : columns == 4 ? K(update_4)
        : columns == 5 ? K(update_5)
        : columns == 6 ? K(update_6)
        : columns == 8 ? K(update_8)
                       : K(update_any);

    for (size_t n = first; n < end; n += HSI_SUBBLOCK) {
        size_t count = end - n < HSI_SUBBLOCK ? end - n : HSI_SUBBLOCK;
        size_t groups = (count + 15) / 16;
        const float *rows = job->scene + n * job->stride;
        size_t stride = job->stride;
        if (job->channels < 16) {
            hsi_widen_rows(rows, stride, count, job->channels, wide);
            rows = wide;
            stride = 16;
        }
        K(ask_for_pixels)(plan, n + count);
        size_t after = job->pixels - n - count < HSI_SUBBLOCK ? job->pixels - n - count : HSI_SUBBLOCK;
        hsi_ahead ahead = {(uintptr_t)(job->scene + (n + count) * job->stride),
                           (uintptr_t)(job->scene + (n + count + after) * job->stride)};
        K(project_rows)(rows, stride, count, channels, plan->weighted, columns, projected, columns, &ahead);

        update(plan, n, count, projected, planar, lanes, &ahead);

        // Edges within the block now, those to earlier blocks when all have finished.
        if (plan->coupled) {
            size_t last = K(coupling)(plan, n, n + count, first, n + count, lanes + COUPLING);
            if (last) reach = last;
        }

        const float *outer_rows = job->a_new + n * columns;
        if (job->sample_weights) {
            memset(weights, 0, sizeof weights);
            for (size_t i = 0; i < count; i++) {
                const float *a = job->a_new + (n + i) * columns;
                double square = K(residual)(rows + i * stride, channels, plan->plain, columns, a);
                double norm = sqrt(square + job->sample_epsilon * job->sample_epsilon);
                terms[SAMPLE_LOSS] += norm;
                weights[i] = (float)(1.0 / (norm > 1e-30 ? norm : 1e-30));
                job->sample_weights[n + i] = weights[i];
                for (size_t k = 0; k < columns; k++) weighted_rows[i * columns + k] = weights[i] * a[k];
            }
            outer_rows = weighted_rows;
        }
        K(outer_rows)(rows, stride, count, channels, outer_rows, columns, columns, sums, &ahead);
        for (size_t i = 0; i < columns; i++)
            for (size_t j = i; j < columns; j++) {
                f32x16 sum = (f32x16)(0.0f);
                for (size_t q = 0; q < groups; q++) {
                    f32x16 product = K(load)(planar + i * HSI_SUBBLOCK + 16 * q) * K(load)(planar + j * HSI_SUBBLOCK + 16 * q);
                    if (job->sample_weights) product *= K(load)(weights + 16 * q);
                    sum += product;
                }
                gram[i * columns + j] += K(sum_wide)(sum);
            }
    }
    for (int t = 0; t < TERMS; t++) terms[t] += K(sum_f64)(lanes[t]);
    terms[REACH] = (double)reach;
}

/// What needs the new values of earlier blocks: coupling over the edges that lead out of first..<reach, and the
/// graph term.
static void K(neighbour_terms)(const sweep_plan *plan, size_t first, size_t end, double *terms) {
    const hsi_nmf_sweep_job *job = plan->job;
    const size_t columns = job->endmembers;
    if (plan->coupled) {
        f64x8 sum = (f64x8)(0.0);
        K(coupling)(plan, first, (size_t)terms[REACH], 0, first, &sum);
        terms[COUPLING] += K(sum_f64)(sum);
    }
    if (job->graph_weight == 0) return;
    const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    f64x8 graph_sum = (f64x8)(0.0);
    for (size_t d = 0; d < job->neighbours; d++)
        for (size_t n = first; n < end; n += 16) {
            size_t count = end - n < 16 ? end - n : 16;
            const int32_t *index = job->neighbour_index + d * job->pixels + n;
            i32x16 j = (i32x16)(-1);
            memcpy(&j, index, count * sizeof(int32_t));
            i32x16 later = j > (int32_t)n + lane;
            if (!__builtin_reduce_or(later)) continue;
            f32x16 w = K(neighbour_weights)(index, job->neighbour_weight + d * job->pixels + n, count);
            w = K(select)(later, w, (f32x16)(0.0f));
            for (size_t k = 0; k < columns; k++) {
                float own[16] = {0};
                for (size_t i = 0; i < count; i++) own[i] = job->a_new[(n + i) * columns + k];
                f32x16 difference = K(load)(own) - K(neighbour_values)(index, job->a_new, columns, k, count);
                graph_sum += K(widened)(w * difference * difference);
            }
        }
    terms[GRAPH] = K(sum_f64)(graph_sum);
}

