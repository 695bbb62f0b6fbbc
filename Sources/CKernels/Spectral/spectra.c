// Small per-pixel work on spectra. See include/hsi_spectra.h.
#include "hsi_spectra.h"

#include <math.h>

#define HSI_BODY "spectra_body.h"
#include "instantiate.h"

size_t hsi_scale_rows(const float *scene, size_t stride, size_t pixels, size_t channels, int form, float *out,
                      size_t out_stride) {
    return HSI_SELECT(scale_rows)(scene, stride, pixels, channels, form, out, out_stride);
}

void hsi_row_differences(const float *a, const float *b, size_t stride, size_t channels, const int32_t *first,
                         const int32_t *second, size_t count, float *out) {
    HSI_SELECT(row_differences)(a, b, stride, channels, first, second, count, out);
}

void hsi_shift_rows(const float *scene, size_t stride, size_t pixels, size_t channels, const float *shift, float *out) {
    HSI_SELECT(shift_rows)(scene, stride, pixels, channels, shift, out);
}

void hsi_repeat_row(const float *row, size_t pixels, size_t channels, float *out, size_t out_stride) {
    for (size_t n = 0; n < pixels; n++) memcpy(out + n * out_stride, row, channels * sizeof(float));
}

void hsi_band_sums(const float *scene, size_t stride, size_t pixels, const uint32_t *first, const uint32_t *count,
                   size_t columns, const float *packed, float *out, size_t out_stride) {
    HSI_SELECT(band_sums)(scene, stride, pixels, first, count, columns, packed, out, out_stride);
}

void hsi_tanh_rows(float *s, size_t rows, size_t channels, double *slopes) {
    HSI_SELECT(tanh_rows)(s, rows, channels, slopes);
}

size_t hsi_formula(const float *columns, size_t stride, size_t pixels, const hsi_formula_step *steps, size_t count,
                   float *out, size_t out_stride, double *scratch) {
    return HSI_SELECT(formula)(columns, stride, pixels, steps, count, out, out_stride, scratch);
}
