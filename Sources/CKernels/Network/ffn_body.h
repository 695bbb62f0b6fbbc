// The feed-forward layer of HSDT on blocks of rows; compiled once per level.
#include "gemm_body.h"
#include "math_body.h"
#include "row_products_body.h"

HSI_INLINE f32x16 K(load_up_to)(const float *p, size_t left) {
    return left >= 16 ? K(load)(p) : K(load_partial)(p, left, 0.0f);
}
HSI_INLINE void K(store_up_to)(float *p, f32x16 v, size_t left) {
    if (left >= 16) K(store)(p, v);
    else K(store_partial)(p, v, left);
}

/// work: block x 4C.
static void K(ffn_forward)(const ffn_layout *l, const float *x, size_t rows, const float *packed, const float *skip,
                           float *y, float *work) {
    size_t c = l->channels;
    for (size_t first = 0; first < rows; first += l->block) {
        size_t count = rows - first < l->block ? rows - first : l->block;
        const float *xs = x + first * c;
        float *ys = y + first * c;
        K(gemm)(xs, c, packed + l->expand, packed + l->expand_bias, NULL, 0, work, 4 * c, count, 4 * c, c);
        for (size_t n = 0; n < count; n++) {
            float *h = work + n * 4 * c, *a = h + 2 * c, *g = a + c;
            for (size_t i = 0; i < 2 * c; i += 16)
                K(store_up_to)(h + i, K(gelu_fast)(K(load_up_to)(h + i, 2 * c - i)), 2 * c - i);
            for (size_t i = 0; i < c; i += 16) {
                f32x16 v = K(load_up_to)(a + i, c - i) * K(sigmoid)(K(load_up_to)(g + i, c - i));
                if (skip) v += K(load_up_to)(skip + (first + n) * c + i, c - i);
                K(store_up_to)(ys + n * c + i, v, c - i);
            }
        }
        K(gemm)(work, 4 * c, packed + l->contract, packed + l->contract_bias, ys, c, ys, c, count, c, 2 * c);
    }
}

/// work: block x 4C for h, a, g and their gradients, block x 2C for gelu(h), block x 2C for its gradient, each with
/// room for a vector beyond.
static void K(ffn_backward)(const ffn_layout *l, const float *x, const float *dy, size_t rows, const float *packed,
                            float *dx, float *gradients, float *work) {
    size_t c = l->channels;
    float *inner = work, *active = inner + l->block * 4 * c + 16, *back = active + l->block * 2 * c + 16;
    for (size_t first = 0; first < rows; first += l->block) {
        size_t count = rows - first < l->block ? rows - first : l->block;
        const float *xs = x + first * c, *dys = dy + first * c;
        K(gemm)(xs, c, packed + l->expand, packed + l->expand_bias, NULL, 0, inner, 4 * c, count, 4 * c, c);
        K(gemm)(dys, c, packed + l->contract_back, NULL, NULL, 0, back, 2 * c, count, 2 * c, c);
        for (size_t n = 0; n < count; n++) {
            float *h = inner + n * 4 * c, *a = h + 2 * c, *g = a + c;
            for (size_t i = 0; i < 2 * c; i += 16) {
                size_t left = 2 * c - i;
                f32x16 v = K(load_up_to)(h + i, left), density, phi = K(normal)(v, &density);
                K(store_up_to)(active + n * 2 * c + i, v * phi, left);
                K(store_up_to)(h + i, K(load_up_to)(back + n * 2 * c + i, left) * (phi + v * density), left);
            }
            for (size_t i = 0; i < c; i += 16) {
                size_t left = c - i;
                f32x16 gate = K(sigmoid)(K(load_up_to)(g + i, left)), value = K(load_up_to)(a + i, left);
                f32x16 d = K(load_up_to)(dys + n * c + i, left) * gate;
                K(store_up_to)(a + i, d, left);
                K(store_up_to)(g + i, d * value * (1.0f - gate), left);
            }
        }
        K(row_products)(count, xs, c, c, inner, 4 * c, 4 * c, gradients, l->expand_lanes, 1);
        K(row_products)(count, dys, c, c, active, 2 * c, 2 * c, gradients + l->contract_gradient, l->contract_lanes, 1);
        K(row_sums)(count, inner, 4 * c, 4 * c, gradients + l->expand_bias_gradient);
        K(row_sums)(count, dys, c, c, gradients + l->contract_bias_gradient);
        K(gemm)(inner, 4 * c, packed + l->expand_back, NULL, NULL, 0, dx + first * c, c, count, c, 4 * c);
    }
}

static const ffn_table K(ffn) = {K(ffn_forward), K(ffn_backward)};
