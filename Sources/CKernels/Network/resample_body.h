// Rows of bilinear resampling; compiled once per level.

/// A weighted sum of one vector of each of two source rows.
#define HSI_BLEND(type)                                                                                            \
    {                                                                                                              \
        type a, b, c, d;                                                                                           \
        memcpy(&a, above + low + k, sizeof a);                                                                     \
        memcpy(&b, above + high + k, sizeof b);                                                                    \
        memcpy(&c, below + low + k, sizeof c);                                                                     \
        memcpy(&d, below + high + k, sizeof d);                                                                    \
        type r = r0 * (c0 * a + c1 * b) + r1 * (c0 * c + c1 * d);                                                  \
        memcpy(out + k, &r, sizeof r);                                                                             \
    }

static void K(resample_forward)(const resample_job *job, size_t plane, size_t row) {
    size_t channels = job->channels, width = job->columns.inputs * channels;
    resample_taps t = taps_of(&job->rows, row);
    const float *source = job->x + plane * job->rows.inputs * width;
    const float *above = source + t.low * width, *below = source + t.high * width;
    float r0 = 1 - t.weight, r1 = t.weight;
    float *out = job->y + (plane * job->rows.outputs + row) * job->columns.outputs * channels;
    for (size_t j = 0; j < job->columns.outputs; j++, out += channels) {
        resample_taps s = taps_of(&job->columns, j);
        size_t low = s.low * channels, high = s.high * channels, k = 0;
        float c0 = 1 - s.weight, c1 = s.weight;
        for (; k + 16 <= channels; k += 16) HSI_BLEND(f32x16)
        for (; k + 8 <= channels; k += 8) HSI_BLEND(f32x8)
        for (; k + 4 <= channels; k += 4) HSI_BLEND(f32x4)
        for (; k < channels; k++) HSI_BLEND(float)
    }
}
#undef HSI_BLEND

#define HSI_SCATTER(type)                                            \
    {                                                                \
        type g, a, b;                                                \
        memcpy(&g, strip + (j - from) * channels + k, sizeof g);     \
        memcpy(&a, low + k, sizeof a);                               \
        a += c0 * g;                                                 \
        memcpy(low + k, &a, sizeof a);                               \
        memcpy(&b, high + k, sizeof b);                              \
        b += c1 * g;                                                 \
        memcpy(high + k, &b, sizeof b);                              \
    }

/// One input row: the output rows that use it are summed strip by strip, then spread over the input columns.
static void K(resample_backward)(const resample_job *job, size_t plane, size_t row) {
    enum { STRIP = 4096 };
    float strip[STRIP];
    size_t channels = job->channels, width = job->columns.outputs * channels;
    const float *source = job->x + plane * job->rows.outputs * width;
    float *out = job->y + (plane * job->rows.inputs + row) * job->columns.inputs * channels;
    memset(out, 0, job->columns.inputs * channels * sizeof(float));
    size_t first, end, all = channels;
    range_of(&job->rows, row, &first, &end);
    // Channels in pieces that fit, columns in strips.
    for (size_t base = 0; base < all; base += STRIP) {
        channels = all - base < STRIP ? all - base : STRIP;
        size_t columns = STRIP / channels;
        for (size_t from = 0; from < job->columns.outputs; from += columns) {
            size_t to = from + columns < job->columns.outputs ? from + columns : job->columns.outputs;
            memset(strip, 0, (to - from) * channels * sizeof(float));
            for (size_t i = first; i < end; i++) {
                float share = share_of(&job->rows, i, row);
                if (share == 0) continue;
                const float *p = source + i * width + from * all + base;
                if (channels == all) {
                    size_t n = (to - from) * channels, k = 0;
                    for (; k + 16 <= n; k += 16) K(store)(strip + k, K(load)(strip + k) + share * K(load)(p + k));
                    for (; k < n; k++) strip[k] += share * p[k];
                } else {
                    for (size_t j = 0; j < to - from; j++)
                        for (size_t k = 0; k < channels; k++) strip[j * channels + k] += share * p[j * all + k];
                }
            }
            for (size_t j = from; j < to; j++) {
                resample_taps s = taps_of(&job->columns, j);
                float *low = out + s.low * all + base, *high = out + s.high * all + base;
                float c0 = 1 - s.weight, c1 = s.weight;
                size_t k = 0;
                for (; k + 16 <= channels; k += 16) HSI_SCATTER(f32x16)
                for (; k + 8 <= channels; k += 8) HSI_SCATTER(f32x8)
                for (; k + 4 <= channels; k += 4) HSI_SCATTER(f32x4)
                for (; k < channels; k++) HSI_SCATTER(float)
            }
        }
    }
}
#undef HSI_SCATTER

static const resample_table K(resample) = {K(resample_forward), K(resample_backward)};
