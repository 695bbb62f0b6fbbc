// Rows of depthwise convolution; compiled once per level. Three columns of the input stay in registers.

HSI_INLINE f32x16 K(lanes_of)(const float *p, size_t left, const int whole) {
    return whole ? K(load)(p) : K(load_partial)(p, left, 0.0f);
}

/// Rows above, at and below `row`; outside the image the row itself, which then counts with weight 0.
HSI_INLINE void K(three_rows)(const depthwise_job *job, size_t plane, size_t row, const float *lines[3], float inside[3]) {
    size_t line = job->columns * job->channels;
    const float *middle = job->x + (plane * job->rows + row) * line;
    lines[0] = row > 0 ? middle - line : middle;
    lines[1] = middle;
    lines[2] = row + 1 < job->rows ? middle + line : middle;
    inside[0] = row > 0;
    inside[1] = 1;
    inside[2] = row + 1 < job->rows;
}

HSI_INLINE void K(depthwise_strip)(const depthwise_job *job, size_t plane, size_t row, size_t c, size_t left,
                                   const int whole) {
    const float *lines[3];
    float inside[3];
    K(three_rows)(job, plane, row, lines, inside);
    size_t channels = job->channels;
    float *y = job->y + (plane * job->rows + row) * job->columns * channels + c;
    f32x16 w[9], window[3][3], bias = (f32x16)(0.0f);
    HSI_UNROLL for (int t = 0; t < 9; t++)
        w[t] = K(lanes_of)(job->packed + t * channels + c, left, whole) * inside[t / 3];
    if (job->bias) bias = K(lanes_of)(job->bias + c, left, whole);
    HSI_UNROLL for (int a = 0; a < 3; a++) {
        window[a][0] = (f32x16)(0.0f);
        window[a][1] = K(lanes_of)(lines[a] + c, left, whole);
    }
    for (size_t j = 0; j < job->columns; j++) {
        f32x16 acc = job->accumulate ? bias + K(lanes_of)(y + j * channels, left, whole) : bias;
        HSI_UNROLL for (int a = 0; a < 3; a++) {
            window[a][2] = j + 1 < job->columns ? K(lanes_of)(lines[a] + (j + 1) * channels + c, left, whole) : (f32x16)(0.0f);
            HSI_UNROLL for (int b = 0; b < 3; b++) acc += w[3 * a + b] * window[a][b];
            window[a][0] = window[a][1];
            window[a][1] = window[a][2];
        }
        if (whole) K(store)(y + j * channels, acc);
        else K(store_partial)(y + j * channels, acc, left);
    }
}

static void K(depthwise_forward)(const depthwise_job *job, size_t plane, size_t row) {
    size_t c = 0;
    for (; c + 16 <= job->channels; c += 16) K(depthwise_strip)(job, plane, row, c, 16, 1);
    if (c < job->channels) K(depthwise_strip)(job, plane, row, c, job->channels - c, 0);
}

HSI_INLINE void K(depthwise_sums)(const depthwise_job *job, size_t plane, size_t row, size_t c, size_t left,
                                  float *sums, const int whole) {
    const float *lines[3];
    float inside[3];
    K(three_rows)(job, plane, row, lines, inside);
    size_t channels = job->channels;
    const float *dy = job->dy + (plane * job->rows + row) * job->columns * channels + c;
    f32x16 acc[10], window[3][3];
    HSI_UNROLL for (int t = 0; t < 10; t++) acc[t] = (f32x16)(0.0f);
    HSI_UNROLL for (int a = 0; a < 3; a++) {
        window[a][0] = (f32x16)(0.0f);
        window[a][1] = K(lanes_of)(lines[a] + c, left, whole);
    }
    for (size_t j = 0; j < job->columns; j++) {
        f32x16 g = K(lanes_of)(dy + j * channels, left, whole);
        acc[9] += g;
        HSI_UNROLL for (int a = 0; a < 3; a++) {
            window[a][2] = j + 1 < job->columns ? K(lanes_of)(lines[a] + (j + 1) * channels + c, left, whole) : (f32x16)(0.0f);
            HSI_UNROLL for (int b = 0; b < 3; b++) acc[3 * a + b] += g * window[a][b];
            window[a][0] = window[a][1];
            window[a][1] = window[a][2];
        }
    }
    HSI_UNROLL for (int t = 0; t < 10; t++) {
        float *target = sums + t * channels + c;
        f32x16 v = K(lanes_of)(target, left, whole) + acc[t] * (t < 9 ? inside[t / 3] : 1.0f);
        if (whole) K(store)(target, v);
        else K(store_partial)(target, v, left);
    }
}

static void K(depthwise_gradient)(const depthwise_job *job, size_t plane, size_t row, float *sums) {
    size_t c = 0;
    for (; c + 16 <= job->channels; c += 16) K(depthwise_sums)(job, plane, row, c, 16, sums, 1);
    if (c < job->channels) K(depthwise_sums)(job, plane, row, c, job->channels - c, sums, 0);
}

static const depthwise_table K(depthwise) = {K(depthwise_forward), K(depthwise_gradient)};
