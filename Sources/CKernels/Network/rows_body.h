// Rows of layer normalisation and softmax; compiled once per level.

/// Walks a row in vectors; in the body, i is the index of the first lane and `left` what remains.
#define HSI_ROW(...)                                                                                    \
    for (size_t i = 0; i < c; i += 16) {                                                                \
        size_t left = c - i;                                                                            \
        (void)left;                                                                                     \
        __VA_ARGS__;                                                                                    \
    }
#define HSI_GET(p, fill) (left >= 16 ? K(load)((p) + i) : K(load_partial)((p) + i, left, fill))
#define HSI_PUT(p, v)                                                                                   \
    {                                                                                                   \
        f32x16 put = v;                                                                                 \
        if (left >= 16) K(store)((p) + i, put);                                                         \
        else K(store_partial)((p) + i, put, left);                                                      \
    }

static void K(norm_rows)(const rows_job *job, size_t first, size_t end, float *gradients) {
    size_t c = job->channels;
    (void)gradients;
    for (size_t n = first; n < end; n++) {
        const float *x = job->x + n * c, *r = job->residual ? job->residual + n * c : NULL;
        float *y = job->y + n * c, *s = job->sum ? job->sum + n * c : r ? y : NULL;
        f32x16 total = (f32x16)(0.0f);
        HSI_ROW({
            f32x16 v = HSI_GET(x, 0.0f);
            if (r) v += HSI_GET(r, 0.0f);
            if (s) HSI_PUT(s, v);
            total += v;
        })
        if (s) x = s;
        float mean = K(sum)(total) / (float)c;
        f32x16 squares = (f32x16)(0.0f);
        HSI_ROW({
            f32x16 d = HSI_GET(x, mean) - mean;
            squares += d * d;
        })
        float inverse = 1.0f / __builtin_sqrtf(K(sum)(squares) / (float)c + job->epsilon);
        HSI_ROW(HSI_PUT(y, (HSI_GET(x, 0.0f) - mean) * inverse * HSI_GET(job->gamma, 0.0f) + HSI_GET(job->beta, 0.0f)))
        if (job->statistics) {
            job->statistics[2 * n] = mean;
            job->statistics[2 * n + 1] = inverse;
        }
    }
}

/// gradients: sums of the present block of rows for gamma and beta, then those of the item.
static void K(norm_backward_rows)(const rows_job *job, size_t first, size_t end, float *gradients) {
    size_t c = job->channels;
    for (size_t n = first; n < end; n++) {
        const float *x = job->x + n * c, *dy = job->dy + n * c, *add = job->residual ? job->residual + n * c : NULL;
        float *dx = job->y + n * c, mean = job->statistics_in[2 * n], inverse = job->statistics_in[2 * n + 1];
        f32x16 sum = (f32x16)(0.0f), product = sum;
        HSI_ROW({
            f32x16 d = HSI_GET(dy, 0.0f), hat = (HSI_GET(x, mean) - mean) * inverse;
            f32x16 g = d * HSI_GET(job->gamma, 0.0f);
            sum += g;
            product += g * hat;
            if (gradients) {
                HSI_PUT(gradients, HSI_GET(gradients, 0.0f) + d * hat);
                HSI_PUT(gradients + c, HSI_GET(gradients + c, 0.0f) + d);
            }
        })
        float m = K(sum)(sum) / (float)c, p = K(sum)(product) / (float)c;
        HSI_ROW({
            f32x16 hat = (HSI_GET(x, mean) - mean) * inverse;
            f32x16 v = inverse * (HSI_GET(dy, 0.0f) * HSI_GET(job->gamma, 0.0f) - m - hat * p);
            if (add) v += HSI_GET(add, 0.0f);
            HSI_PUT(dx, v);
        })
        if (gradients && ((n - first) % HSI_SUBBLOCK == HSI_SUBBLOCK - 1 || n + 1 == end)) {
            for (size_t i = 0; i < 2 * c; i++) {
                gradients[2 * c + i] += gradients[i];
                gradients[i] = 0;
            }
        }
    }
}

static void K(softmax_rows)(const rows_job *job, size_t first, size_t end, float *gradients) {
    size_t c = job->channels;
    float scale = job->scale;
    (void)gradients;
    for (size_t n = first; n < end; n++) {
        const float *x = job->x + n * c;
        float *y = job->y + n * c;
        f32x16 top = (f32x16)(-3.4e38f), total = (f32x16)(0.0f);
        // The largest scaled value; a negative scale turns the order.
        HSI_ROW({
            f32x16 v = HSI_GET(x, 0.0f) * scale;
            if (left < 16) {
                const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
                v = K(select)(lane < (int)left, v, (f32x16)(-3.4e38f));
            }
            top = K(max)(top, v);
        })
        float largest = __builtin_reduce_max(top);
        HSI_ROW({
            f32x16 e = K(exp)(HSI_GET(x, 0.0f) * scale - largest);
            HSI_PUT(y, e);
            if (left < 16) e = K(load_partial)(y + i, left, 0.0f);
            total += e;
        })
        float inverse = 1.0f / K(sum)(total);
        HSI_ROW(HSI_PUT(y, HSI_GET(y, 0.0f) * inverse))
    }
}

static void K(softmax_backward_rows)(const rows_job *job, size_t first, size_t end, float *gradients) {
    size_t c = job->channels;
    (void)gradients;
    for (size_t n = first; n < end; n++) {
        const float *y = job->x + n * c, *dy = job->dy + n * c;
        float *dx = job->y + n * c;
        f32x16 product = (f32x16)(0.0f);
        HSI_ROW(product += HSI_GET(y, 0.0f) * HSI_GET(dy, 0.0f))
        float p = K(sum)(product);
        HSI_ROW(HSI_PUT(dx, job->scale * (HSI_GET(y, 0.0f) * (HSI_GET(dy, 0.0f) - p))))
    }
}

#undef HSI_ROW
#undef HSI_GET
#undef HSI_PUT

static const rows_table K(rows) = {K(norm_rows), K(norm_backward_rows), K(softmax_rows), K(softmax_backward_rows)};
