// Vector helpers, compiled once per level (see instantiate.h). Private, no include guard on purpose.

HSI_INLINE f32x16 K(load)(const float *p) {
    f32x16 v;
    memcpy(&v, p, 64);
    return v;
}
HSI_INLINE void K(store)(float *p, f32x16 v) { memcpy(p, &v, 64); }

HSI_INLINE f64x8 K(load_f64)(const double *p) {
    f64x8 v;
    memcpy(&v, p, 64);
    return v;
}
HSI_INLINE void K(store_f64)(double *p, f64x8 v) { memcpy(p, &v, 64); }

/// Reads rows once from the first to the last value, so that what follows finds them in cache. Memory delivers one
/// long ascending stream at its full rate; the same reads spread over arithmetic, or prefetch hints, reach half of it.
HSI_INLINE void K(stream_in)(const float *rows, size_t stride, size_t pixels, size_t channels) {
    const float *line = (const float *)(((uintptr_t)rows + 63) / 64 * 64);
    const float *end = rows + (pixels - 1) * stride + channels;
    f32x16 sum[4] = {(f32x16)(0.0f), (f32x16)(0.0f), (f32x16)(0.0f), (f32x16)(0.0f)};
    for (; line + 64 <= end; line += 64) HSI_UNROLL for (int i = 0; i < 4; i++) sum[i] += K(load)(line + 16 * i);
    float total = ((sum[0] + sum[1]) + (sum[2] + sum[3])).x;
    uint32_t bits;
    memcpy(&bits, &total, 4);
    __asm__ volatile("" : : "r"(bits)); // keeps the loads
}

/// First `count` lanes (0...15) from memory, the others `fill`. Never through memory: a load over several stores waits.
#if HSI_LEVEL == 4
HSI_INLINE f32x16 K(load_partial)(const float *p, size_t count, float fill) {
    return __builtin_ia32_loadups512_mask(p, (f32x16)(fill), (unsigned short)((1u << count) - 1));
}
HSI_INLINE void K(store_partial)(float *p, f32x16 v, size_t count) {
    __builtin_ia32_storeups512_mask(p, v, (unsigned short)((1u << count) - 1));
}
#else
HSI_INLINE f32x4 K(load_partial4)(const float *p, size_t count, float fill) {
    f32x4 v = (f32x4)(fill);
    if (count >= 4) memcpy(&v, p, 16);
    else {
        if (count > 0) v.x = p[0];
        if (count > 1) v.y = p[1];
        if (count > 2) v.z = p[2];
    }
    return v;
}
HSI_INLINE f32x8 K(load_partial8)(const float *p, size_t count, float fill) {
    f32x8 v = (f32x8)(fill);
    if (count >= 8) {
        memcpy(&v, p, 32);
        return v;
    }
    v.lo = K(load_partial4)(p, count, fill);
    if (count > 4) v.hi = K(load_partial4)(p + 4, count - 4, fill);
    return v;
}
HSI_INLINE f32x16 K(load_partial)(const float *p, size_t count, float fill) {
    f32x16 v = (f32x16)(fill);
    v.lo = K(load_partial8)(p, count, fill);
    if (count > 8) v.hi = K(load_partial8)(p + 8, count - 8, fill);
    return v;
}
HSI_INLINE void K(store_partial)(float *p, f32x16 v, size_t count) {
    f32x8 left = v.lo;
    if (count & 8) memcpy(p, &left, 32), p += 8, left = v.hi;
    f32x4 half = left.lo;
    if (count & 4) memcpy(p, &half, 16), p += 4, half = left.hi;
    f32x2 pair = half.lo;
    if (count & 2) memcpy(p, &pair, 8), p += 2, pair = half.hi;
    if (count & 1) *p = pair.x;
}
#endif

/// Sum of all lanes by halving: (j, j+8), (j, j+4), (j, j+2), (j, j+1). The reduce functions below use the same
/// order, so a dot product has the same bits whichever of them finishes it.
HSI_INLINE float K(sum)(f32x16 v) {
    f32x8 a = v.lo + v.hi;
    f32x4 b = a.lo + a.hi;
    f32x2 c = b.lo + b.hi;
    return c.x + c.y;
}
HSI_INLINE double K(sum_f64)(f64x8 v) {
    f64x4 a = v.lo + v.hi;
    f64x2 b = a.lo + a.hi;
    return b.x + b.y;
}
/// Sum of fp32 lanes in fp64.
HSI_INLINE double K(sum_wide)(f32x16 v) {
    f64x16 w = __builtin_convertvector(v, f64x16);
    return K(sum_f64)(w.lo + w.hi);
}

/// Lane i of the result is the sum of the lanes of v[i].
HSI_INLINE f32x16 K(reduce16)(const f32x16 v[16]) {
    f32x16 a[8], b[4], c[2];
    HSI_UNROLL for (int i = 0; i < 8; i++)
        a[i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
               __builtin_shufflevector(v[2 * i], v[2 * i + 1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    HSI_UNROLL for (int i = 0; i < 4; i++)
        b[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
               __builtin_shufflevector(a[2 * i], a[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    HSI_UNROLL for (int i = 0; i < 2; i++)
        c[i] = __builtin_shufflevector(b[2 * i], b[2 * i + 1], 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
               __builtin_shufflevector(b[2 * i], b[2 * i + 1], 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
    return __builtin_shufflevector(c[0], c[1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
           __builtin_shufflevector(c[0], c[1], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

HSI_INLINE f32x16 K(max)(f32x16 a, f32x16 b) { return __builtin_elementwise_max(a, b); }
HSI_INLINE f32x16 K(min)(f32x16 a, f32x16 b) { return __builtin_elementwise_min(a, b); }
HSI_INLINE f32x16 K(abs)(f32x16 a) { return __builtin_elementwise_abs(a); }

HSI_INLINE f32x16 K(select)(i32x16 mask, f32x16 yes, f32x16 no) { return mask ? yes : no; }

/// e^x. Below 1 ULP for x in [-87, 88] (measured against double); clamped outside, so never 0 or infinite.
HSI_INLINE f32x16 K(exp)(f32x16 x) {
    x = K(min)(K(max)(x, (f32x16)(-87.0f)), (f32x16)(88.0f));
    f32x16 shifted = x * 1.44269504088896341f + 12582912.0f; // 1.5 * 2^23: rounds to an integer in the low bits
    f32x16 n = shifted - 12582912.0f;
    f32x16 r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    f32x16 p = (f32x16)(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    f32x16 e = (p * (r * r) + r) + 1.0f;
    i32x16 bits;
    memcpy(&bits, &shifted, 64);
    bits = (bits << 23) + (127 << 23); // the shift drops everything of the constant above the exponent
    f32x16 scale;
    memcpy(&scale, &bits, 64);
    return e * scale;
}

/// 2^x within 2e-7 relative for x in [-125, 126] (measured against double); clamped outside, so never 0 or infinite.
HSI_INLINE f32x16 K(exp2)(f32x16 x) {
    x = K(min)(K(max)(x, (f32x16)(-125.0f)), (f32x16)(126.0f));
    f32x16 shifted = x + 12582912.0f; // 1.5 * 2^23: rounds to an integer in the low bits
    f32x16 r = x - (shifted - 12582912.0f);
    f32x16 p = (f32x16)(1.3264727124e-3f);
    p = p * r + 9.6715126448e-3f;
    p = p * r + 5.5507337435e-2f;
    p = p * r + 2.4022242085e-1f;
    p = p * r + 6.9314697760e-1f;
    p = p * r + 1.0f;
    i32x16 bits, exponent;
    memcpy(&bits, &shifted, 64);
    memcpy(&exponent, &p, 64);
    exponent += bits << 23; // the shift drops everything of the constant above the exponent
    memcpy(&p, &exponent, 64);
    return p;
}

/// Binary logarithm of positive normal numbers: 1.2e-7 absolute between 1/2 and 2, 1e-7 relative elsewhere.
HSI_INLINE f32x16 K(log2)(f32x16 x) {
    i32x16 bits;
    memcpy(&bits, &x, 64);
    // x = m * 2^e with m in [sqrt(1/2), sqrt(2))
    i32x16 e = (bits - 0x3f3504f3) >> 23;
    i32x16 mantissa = bits - (e << 23);
    f32x16 m;
    memcpy(&m, &mantissa, 64);
    f32x16 f = m - 1.0f;
    f32x16 p = (f32x16)(-1.4574446943e-1f);
    p = p * f + 2.3689037749e-1f;
    p = p * f - 2.5006904213e-1f;
    p = p * f + 2.8670745547e-1f;
    p = p * f - 3.6008721586e-1f;
    p = p * f + 4.8093944482e-1f;
    p = p * f - 7.2135714892e-1f;
    p = p * f + 1.4426947724f;
    return p * f + __builtin_convertvector(e, f32x16);
}

/// Lane i of the result is the sum of the lanes of v[i]; same order as sum_f64.
HSI_INLINE f64x8 K(reduce8_f64)(const f64x8 v[8]) {
    f64x8 a[4], b[2];
    HSI_UNROLL for (int i = 0; i < 4; i++)
        a[i] = __builtin_shufflevector(v[2 * i], v[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11) +
               __builtin_shufflevector(v[2 * i], v[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15);
    HSI_UNROLL for (int i = 0; i < 2; i++)
        b[i] = __builtin_shufflevector(a[2 * i], a[2 * i + 1], 0, 1, 4, 5, 8, 9, 12, 13) +
               __builtin_shufflevector(a[2 * i], a[2 * i + 1], 2, 3, 6, 7, 10, 11, 14, 15);
    return __builtin_shufflevector(b[0], b[1], 0, 2, 4, 6, 8, 10, 12, 14) +
           __builtin_shufflevector(b[0], b[1], 1, 3, 5, 7, 9, 11, 13, 15);
}
