// Elementwise functions; compiled once per level.
#include "math_body.h"

HSI_INLINE f32x16 K(gelu_tanh)(f32x16 x) {
    return x * K(sigmoid)(1.59576912f * (x + 0.044715f * x * x * x));
}
HSI_INLINE f32x16 K(gelu_slope)(f32x16 x) {
    f32x16 density, phi = K(normal)(x, &density);
    return phi + x * density;
}
HSI_INLINE f32x16 K(gelu_tanh_slope)(f32x16 x) {
    f32x16 s = K(sigmoid)(1.59576912f * (x + 0.044715f * x * x * x));
    return s + x * s * (1.0f - s) * (1.59576912f * (1.0f + 0.134145f * x * x));
}
HSI_INLINE f32x16 K(silu_slope)(f32x16 x) {
    f32x16 s = K(sigmoid)(x);
    return s + x * s * (1.0f - s);
}

/// Whole vectors, then one partial vector; `body` makes `r` of `a` and `b`.
#define HSI_EACH(name, reads_b, body)                                                                        \
    static double K(name)(const elementwise_job *job, size_t first, size_t end) {                            \
        const float p0 = job->p[0], p1 = job->p[1];                                                          \
        (void)p0, (void)p1;                                                                                \
        for (size_t i = first; i < end; i += 16) {                                                           \
            size_t left = end - i;                                                                           \
            f32x16 a, b = (f32x16)(0.0f), r;                                                                 \
            (void)b;                                                                                         \
            if (left >= 16) {                                                                                \
                a = K(load)(job->a + i);                                                                     \
                if (reads_b) b = K(load)(reads_b + i);                                                       \
                body;                                                                                        \
                K(store)(job->y + i, r);                                                                     \
            } else {                                                                                         \
                a = K(load_partial)(job->a + i, left, 0.0f);                                                 \
                if (reads_b) b = K(load_partial)(reads_b + i, left, 0.0f);                                   \
                body;                                                                                        \
                K(store_partial)(job->y + i, r, left);                                                       \
            }                                                                                                \
        }                                                                                                    \
        return 0;                                                                                            \
    }
#define HSI_NONE ((const float *)0)

HSI_EACH(add, job->b, r = a + b)
HSI_EACH(multiply, job->b, r = a * b)
HSI_EACH(scale, HSI_NONE, r = p0 * a + p1)
HSI_EACH(axpy, job->y, r = b + p0 * a)

HSI_EACH(silu_product, job->b, r = a * K(sigmoid)(a) * b)

/// The gate's logits in a, what passes it in b, what is added in m unless null.
static double K(gated_sum)(const elementwise_job *job, size_t first, size_t end) {
    for (size_t i = first; i < end; i += 16) {
        const size_t left = end - i < 16 ? end - i : 16;
        const int whole = left == 16;
        const f32x16 a = whole ? K(load)(job->a + i) : K(load_partial)(job->a + i, left, 0.0f);
        const f32x16 b = whole ? K(load)(job->b + i) : K(load_partial)(job->b + i, left, 0.0f);
        f32x16 r = (f32x16)(0.0f);
        if (job->m) r = whole ? K(load)(job->m + i) : K(load_partial)(job->m + i, left, 0.0f);
        r += K(sigmoid)(a) * b;
        if (whole) K(store)(job->y + i, r);
        else K(store_partial)(job->y + i, r, left);
    }
    return 0;
}

HSI_EACH(leaky_forward, HSI_NONE, r = K(select)(a > 0.0f, a, p0 * a))
HSI_EACH(gelu_forward, HSI_NONE, r = K(gelu)(a))
HSI_EACH(gelu_tanh_forward, HSI_NONE, r = K(gelu_tanh)(a))
HSI_EACH(silu_forward, HSI_NONE, r = a * K(sigmoid)(a))
HSI_EACH(sigmoid_forward, HSI_NONE, r = K(sigmoid)(a))
HSI_EACH(tanh_forward, HSI_NONE, r = K(tanh)(a))
HSI_EACH(erf_forward, HSI_NONE, r = K(erf)(a))
HSI_EACH(exp_forward, HSI_NONE, r = K(exp)(a))

HSI_EACH(leaky_backward, job->b, r = K(select)(a > 0.0f, b, p0 * b))
HSI_EACH(gelu_backward, job->b, r = b * K(gelu_slope)(a))
HSI_EACH(gelu_tanh_backward, job->b, r = b * K(gelu_tanh_slope)(a))
HSI_EACH(silu_backward, job->b, r = b * K(silu_slope)(a))
HSI_EACH(sigmoid_backward, job->b, r = b * (a * (1.0f - a)))
HSI_EACH(tanh_backward, job->b, r = b * (1.0f - a * a))
HSI_EACH(erf_backward, job->b, r = b * (1.12837917f * K(exp)(-a * a)))
HSI_EACH(exp_backward, job->b, r = b * a)
#undef HSI_EACH
#undef HSI_NONE

/// Sums in fp32 over 32 vectors, then in fp64; `body` makes the terms `t` and, when y is wanted, `r`.
#define HSI_EACH_SUM(name, reads_b, body)                                                                   \
    static double K(name)(const elementwise_job *job, size_t first, size_t end) {                           \
        double total = 0;                                                                                   \
        const float p0 = job->p[0];                                                                         \
        float *y = job->y;                                                                                  \
        (void)p0;                                                                                           \
        for (size_t start = first; start < end; start += 512) {                                             \
            size_t stop = start + 512 < end ? start + 512 : end;                                            \
            f32x16 even = (f32x16)(0.0f), odd = even;                                                       \
            for (size_t i = start; i < stop; i += 16) {                                                     \
                size_t left = stop - i;                                                                     \
                int whole = left >= 16;                                                                     \
                f32x16 a = whole ? K(load)(job->a + i) : K(load_partial)(job->a + i, left, 0.0f);           \
                f32x16 b = (f32x16)(0.0f), t, r = b;                                                        \
                (void)b;                                                                                    \
                if (reads_b) b = whole ? K(load)(job->b + i) : K(load_partial)(job->b + i, left, 0.0f);     \
                body;                                                                                       \
                if (y && whole) K(store)(y + i, r);                                                         \
                else if (y) K(store_partial)(y + i, r, left);                                               \
                f32x16 swap = even + t;                                                                     \
                even = odd;                                                                                 \
                odd = swap;                                                                                 \
            }                                                                                               \
            total += K(sum_wide)(even + odd);                                                               \
        }                                                                                                   \
        return total;                                                                                       \
    }

HSI_EACH_SUM(squares, 0, t = a * a)
HSI_EACH_SUM(squared_error, 1, f32x16 d = a - b; t = d * d; r = p0 * d)
HSI_EACH_SUM(absolute_error, 1, f32x16 d = a - b; t = K(abs)(d);
             r = K(select)(d > 0.0f, (f32x16)(p0), K(select)(d < 0.0f, (f32x16)(-p0), (f32x16)(0.0f))))
#undef HSI_EACH_SUM

/// Weights in y, gradient in a; b holds the coupled decay and the factor of the decoupled one.
static double K(adam)(const elementwise_job *job, size_t first, size_t end) {
    const float *p = job->p;
    float decay = job->b[0], keep = job->b[1];
    for (size_t i = first; i < end; i += 16) {
        size_t left = end - i;
        int whole = left >= 16;
        f32x16 w = whole ? K(load)(job->y + i) : K(load_partial)(job->y + i, left, 0.0f);
        f32x16 g = whole ? K(load)(job->a + i) : K(load_partial)(job->a + i, left, 0.0f);
        f32x16 m = whole ? K(load)(job->m + i) : K(load_partial)(job->m + i, left, 0.0f);
        f32x16 v = whole ? K(load)(job->v + i) : K(load_partial)(job->v + i, left, 0.0f);
        g = p[7] * g + decay * w;
        m = p[0] * m + p[1] * g;
        v = p[2] * v + p[3] * (g * g);
        w = keep * w - p[4] * m / (__builtin_elementwise_sqrt(v) * p[5] + p[6]);
        if (whole) {
            K(store)(job->y + i, w);
            K(store)(job->m + i, m);
            K(store)(job->v + i, v);
        } else {
            K(store_partial)(job->y + i, w, left);
            K(store_partial)(job->m + i, m, left);
            K(store_partial)(job->v + i, v, left);
        }
    }
    return 0;
}

static double K(sgd)(const elementwise_job *job, size_t first, size_t end) {
    const float rate = job->p[0], momentum = job->p[1], decay = job->p[2], scale = job->p[3];
    for (size_t i = first; i < end; i++) {
        float g = scale * job->a[i] + decay * job->y[i], d = g;
        if (job->v) {
            float velocity = momentum * job->v[i] + g;
            job->v[i] = velocity;
            d = job->p[4] != 0 ? g + momentum * velocity : velocity;
        }
        job->y[i] -= rate * d;
    }
    return 0;
}

static const elementwise_function K(elementwise)[FUNCTIONS] = {
    K(add),          K(multiply),       K(scale),          K(axpy),
    K(leaky_forward), K(gelu_forward),  K(gelu_tanh_forward), K(silu_forward),
    K(sigmoid_forward), K(tanh_forward), K(erf_forward),   K(exp_forward),
    K(leaky_backward), K(gelu_backward), K(gelu_tanh_backward), K(silu_backward),
    K(sigmoid_backward), K(tanh_backward), K(erf_backward), K(exp_backward),
    K(squares),      K(squared_error),  K(absolute_error), K(adam),
    K(sgd),          K(silu_product),   K(gated_sum),
};
