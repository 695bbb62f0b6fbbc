// Running sums of pixels along a row, and floats from planes of their bytes; compiled once per level.

// Every row of `stride` words is added to the next one: independent lanes, but for a single band, which is a running sum.
#define HSI_SUM(size, word)                                                            \
    static void K(sum##size)(void *samples, size_t pixels, size_t stride) {            \
        word *row = samples;                                                           \
        if (stride == 1) {                                                             \
            word sum = 0;                                                              \
            for (size_t i = 0; i < pixels; i++) row[i] = sum = (word)(sum + row[i]);   \
            return;                                                                    \
        }                                                                              \
        for (size_t i = 1; i < pixels; i++) {                                          \
            const word *restrict before = row + (i - 1) * stride;                      \
            word *restrict here = row + i * stride;                                    \
            for (size_t b = 0; b < stride; b++) here[b] = (word)(here[b] + before[b]); \
        }                                                                              \
    }

HSI_SUM(1, uint8_t)
HSI_SUM(2, uint16_t)
HSI_SUM(4, uint32_t)
HSI_SUM(8, uint64_t)
#undef HSI_SUM

static void K(join4)(const uint8_t *restrict row, size_t values, void *restrict target) {
    const uint8_t *a = row, *b = row + values, *c = row + 2 * values, *d = row + 3 * values;
    uint32_t *restrict to = target;
    for (size_t i = 0; i < values; i++)
        to[i] = (uint32_t)a[i] << 24 | (uint32_t)b[i] << 16 | (uint32_t)c[i] << 8 | (uint32_t)d[i];
}

static void K(join8)(const uint8_t *restrict row, size_t values, void *restrict target) {
    uint64_t *restrict to = target;
    for (size_t i = 0; i < values; i++) {
        uint64_t bits = 0;
        for (size_t k = 0; k < 8; k++) bits = bits << 8 | row[k * values + i];
        to[i] = bits;
    }
}

static const predictor_table K(predictor) = {K(sum1), K(sum2), K(sum4), K(sum8), K(join4), K(join8)};
