// Loads and stores of vectors of LANES floats (16 or 8), compiled for each length and level. Private.

static __attribute__((noinline)) void L(read_some)(const float *p, size_t count, VECTOR *v) {
    float lanes[LANES] = {0};
    for (size_t i = 0; i < count; i++) lanes[i] = p[i];
    memcpy(v, lanes, sizeof lanes);
}
static __attribute__((noinline)) void L(write_some)(float *p, const VECTOR *v, size_t count) {
    float lanes[LANES];
    memcpy(lanes, v, sizeof lanes);
    for (size_t i = 0; i < count; i++) p[i] = lanes[i];
}

/// The first `count` lanes from memory, the others zero.
HSI_INLINE VECTOR L(read)(const float *p, size_t count) {
    VECTOR v;
    if (count >= LANES) memcpy(&v, p, sizeof v);
    else L(read_some)(p, count, &v);
    return v;
}
HSI_INLINE void L(write)(float *p, VECTOR v, size_t count) {
    if (count >= LANES) memcpy(p, &v, sizeof v);
    else L(write_some)(p, &v, count);
}

/// A whole vector; its first `skip` lanes are taken as zero when `masked`.
HSI_INLINE VECTOR L(read_from)(const float *p, const int masked, size_t skip) {
    VECTOR v;
    memcpy(&v, p, sizeof v);
    if (!masked) return v;
    INTEGERS lane;
    HSI_UNROLL for (int i = 0; i < LANES; i++) lane[i] = i;
    return lane >= (int32_t)skip ? v : (VECTOR)(0.0f);
}

/// Lanes of vector v that hold one of `left` columns.
HSI_INLINE size_t L(filled)(size_t left, int v) { return left > (size_t)(LANES * v) ? left - (size_t)(LANES * v) : 0; }
