// Mixing of planes and products between planes; compiled once per level.
#include "columns_body.h"

#if HSI_LEVEL == 4
enum { K(MIX_TILE) = 12, K(MIX_VECTORS) = 2 };
#elif HSI_LEVEL == 3
enum { K(MIX_TILE) = 6, K(MIX_VECTORS) = 1 };
#else
enum { K(MIX_TILE) = 2, K(MIX_VECTORS) = 1 };
#endif

/// `tile` planes of the result, 16 * vectors values of which `left` exist; a[i * row + k * column].
HSI_INLINE void K(mix_tile)(const float *a, size_t row, size_t column, const float *x, size_t stride, size_t planes,
                            size_t left, int accumulate, float *y, size_t y_stride, const int tile, const int vectors) {
    f32x16 acc[12][2];
    HSI_UNROLL for (int i = 0; i < tile; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] = (f32x16)(0.0f);
    for (size_t k = 0; k < planes; k++) {
        f32x16 b[2];
        HSI_UNROLL for (int v = 0; v < vectors; v++) {
            size_t own = left - 16 * (size_t)v;
            const float *source = x + k * stride + 16 * v;
            b[v] = own >= 16 ? K(load)(source) : K(load_partial)(source, own, 0.0f);
        }
        HSI_UNROLL for (int i = 0; i < tile; i++) {
            float factor = a[i * row + k * column];
            HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] += b[v] * factor;
        }
    }
    HSI_UNROLL for (int i = 0; i < tile; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) {
        size_t own = left - 16 * (size_t)v;
        float *target = y + i * y_stride + 16 * v;
        if (own >= 16) {
            if (accumulate) acc[i][v] += K(load)(target);
            K(store)(target, acc[i][v]);
        } else {
            if (accumulate) acc[i][v] += K(load_partial)(target, own, 0.0f);
            K(store_partial)(target, acc[i][v], own);
        }
    }
}

/// All values of `tile` planes of the result.
HSI_INLINE void K(mix_band)(const float *a, int transposed, const float *x, size_t stride, size_t planes, size_t count,
                            int accumulate, float *y, size_t y_stride, const int tile) {
    size_t n = 0, row = transposed ? 1 : planes, column = transposed ? planes : 1;
    enum { WIDTH = 16 * K(MIX_VECTORS) };
    for (; n + WIDTH <= count; n += WIDTH)
        K(mix_tile)(a, row, column, x + n, stride, planes, WIDTH, accumulate, y + n, y_stride, tile, K(MIX_VECTORS));
    for (; n < count; n += 16) {
        size_t left = count - n;
        K(mix_tile)(a, row, column, x + n, stride, planes, left, accumulate, y + n, y_stride, tile, 1);
    }
}

/// y[d][n] for n < count (at most some hundred), rows of x `stride` floats apart.
static void K(mix)(const float *a, int transposed, const float *x, size_t stride, size_t planes, size_t count,
                   int accumulate, float *y, size_t y_stride) {
    size_t bands = (planes + K(MIX_TILE) - 1) / K(MIX_TILE);
    for (size_t b = 0; b < bands; b++) {
        // Bands of nearly equal height; the split changes no bits.
        size_t d = b * planes / bands, height = (b + 1) * planes / bands - d;
        const float *rows = a + (transposed ? d : d * planes);
        float *target = y + d * y_stride;
#define HSI_BAND(h)                                                                                 \
    case h:                                                                                         \
        K(mix_band)(rows, transposed, x, stride, planes, count, accumulate, target, y_stride, h);   \
        break;
        switch (height) {
            HSI_BAND(1)
            HSI_BAND(2)
#if HSI_LEVEL >= 3
            HSI_BAND(3)
            HSI_BAND(4)
            HSI_BAND(5)
            HSI_BAND(6)
#endif
#if HSI_LEVEL == 4
            HSI_BAND(7)
            HSI_BAND(8)
            HSI_BAND(9)
            HSI_BAND(10)
            HSI_BAND(11)
            HSI_BAND(12)
#endif
        }
#undef HSI_BAND
    }
}

/// sums[i * planes + j] += sum_n u[i][n] v[j][n] for i, j < tile; sums of 32 values per lane in fp32.
HSI_INLINE void K(products_tile)(const float *u, size_t u_stride, const float *v, size_t v_stride, size_t count,
                                 double sums[16], const int tile) {
    f32x16 acc[16];
    HSI_UNROLL for (int i = 0; i < 16; i++) acc[i] = (f32x16)(0.0f);
    size_t n = 0;
    for (; n + 16 <= count; n += 16) {
        f32x16 a[4];
        HSI_UNROLL for (int i = 0; i < tile; i++) a[i] = K(load)(u + i * u_stride + n);
        HSI_UNROLL for (int j = 0; j < tile; j++) {
            f32x16 b = K(load)(v + j * v_stride + n);
            HSI_UNROLL for (int i = 0; i < tile; i++) acc[4 * i + j] += a[i] * b;
        }
    }
    float lanes[16];
    K(store)(lanes, K(reduce16)(acc));
    HSI_UNROLL for (int i = 0; i < tile; i++) HSI_UNROLL for (int j = 0; j < tile; j++) {
        double total = lanes[4 * i + j];
        for (size_t k = n; k < count; k++) total += (double)u[i * u_stride + k] * v[j * v_stride + k];
        sums[4 * i + j] = total;
    }
}

static void K(products)(const float *u, size_t u_stride, const float *v, size_t v_stride, size_t planes, size_t count,
                        double *sums) {
    double part[16];
    if (planes < 4) {
        for (size_t i = 0; i < planes; i++)
            for (size_t j = 0; j < planes; j++) {
                K(products_tile)(u + i * u_stride, u_stride, v + j * v_stride, v_stride, count, part, 1);
                sums[i * planes + j] += part[0];
            }
        return;
    }
    for (size_t i = 0; i < planes; i += 4)
        for (size_t j = 0; j < planes; j += 4) {
            // The last tiles start early; what was summed before is not added again.
            size_t top = i + 4 <= planes ? i : planes - 4, left = j + 4 <= planes ? j : planes - 4;
            K(products_tile)(u + top * u_stride, u_stride, v + left * v_stride, v_stride, count, part, 4);
            for (size_t r = i - top; r < 4; r++)
                for (size_t s = j - left; s < 4; s++) sums[(top + r) * planes + left + s] += part[4 * r + s];
        }
}

static const mixing_table K(mixing) = {K(mix), K(products), K(column_sums), K(column_affine)};
