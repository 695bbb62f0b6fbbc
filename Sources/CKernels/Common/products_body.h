// Products of a scene with small matrices; compiled once per level.
#include "project_body.h"

// MARK: - Per-pixel dot products in fp64

/// sum_l row[l] * w[l] in fp64, w unpacked; the same order for every row.
HSI_INLINE double K(dot_f64)(const float *row, const double *w, size_t channels) {
    f64x8 a = (f64x8)(0.0), b = (f64x8)(0.0);
    size_t l = 0;
    for (; l + 16 <= channels; l += 16) {
        f64x16 y = __builtin_convertvector(K(load)(row + l), f64x16);
        a += y.lo * K(load_f64)(w + l);
        b += y.hi * K(load_f64)(w + l + 8);
    }
    double total = K(sum_f64)(a + b);
    for (; l < channels; l++) total += (double)row[l] * w[l];
    return total;
}

/// sum_l row[l]^2 * w[l], w may be null.
HSI_INLINE double K(square_f64)(const float *row, const double *w, size_t channels) {
    f64x8 a = (f64x8)(0.0), b = (f64x8)(0.0);
    size_t l = 0;
    for (; l + 16 <= channels; l += 16) {
        f64x16 y = __builtin_convertvector(K(load)(row + l), f64x16);
        f64x16 square = y * y;
        if (w) {
            a += square.lo * K(load_f64)(w + l);
            b += square.hi * K(load_f64)(w + l + 8);
        } else {
            a += square.lo;
            b += square.hi;
        }
    }
    double total = K(sum_f64)(a + b);
    for (; l < channels; l++) {
        double y = row[l];
        total += y * y * (w ? w[l] : 1.0);
    }
    return total;
}

static void K(pixel_norms_rows)(const float *scene, size_t stride, size_t pixels, size_t channels, const double *w,
                                double *out) {
    for (size_t n = 0; n < pixels; n++) out[n] = K(square_f64)(scene + n * stride, w, channels);
}

static void K(deflate_rows)(const float *scene, size_t stride, size_t pixels, size_t channels, const double *q,
                            double *residual) {
    for (size_t n = 0; n < pixels; n++) {
        double projection = K(dot_f64)(scene + n * stride, q, channels);
        double left = residual[n] - projection * projection;
        residual[n] = left > 0 ? left : 0;
    }
}

// MARK: - Channel sums

/// sums and squares += over `pixels` rows, fp64. Channels in groups of 32 held in registers.
static void K(channel_sums_rows)(const float *scene, size_t stride, size_t pixels, size_t channels,
                                 const double *shift, double *sums, double *squares) {
    size_t l = 0;
    if (pixels) K(stream_in)(scene, stride, pixels, channels);
    for (; l + 16 <= channels; l += 16) {
        f64x16 sum = (f64x16)(0.0), square = (f64x16)(0.0), offset = (f64x16)(0.0);
        if (shift) memcpy(&offset, shift + l, 128);
        for (size_t n = 0; n < pixels; n++) {
            f64x16 y = __builtin_convertvector(K(load)(scene + n * stride + l), f64x16) - offset;
            sum += y;
            square += y * y;
        }
        K(store_f64)(sums + l, K(load_f64)(sums + l) + sum.lo);
        K(store_f64)(sums + l + 8, K(load_f64)(sums + l + 8) + sum.hi);
        K(store_f64)(squares + l, K(load_f64)(squares + l) + square.lo);
        K(store_f64)(squares + l + 8, K(load_f64)(squares + l + 8) + square.hi);
    }
    for (; l < channels; l++) {
        double sum = 0, square = 0, offset = shift ? shift[l] : 0;
        for (size_t n = 0; n < pixels; n++) {
            double y = (double)scene[n * stride + l] - offset;
            sum += y;
            square += y * y;
        }
        sums[l] += sum;
        squares[l] += square;
    }
}

// MARK: - Centring

/// One vector or one value of four rows; the sums take the rows in order.
#define HSI_CENTRE(type, l, rows) \
    { \
        type offset, sum, low, high; \
        memcpy(&offset, shift + l, sizeof(type)); \
        memcpy(&sum, sums + l, sizeof(type)); \
        memcpy(&low, minimum + l, sizeof(type)); \
        memcpy(&high, maximum + l, sizeof(type)); \
        HSI_UNROLL for (int r = 0; r < rows; r++) { \
            type y, difference; \
            memcpy(&y, scene + (n + r) * channels + l, sizeof(type)); \
            low = y < low ? y : low; \
            high = y > high ? y : high; \
            difference = y - offset; \
            memcpy(centred + (n + r) * channels + l, &difference, sizeof(type)); \
            sum += difference; \
        } \
        memcpy(sums + l, &sum, sizeof(type)); \
        memcpy(minimum + l, &low, sizeof(type)); \
        memcpy(maximum + l, &high, sizeof(type)); \
    }

static void K(centre_rows)(const float *scene, size_t pixels, size_t channels, const float *shift, float *centred,
                           float *sums, float *minimum, float *maximum) {
    size_t n = 0;
    for (; n + 4 <= pixels; n += 4) {
        size_t l = 0;
        for (; l + 16 <= channels; l += 16) HSI_CENTRE(f32x16, l, 4)
        for (; l < channels; l++) HSI_CENTRE(float, l, 4)
    }
    for (; n < pixels; n++) {
        size_t l = 0;
        for (; l + 16 <= channels; l += 16) HSI_CENTRE(f32x16, l, 1)
        for (; l < channels; l++) HSI_CENTRE(float, l, 1)
    }
}
#undef HSI_CENTRE

// MARK: - Gram

/// gram (upper triangle in 8-wide column groups, columns padded to 8) += rows^T rows in fp64.
/// padded = columns rounded up to 8; wide = scratch of pixels * padded doubles (at most 64 pixels).
static void K(gram_rows)(const float *a, size_t stride, size_t pixels, size_t columns, double *gram, size_t padded,
                         double *wide) {
    for (size_t n = 0; n < pixels; n++) {
        for (size_t j = 0; j < columns; j++) wide[n * padded + j] = a[n * stride + j];
        for (size_t j = columns; j < padded; j++) wide[n * padded + j] = 0;
    }
    for (size_t i = 0; i < columns; i += 4) {
        // Rows past `columns` (at most 3) lie inside the padding because padded is a multiple of 8.
        for (size_t j = i / 8 * 8; j < padded; j += 8) {
            f64x8 acc[4];
            HSI_UNROLL for (int r = 0; r < 4; r++) acc[r] = (f64x8)(0.0);
            for (size_t n = 0; n < pixels; n++) {
                const double *row = wide + n * padded;
                f64x8 y = K(load_f64)(row + j);
                HSI_UNROLL for (int r = 0; r < 4; r++) acc[r] += y * row[i + r];
            }
            HSI_UNROLL for (int r = 0; r < 4; r++) {
                double *target = gram + (i + r) * padded + j;
                K(store_f64)(target, K(load_f64)(target) + acc[r]);
            }
        }
    }
}

// MARK: - Gemm

#include "gemm_body.h"

static void K(gemm_rows)(const float *a, size_t lda, const float *packed, float *c, size_t ldc, size_t rows,
                         size_t columns, size_t depth, int accumulate) {
    K(gemm)(a, lda, packed, NULL, accumulate ? c : NULL, ldc, c, ldc, rows, columns, depth);
}

// MARK: - Table

/// project_rows for a scene that comes from memory.
static void K(project_streamed)(const float *scene, size_t stride, size_t pixels, size_t channels, const float *packed,
                                size_t columns, float *out, size_t out_stride) {
    for (size_t n = 0; n < pixels; n += HSI_SUBBLOCK) {
        size_t count = pixels - n < HSI_SUBBLOCK ? pixels - n : HSI_SUBBLOCK;
        K(stream_in)(scene + n * stride, stride, count, channels);
        K(project_rows)(scene + n * stride, stride, count, channels, packed, columns, out + n * out_stride, out_stride, NULL);
    }
}

/// outer_rows for a scene that comes from memory, at most 64 pixels.
static void K(outer_streamed)(const float *scene, size_t stride, size_t pixels, size_t channels, const float *a,
                              size_t a_stride, size_t columns, double *sums) {
    K(stream_in)(scene, stride, pixels, channels);
    K(outer_rows)(scene, stride, pixels, channels, a, a_stride, columns, sums, NULL);
}

static const products_table K(products) = {
    K(project_streamed), K(project_rows_f64), K(outer_streamed), K(gram_rows), K(channel_sums_rows),
    K(pixel_norms_rows), K(deflate_rows), K(gemm_rows), K(centre_rows),
};
