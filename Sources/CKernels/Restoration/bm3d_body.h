// Block matching and collaborative filtering; compiled once per level.

HSI_INLINE f32x8 K(load8)(const float *p) {
    f32x8 v;
    memcpy(&v, p, 32);
    return v;
}
HSI_INLINE void K(store8)(float *p, f32x8 v) { memcpy(p, &v, 32); }

/// out = A in B, where row u of A is left[u] and row j of B is right[j].
HSI_INLINE void K(sandwich)(const float (*left)[BLOCK], const float (*right)[BLOCK], float *block) {
    f32x8 rows[BLOCK], result;
    HSI_UNROLL for (int i = 0; i < BLOCK; i++) rows[i] = K(load8)(block + BLOCK * i);
    float half[AREA];
    HSI_UNROLL for (int u = 0; u < BLOCK; u++) {
        result = rows[0] * left[u][0];
        HSI_UNROLL for (int i = 1; i < BLOCK; i++) result += rows[i] * left[u][i];
        K(store8)(half + BLOCK * u, result);
    }
    HSI_UNROLL for (int j = 0; j < BLOCK; j++) rows[j] = K(load8)(right[j]);
    for (int u = 0; u < BLOCK; u++) {
        result = rows[0] * half[BLOCK * u];
        HSI_UNROLL for (int j = 1; j < BLOCK; j++) result += rows[j] * half[BLOCK * u + j];
        K(store8)(block + BLOCK * u, result);
    }
}

static void K(dct8x8)(float *block, int inverse) {
    if (inverse) K(sandwich)(cosine_columns, cosine, block);
    else K(sandwich)(cosine, cosine_columns, block);
}

/// One orthonormal Haar transform over `count` blocks, coefficient by coefficient; sums first.
HSI_INLINE void K(haar)(float *blocks, size_t count, int inverse) {
    const float root = 0.70710678118654752f;
    float other[HSI_BM3D_MATCHES * AREA];
    if (!inverse) {
        for (size_t n = count; n > 1; n /= 2) {
            for (size_t i = 0; i < n / 2; i++)
                for (size_t c = 0; c < AREA; c += LANES) {
                    const f32x16 a = K(load)(blocks + 2 * i * AREA + c), b = K(load)(blocks + (2 * i + 1) * AREA + c);
                    K(store)(other + i * AREA + c, (a + b) * root);
                    K(store)(other + (n / 2 + i) * AREA + c, (a - b) * root);
                }
            memcpy(blocks, other, n * AREA * sizeof(float));
        }
    } else {
        for (size_t n = 2; n <= count; n *= 2) {
            for (size_t i = 0; i < n / 2; i++)
                for (size_t c = 0; c < AREA; c += LANES) {
                    const f32x16 a = K(load)(blocks + i * AREA + c), b = K(load)(blocks + (n / 2 + i) * AREA + c);
                    K(store)(other + 2 * i * AREA + c, (a + b) * root);
                    K(store)(other + (2 * i + 1) * AREA + c, (a - b) * root);
                }
            memcpy(blocks, other, n * AREA * sizeof(float));
        }
    }
}

HSI_INLINE void K(gather)(const float *plane, hsi_bm3d_size size, const int32_t *places, size_t count, float *blocks) {
    for (size_t g = 0; g < count; g++) {
        const size_t line = (size_t)places[g] / size.samples, sample = (size_t)places[g] % size.samples;
        const float *first = plane + line * size.stride + sample;
        float *block = blocks + g * AREA;
        HSI_UNROLL for (size_t i = 0; i < BLOCK; i++) K(store8)(block + BLOCK * i, K(load8)(first + i * size.stride));
        K(sandwich)(cosine, cosine_columns, block);
    }
    K(haar)(blocks, count, 0);
}

static void K(bm3d_filter)(
    const float *plane, const float *guide, hsi_bm3d_size size, const int32_t *places, size_t count, float threshold,
    float *sum, float *weight) {
    float blocks[HSI_BM3D_MATCHES * AREA];
    K(gather)(plane, size, places, count, blocks);
    f32x16 total = (f32x16)(0.0f);
    if (guide) {
        float pilot[HSI_BM3D_MATCHES * AREA];
        K(gather)(guide, size, places, count, pilot);
        for (size_t c = 0; c < count * AREA; c += LANES) {
            const f32x16 square = K(load)(pilot + c) * K(load)(pilot + c);
            const f32x16 factor = square / (square + 1.0f);
            total += factor * factor;
            K(store)(blocks + c, K(load)(blocks + c) * factor);
        }
    } else {
        for (size_t c = 0; c < count * AREA; c += LANES) {
            const f32x16 x = K(load)(blocks + c);
            const i32x16 large = K(abs)(x) > threshold;
            total += K(select)(large, (f32x16)(1.0f), (f32x16)(0.0f));
            K(store)(blocks + c, K(select)(large, x, (f32x16)(0.0f)));
        }
    }
    const float squares = K(sum)(total), group = 1.0f / (squares > 1e-3f ? squares : (guide ? 1e-3f : 1.0f));
    K(haar)(blocks, count, 1);
    const f32x8 window = K(load8)(kaiser);
    for (size_t g = 0; g < count; g++) {
        float *block = blocks + g * AREA;
        K(sandwich)(cosine_columns, cosine, block);
        const size_t line = (size_t)places[g] / size.samples, sample = (size_t)places[g] % size.samples;
        float *s = sum + line * size.stride + sample, *w = weight + line * size.stride + sample;
        HSI_UNROLL for (size_t i = 0; i < BLOCK; i++) {
            const f32x8 factor = window * (group * kaiser[i]);
            K(store8)(s + i * size.stride, K(load8)(s + i * size.stride) + factor * K(load8)(block + BLOCK * i));
            K(store8)(w + i * size.stride, K(load8)(w + i * size.stride) + factor);
        }
    }
}

/// Sixteen candidates next to each other at a time, two such groups.
static void K(bm3d_match)(
    const float *const *planes, size_t plane_count, hsi_bm3d_size size, size_t line, size_t sample, match_list *list) {
    const size_t last_line = size.lines - BLOCK, last_sample = size.samples - BLOCK;
    const size_t reach = HSI_BM3D_REACH;
    // The window is moved inwards at the borders.
    size_t top = line > reach ? line - reach : 0, left = sample > reach ? sample - reach : 0;
    if (top + 2 * reach > last_line) top = last_line > 2 * reach ? last_line - 2 * reach : 0;
    if (left + 2 * reach - 1 > last_sample) left = last_sample > 2 * reach - 1 ? last_sample - (2 * reach - 1) : 0;
    const size_t bottom = top + 2 * reach < last_line ? top + 2 * reach : last_line;
    const size_t width = last_sample - left + 1 < 2 * reach ? last_sample - left + 1 : 2 * reach;
    for (size_t y = top; y <= bottom; y++) {
        f32x16 one = (f32x16)(0.0f), two = (f32x16)(0.0f);
        for (size_t p = 0; p < plane_count; p++) {
            const float *reference = planes[p] + line * size.stride + sample;
            const float *candidate = planes[p] + y * size.stride + left;
            for (size_t i = 0; i < BLOCK; i++, reference += size.stride, candidate += size.stride)
                HSI_UNROLL for (int j = 0; j < BLOCK; j++) {
                    const f32x16 a = K(load)(candidate + j) - reference[j];
                    const f32x16 b = K(load)(candidate + LANES + j) - reference[j];
                    one += a * a;
                    two += b * b;
                }
        }
        float distances[2 * LANES];
        K(store)(distances, one);
        K(store)(distances + LANES, two);
        for (size_t k = 0; k < width; k++)
            if (y != line || left + k != sample) match_insert(list, distances[k], (int32_t)(y * size.samples + left + k));
    }
}
