// Small per-pixel work on spectra: scaling of rows, differences, shifts, and formulas of bands.
#ifndef HSI_SPECTRA_H
#define HSI_SPECTRA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HSI_SCALE_LENGTH = 0, ///< y / |y|, Euclidean
    HSI_SCALE_SUM = 1,    ///< y / sum y
    HSI_SCALE_VARIATE = 2 ///< (y - mean) / deviation, L - 1 in the denominator
};

/// Scales every row, sums in fp64. Rows whose divisor is 0 or not finite become NaN; returns how many. Runs on the
/// calling thread.
size_t hsi_scale_rows(const float *scene, size_t stride, size_t pixels, size_t channels, int form, float *out,
                      size_t out_stride);

/// out[i * channels + l] = a[first[i] * stride + l] - b[second[i] * stride + l], i < count. Runs on the calling thread.
void hsi_row_differences(const float *a, const float *b, size_t stride, size_t channels, const int32_t *first,
                         const int32_t *second, size_t count, float *out);

/// out[n * channels + l] = scene[n * stride + l] - shift[l]. Runs on the calling thread.
void hsi_shift_rows(const float *scene, size_t stride, size_t pixels, size_t channels, const float *shift, float *out);

/// out[n * out_stride + l] = row[l] for every n. Runs on the calling thread.
void hsi_repeat_row(const float *row, size_t pixels, size_t channels, float *out, size_t out_stride);

/// s <- tanh(s) for rows of `channels` values without gaps, and slopes[k] = sum_n 1 - tanh(s[n, k])^2 in fp64 beyond 64
/// rows. tanh within 2e-7. Runs on the calling thread.
void hsi_tanh_rows(float *s, size_t rows, size_t channels, double *slopes);

// MARK: - Sums of bands

/// Columns of a group.
enum { HSI_BAND_GROUP = 16 };

/// out[n * out_stride + c] = sum_l scene[n * stride + l] * w[l, c] for weights that are 0 but in few neighbouring bands per
/// column: columns come in groups of 16, and group g takes bands first[g] ... first[g] + count[g] - 1 only. packed holds
/// count[g] x 16 weights for one group after the other, 0 behind the last column. Every value is one fp32 chain over
/// ascending bands: same bits whatever pixels share the call. Cost 32 sum_g count[g] flops per pixel. Runs on the
/// calling thread.
void hsi_band_sums(const float *scene, size_t stride, size_t pixels, const uint32_t *first, const uint32_t *count,
                   size_t columns, const float *packed, float *out, size_t out_stride);

// MARK: - Formulas

typedef enum {
    HSI_FORMULA_NUMBER = 0, ///< pushes value
    HSI_FORMULA_BAND = 1,   ///< pushes columns[n * stride + index]
    HSI_FORMULA_ADD = 2,    ///< from here on two values become one
    HSI_FORMULA_SUBTRACT = 3,
    HSI_FORMULA_MULTIPLY = 4,
    HSI_FORMULA_DIVIDE = 5,
    HSI_FORMULA_POWER = 6,
    HSI_FORMULA_MINIMUM = 7,
    HSI_FORMULA_MAXIMUM = 8,
    HSI_FORMULA_NEGATE = 9, ///< from here on one value becomes one
    HSI_FORMULA_ROOT = 10,
    HSI_FORMULA_LOGARITHM = 11,
    HSI_FORMULA_EXPONENTIAL = 12,
    HSI_FORMULA_ABSOLUTE = 13
} hsi_formula_operation;

/// One step of a formula in reverse Polish order.
typedef struct {
    int32_t operation;
    int32_t index;
    double value;
} hsi_formula_step;

enum { HSI_FORMULA_LANES = 64 };

/// out[n * out_stride] = the formula of the values of pixel n, in fp64; results that are not finite become NaN, and their
/// number is returned. The steps leave one value and never take from an empty stack; scratch has HSI_FORMULA_LANES
/// doubles for every value that the stack holds at most. Runs on the calling thread.
size_t hsi_formula(const float *columns, size_t stride, size_t pixels, const hsi_formula_step *steps, size_t count,
                   float *out, size_t out_stride, double *scratch);

#ifdef __cplusplus
}
#endif
#endif
