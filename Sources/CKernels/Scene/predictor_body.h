// Running sums of pixels along a row, and floats from planes of their bytes; compiled once per level.

// Running sums of one band, 16 bytes at a time: sums inside a vector by doubling, then the last sum of the vector before.
#define HSI_ROTATE16(v, n) __builtin_shufflevector((K(bytes)){0}, v, 16 - n, 17 - n, 18 - n, 19 - n, 20 - n, 21 - n, 22 - n, 23 - n, 24 - n, 25 - n, 26 - n, 27 - n, 28 - n, 29 - n, 30 - n, 31 - n)
typedef uint8_t K(bytes) __attribute__((ext_vector_type(16)));
typedef uint16_t K(halves) __attribute__((ext_vector_type(8)));
typedef uint32_t K(words) __attribute__((ext_vector_type(4)));

static void K(running1)(uint8_t *row, size_t count) {
    K(bytes) carry = {0};
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        K(bytes) v;
        memcpy(&v, row + i, 16);
        v += HSI_ROTATE16(v, 1);
        v += HSI_ROTATE16(v, 2);
        v += HSI_ROTATE16(v, 4);
        v += HSI_ROTATE16(v, 8);
        v += carry;
        memcpy(row + i, &v, 16);
        carry = __builtin_shufflevector(v, v, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15);
    }
    uint8_t sum = carry[0];
    for (; i < count; i++) row[i] = sum = (uint8_t)(sum + row[i]);
}

static void K(running2)(uint16_t *row, size_t count) {
    K(halves) carry = {0};
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        K(halves) v;
        memcpy(&v, row + i, 16);
        v += (K(halves))HSI_ROTATE16((K(bytes))v, 2);
        v += (K(halves))HSI_ROTATE16((K(bytes))v, 4);
        v += (K(halves))HSI_ROTATE16((K(bytes))v, 8);
        v += carry;
        memcpy(row + i, &v, 16);
        carry = __builtin_shufflevector(v, v, 7, 7, 7, 7, 7, 7, 7, 7);
    }
    uint16_t sum = carry[0];
    for (; i < count; i++) row[i] = sum = (uint16_t)(sum + row[i]);
}

static void K(running4)(uint32_t *row, size_t count) {
    K(words) carry = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        K(words) v;
        memcpy(&v, row + i, 16);
        v += (K(words))HSI_ROTATE16((K(bytes))v, 4);
        v += (K(words))HSI_ROTATE16((K(bytes))v, 8);
        v += carry;
        memcpy(row + i, &v, 16);
        carry = __builtin_shufflevector(v, v, 3, 3, 3, 3);
    }
    uint32_t sum = carry[0];
    for (; i < count; i++) row[i] = sum += row[i];
}
#undef HSI_ROTATE16

static void K(running8)(uint64_t *row, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) row[i] = sum += row[i];
}

// Every row of `stride` words is added to the next one: independent lanes, but for a single band, which is a running sum.
#define HSI_SUM(size, word)                                                            \
    static void K(sum##size)(void *samples, size_t pixels, size_t stride) {            \
        word *row = samples;                                                           \
        if (stride == 1) {                                                             \
            K(running##size)(row, pixels);                                             \
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
