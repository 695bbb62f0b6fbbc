// Loads and stores of vectors of LANES floats (16 or 8), compiled for each length and level. Private.

HSI_INLINE VECTOR L(read)(const float *p, size_t count) {
    VECTOR v;
    if (count >= LANES) {
        memcpy(&v, p, sizeof v);
        return v;
    }
    float lanes[LANES] = {0};
    for (size_t i = 0; i < count; i++) lanes[i] = p[i];
    memcpy(&v, lanes, sizeof v);
    return v;
}
HSI_INLINE void L(write)(float *p, VECTOR v, size_t count) {
    if (count >= LANES) {
        memcpy(p, &v, sizeof v);
        return;
    }
    float lanes[LANES];
    memcpy(lanes, &v, sizeof v);
    for (size_t i = 0; i < count; i++) p[i] = lanes[i];
}

/// Lanes of vector v that hold one of `left` columns.
HSI_INLINE size_t L(filled)(size_t left, int v) { return left > (size_t)(LANES * v) ? left - (size_t)(LANES * v) : 0; }
