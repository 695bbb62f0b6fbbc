// Search for similar patches, and the moves of values that estimation of groups needs; compiled once per level.

/// Distances of the candidates of one line of the window, sixteen next to each other at a time.
static void K(patch_distances)(
    const float *const *planes, size_t plane_count, size_t stride, size_t patch, size_t line, size_t sample, size_t top, size_t left,
    size_t width, float *distances) {
    for (size_t x = 0; x < width; x += LANES) {
        f32x16 sum = (f32x16)(0.0f);
        for (size_t p = 0; p < plane_count; p++) {
            const float *reference = planes[p] + line * stride + sample;
            const float *candidate = planes[p] + top * stride + left + x;
            for (size_t i = 0; i < patch; i++, reference += stride, candidate += stride)
                for (size_t j = 0; j < patch; j++) {
                    const f32x16 d = K(load)(candidate + j) - reference[j];
                    sum += d * d;
                }
        }
        K(store)(distances + x, sum);
    }
}

static float K(patch_gather)(
    const float *image, size_t samples, size_t rank, size_t patch, const int32_t *places, size_t count, float *rows, float *means) {
    const size_t run = patch * rank, size = patch * run;
    for (size_t d = 0; d < size; d++) means[d] = 0.0f;
    for (size_t n = 0; n < count; n++) {
        const float *from = image + (size_t)places[n] * rank;
        float *row = rows + n * size;
        for (size_t i = 0; i < patch; i++, from += samples * rank, row += run) memcpy(row, from, run * sizeof(float));
        row = rows + n * size;
        for (size_t d = 0; d < size; d++) means[d] += row[d];
    }
    const float share = 1.0f / (float)count;
    for (size_t d = 0; d < size; d++) means[d] *= share;
    double energy = 0.0;
    for (size_t n = 0; n < count; n++) {
        float *row = rows + n * size;
        f32x16 sum = (f32x16)(0.0f);
        size_t d = 0;
        for (; d + 16 <= size; d += 16) {
            const f32x16 v = K(load)(row + d) - K(load)(means + d);
            K(store)(row + d, v);
            sum += v * v;
        }
        float rest = 0.0f;
        for (; d < size; d++) {
            row[d] -= means[d];
            rest += row[d] * row[d];
        }
        energy += (double)(K(sum)(sum) + rest);
    }
    return (float)energy;
}

static void K(patch_scatter)(
    const float *rows, const float *means, float weight, size_t samples, size_t rank, size_t patch, const int32_t *places, size_t count,
    float *sums, float *weights) {
    const size_t run = patch * rank, size = patch * run;
    for (size_t n = 0; n < count; n++)
        for (size_t i = 0; i < patch; i++) {
            const size_t first = (size_t)places[n] + i * samples;
            float *target = sums + first * rank;
            const float *row = rows + n * size + i * run, *mean = means + i * run;
            for (size_t d = 0; d < run; d++) target[d] += weight * (row[d] + mean[d]);
            for (size_t j = 0; j < patch; j++) weights[first + j] += weight;
        }
}

static void K(planes_interleave)(const float *planes, size_t stride, size_t rank, size_t from, size_t count, float *image) {
    for (size_t j = 0; j < rank; j++) {
        const float *plane = planes + j * stride;
        for (size_t n = from; n < from + count; n++) image[n * rank + j] = plane[n];
    }
}

static void K(planes_average)(
    const float *sums, const float *weights, size_t rank, size_t from, size_t count, float *planes, size_t stride) {
    for (size_t j = 0; j < rank; j++) {
        float *plane = planes + j * stride;
        for (size_t n = from; n < from + count; n++) plane[n] = sums[n * rank + j] / weights[n];
    }
}

static void K(plane_blend)(float *plane, const float *other, float weight, size_t count) {
    for (size_t i = 0; i < count; i++) plane[i] += weight * (other[i] - plane[i]);
}

static void K(sure_sums)(const hsi_sure_planes *p, float shift, const uint8_t *valid, size_t count, double *sums) {
    double risk = 0.0, slope = 0.0, curvature = 0.0;
    const double scale = 1.0 / (double)shift;
    for (size_t i = 0; i < count; i++) {
        if (!valid[i]) continue;
        const double g = p->estimate[i], residual = (double)p->noisy[i] - g, b = p->direction[i], moved = (double)p->moved[i] - g;
        risk += residual * residual - 1.0 + 2.0 * scale * b * moved;
        if (!p->next) continue;
        const double f = p->next[i], change = f - g;
        slope += residual * change - scale * b * (((double)p->next_moved[i] - f) - moved);
        curvature += change * change;
    }
    sums[0] = risk, sums[1] = slope, sums[2] = curvature;
}
