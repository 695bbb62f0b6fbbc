// Sums and affine maps per channel over periods (see periods.h); compiled once per level by the families that need
// them. Each function takes `count` periods of `length` floats, `stride` floats apart.

/// sums[i] += y[i] over the periods.
static inline void K(column_sums)(const float *y, size_t stride, size_t length, size_t count, float *sums) {
    size_t i = 0;
    for (; i + 128 <= length; i += 128) {
        f32x16 acc[8];
        HSI_UNROLL for (int v = 0; v < 8; v++) acc[v] = K(load)(sums + i + 16 * v);
        for (size_t n = 0; n < count; n++)
            HSI_UNROLL for (int v = 0; v < 8; v++) acc[v] += K(load)(y + n * stride + i + 16 * v);
        HSI_UNROLL for (int v = 0; v < 8; v++) K(store)(sums + i + 16 * v, acc[v]);
    }
    for (; i + 16 <= length; i += 16) {
        f32x16 acc = K(load)(sums + i);
        for (size_t n = 0; n < count; n++) acc += K(load)(y + n * stride + i);
        K(store)(sums + i, acc);
    }
    for (; i < length; i++)
        for (size_t n = 0; n < count; n++) sums[i] += y[n * stride + i];
}

/// One group of vectors of column_products.
HSI_INLINE void K(column_products_group)(const float *x, const float *y, size_t stride, size_t count,
                                         const float *shift, float *sums, float *products, const int vectors) {
    f32x16 sum[4], product[4], offset[4];
    HSI_UNROLL for (int v = 0; v < vectors; v++) {
        sum[v] = K(load)(sums + 16 * v);
        product[v] = K(load)(products + 16 * v);
        offset[v] = K(load)(shift + 16 * v);
    }
    for (size_t n = 0; n < count; n++) {
        HSI_UNROLL for (int v = 0; v < vectors; v++) {
            f32x16 centred = K(load)(x + n * stride + 16 * v) - offset[v];
            f32x16 other = y ? K(load)(y + n * stride + 16 * v) : centred;
            sum[v] += other;
            product[v] += other * centred;
        }
    }
    HSI_UNROLL for (int v = 0; v < vectors; v++) {
        K(store)(sums + 16 * v, sum[v]);
        K(store)(products + 16 * v, product[v]);
    }
}

/// sums[i] += y[i], products[i] += y[i] (x[i] - shift[i]); y null stands for x - shift.
static inline void K(column_products)(const float *x, const float *y, size_t stride, size_t length, size_t count,
                               const float *shift, float *sums, float *products) {
    size_t i = 0;
    for (; i + 64 <= length; i += 64)
        K(column_products_group)(x + i, y ? y + i : NULL, stride, count, shift + i, sums + i, products + i, 4);
    for (; i + 16 <= length; i += 16)
        K(column_products_group)(x + i, y ? y + i : NULL, stride, count, shift + i, sums + i, products + i, 1);
    for (; i < length; i++)
        for (size_t n = 0; n < count; n++) {
            float centred = x[n * stride + i] - shift[i], other = y ? y[n * stride + i] : centred;
            sums[i] += other;
            products[i] += other * centred;
        }
}

/// out = scale[i] x + shift[i]; out may be x.
static inline void K(column_affine)(const float *x, size_t stride, size_t length, size_t count, const float *scale,
                             const float *shift, float *out) {
    for (size_t n = 0; n < count; n++) {
        const float *p = x + n * stride;
        float *q = out + n * stride;
        size_t i = 0;
        for (; i + 32 <= length; i += 32) {
            f32x16 a = K(load)(p + i) * K(load)(scale + i) + K(load)(shift + i);
            f32x16 b = K(load)(p + i + 16) * K(load)(scale + i + 16) + K(load)(shift + i + 16);
            K(store)(q + i, a);
            K(store)(q + i + 16, b);
        }
        for (; i + 16 <= length; i += 16) K(store)(q + i, K(load)(p + i) * K(load)(scale + i) + K(load)(shift + i));
        if (i < length) {
            size_t left = length - i;
            f32x16 v = K(load_partial)(p + i, left, 0.0f) * K(load_partial)(scale + i, left, 0.0f) +
                       K(load_partial)(shift + i, left, 0.0f);
            K(store_partial)(q + i, v, left);
        }
    }
}

/// out = a[i] y + (b[i] (x - m[i]) + c[i]); out may be x or y.
static inline void K(column_combine)(const float *x, const float *y, size_t stride, size_t length, size_t count,
                              const float *a, const float *b, const float *m, const float *c, float *out) {
    for (size_t n = 0; n < count; n++) {
        const float *p = x + n * stride, *q = y + n * stride;
        float *o = out + n * stride;
        size_t i = 0;
        for (; i + 16 <= length; i += 16)
            K(store)(o + i, K(load)(a + i) * K(load)(q + i) +
                                (K(load)(b + i) * (K(load)(p + i) - K(load)(m + i)) + K(load)(c + i)));
        if (i < length) {
            size_t left = length - i;
            f32x16 centred = K(load_partial)(p + i, left, 0.0f) - K(load_partial)(m + i, left, 0.0f);
            f32x16 v = K(load_partial)(a + i, left, 0.0f) * K(load_partial)(q + i, left, 0.0f) +
                       (K(load_partial)(b + i, left, 0.0f) * centred + K(load_partial)(c + i, left, 0.0f));
            K(store_partial)(o + i, v, left);
        }
    }
}
