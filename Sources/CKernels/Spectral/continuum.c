// Continuum of spectra and features below it. See include/hsi_continuum.h.
#include "hsi_continuum.h"

#include <math.h>

#define HSI_BODY "continuum_body.h"
#include "instantiate.h"

size_t hsi_continuum_scratch_size(size_t count) { return 4 * count + 2; }

size_t hsi_continuum(const float *scene, size_t stride, size_t pixels, const uint32_t *order, const double *x,
                     size_t count, int form, float *out, size_t out_stride, double *scratch) {
    if (count == 0) return 0;
    return HSI_SELECT(continuum_rows)(scene, stride, pixels, order, x, count, form, out, out_stride, scratch);
}

size_t hsi_absorption(const float *scene, size_t stride, size_t pixels, const uint32_t *order, const double *x,
                      size_t count, float *out, size_t out_stride, double *scratch) {
    return HSI_SELECT(absorption_rows)(scene, stride, pixels, order, x, count, out, out_stride, scratch);
}
