// Attention of one head in one window; compiled once per level.
#include "gemm_body.h"
#include "row_products_body.h"

/// rows x width (row stride ld), then `extra` if any, transposed and packed as hsi_gemm_pack packs width x keys.
static void K(pack_transposed)(const float *rows, size_t ld, size_t tokens, const float *extra, size_t width,
                               size_t keys, float factor, float *packed) {
    for (size_t j = 0; j < keys; j += 32) {
        size_t lanes = keys - j > 16 ? 32 : 16;
        float *panel = packed + j * width;
        for (size_t i = 0; i < lanes; i++) {
            const float *row = j + i < tokens ? rows + (j + i) * ld : j + i < keys ? extra : NULL;
            if (row)
                for (size_t c = 0; c < width; c++) panel[c * lanes + i] = factor * row[c];
            else
                for (size_t c = 0; c < width; c++) panel[c * lanes + i] = 0;
        }
    }
}

/// The same rows packed as hsi_gemm_pack packs keys x width.
static void K(pack_rows)(const float *rows, size_t ld, size_t tokens, const float *extra, size_t width, size_t keys,
                         float factor, float *packed) {
    for (size_t c = 0; c < width; c += 32) {
        size_t left = width - c, lanes = left > 16 ? 32 : 16, own = left < lanes ? left : lanes;
        float *panel = packed + c * keys;
        for (size_t j = 0; j < keys; j++) {
            const float *row = (j < tokens ? rows + j * ld : extra) + c;
            for (size_t i = 0; i < own; i++) panel[j * lanes + i] = factor * row[i];
            for (size_t i = own; i < lanes; i++) panel[j * lanes + i] = 0;
        }
    }
}

/// Probabilities of one query in place of its scores; lanes beyond the keys become 0.
HSI_INLINE void K(probabilities)(float *scores, size_t vectors, size_t keys, size_t tokens, const float *bias,
                                 const float *mask, float extra_bias) {
    const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    f32x16 top = (f32x16)(-3.4e38f), total = (f32x16)(0.0f);
    if (keys > tokens) scores[tokens] += extra_bias;
    for (size_t v = 0; v < vectors; v++) {
        size_t i = 16 * v, left = tokens > i ? tokens - i : 0;
        f32x16 s = K(load)(scores + i);
        if (bias && left) s += left >= 16 ? K(load)(bias + i) : K(load_partial)(bias + i, left, 0.0f);
        if (mask && left) s += left >= 16 ? K(load)(mask + i) : K(load_partial)(mask + i, left, 0.0f);
        if (keys < i + 16) s = K(select)(lane < (int)(keys - i), s, (f32x16)(-3.4e38f));
        top = K(max)(top, s);
        K(store)(scores + i, s);
    }
    float largest = __builtin_reduce_max(top);
    for (size_t v = 0; v < vectors; v++) {
        f32x16 e = K(exp)(K(load)(scores + 16 * v) - largest);
        if (keys < 16 * v + 16) e = K(select)(lane < (int)(keys - 16 * v), e, (f32x16)(0.0f));
        total += e;
        K(store)(scores + 16 * v, e);
    }
    float inverse = 1.0f / K(sum)(total);
    for (size_t v = 0; v < vectors; v++) K(store)(scores + 16 * v, K(load)(scores + 16 * v) * inverse);
}

/// Scores from packed K^T, then probabilities.
static void K(attend)(const hsi_attention *a, const attention_layout *l, size_t window, size_t head, const float *q,
                      size_t ld, const float *transposed, float *scores) {
    size_t t = a->tokens;
    K(gemm)(q, ld, transposed, NULL, NULL, 0, scores, l->key_lanes, t, l->key_lanes, a->width);
    for (size_t i = 0; i < t; i++) {
        const float *bias = a->bias ? a->bias + (head * t + i) * t : NULL;
        const float *mask = a->mask ? a->mask + (window % a->masks * t + i) * t : NULL;
        float extra = a->extra_bias && a->extra_key ? a->extra_bias[head * t + i] : 0.0f;
        float *row = scores + i * l->key_lanes;
        switch (l->key_lanes / 16) {
            case 1: K(probabilities)(row, 1, l->keys, t, bias, mask, extra); break;
            case 2: K(probabilities)(row, 2, l->keys, t, bias, mask, extra); break;
            case 3: K(probabilities)(row, 3, l->keys, t, bias, mask, extra); break;
            case 4: K(probabilities)(row, 4, l->keys, t, bias, mask, extra); break;
            default: K(probabilities)(row, l->key_lanes / 16, l->keys, t, bias, mask, extra);
        }
    }
}

static void K(attention_forward)(const hsi_attention *a, const attention_layout *l, size_t window, size_t head,
                                 float *out, float *work) {
    size_t t = a->tokens, d = a->width, all = a->heads * d, ld = 3 * all;
    const float *q = a->qkv + window * t * ld + head * d, *k = q + all, *v = k + all;
    if (head == 0) K(stream_in)(a->qkv + window * t * ld, ld, t, ld); // heads take short pieces of every row
    float *transposed = work, *packed = transposed + l->transposed, *scores = packed + l->packed;
    K(pack_transposed)(k, ld, t, a->extra_key ? a->extra_key + head * d : NULL, d, l->keys, a->scale, transposed);
    K(attend)(a, l, window, head, q, ld, transposed, scores);
    K(pack_rows)(v, ld, t, a->extra_key ? a->extra_value + head * d : NULL, d, l->keys, 1.0f, packed);
    K(gemm)(scores, l->key_lanes, packed, NULL, NULL, 0, out + window * t * all + head * d, all, t, d, l->keys);
}

static void K(attention_backward)(const hsi_attention *a, const attention_layout *l, size_t window, size_t head,
                                  const float *dout, float *dqkv, float *gradients, float *work) {
    size_t t = a->tokens, d = a->width, all = a->heads * d, ld = 3 * all, lanes = l->key_lanes, wide = l->width_lanes;
    const float *q = a->qkv + window * t * ld + head * d, *k = q + all, *v = k + all;
    const float *extra_key = a->extra_key ? a->extra_key + head * d : NULL;
    const float *extra_value = a->extra_key ? a->extra_value + head * d : NULL;
    const float *dy = dout + window * t * all + head * d;
    float *dq = dqkv + window * t * ld + head * d, *dk = dq + all, *dv = dk + all;
    if (head == 0) {
        K(stream_in)(a->qkv + window * t * ld, ld, t, ld);
        K(stream_in)(dout + window * t * all, all, t, all);
    }
    float *keys = work, *values = keys + l->transposed, *packed = values + l->transposed;
    float *p = packed + l->packed, *ds = p + l->scores, *sums = ds + l->scores;

    K(pack_transposed)(k, ld, t, extra_key, d, l->keys, a->scale, keys);
    K(attend)(a, l, window, head, q, ld, keys, p);

    // Values: dV = P^T dO.
    memset(sums, 0, l->sums * sizeof(float));
    K(row_products)(t, p, lanes, l->keys, dy, all, d, sums, wide, 0);
    for (size_t j = 0; j < t; j++) memcpy(dv + j * ld, sums + j * wide, d * sizeof(float));
    if (extra_key)
        for (size_t c = 0; c < d; c++) gradients[l->extra_value + head * d + c] += sums[t * wide + c];

    // Scores: dS = P (dP - sum P dP), dP = dO V^T. Lanes beyond the keys have P = 0.
    K(pack_transposed)(v, ld, t, extra_value, d, l->keys, 1.0f, values);
    K(gemm)(dy, all, values, NULL, NULL, 0, ds, lanes, t, lanes, d);
    for (size_t i = 0; i < t; i++) {
        float *row = ds + i * lanes;
        const float *probability = p + i * lanes;
        f32x16 product = (f32x16)(0.0f);
        for (size_t j = 0; j < lanes; j += 16) product += K(load)(row + j) * K(load)(probability + j);
        float total = K(sum)(product);
        for (size_t j = 0; j < lanes; j += 16)
            K(store)(row + j, K(load)(probability + j) * (K(load)(row + j) - total));
        float *bias = gradients + (head * t + i) * t;
        for (size_t j = 0; j < t; j++) bias[j] += row[j];
        if (extra_key) gradients[l->extra_bias + head * t + i] += row[t];
    }

    // Queries: dQ = scale dS K. Keys: dK = scale dS^T Q.
    K(pack_rows)(k, ld, t, extra_key, d, l->keys, a->scale, packed);
    K(gemm)(ds, lanes, packed, NULL, NULL, 0, dq, ld, t, d, l->keys);
    memset(sums, 0, l->sums * sizeof(float));
    K(row_products)(t, ds, lanes, l->keys, q, ld, d, sums, wide, 0);
    for (size_t j = 0; j < t; j++)
        for (size_t c = 0; c < d; c++) dk[j * ld + c] = a->scale * sums[j * wide + c];
    if (extra_key)
        for (size_t c = 0; c < d; c++) gradients[l->extra_key + head * d + c] += a->scale * sums[t * wide + c];
}

static const attention_table K(attention) = {K(attention_forward), K(attention_backward)};
