// Neighbourhoods of planes. See include/hsi_planes.h.
#include "hsi_planes.h"

#define HSI_BODY "planes_body.h"
#include "instantiate.h"

void hsi_window_sums(const float *plane, size_t lines, size_t samples, size_t radius, float *out, float *scratch) {
    if (lines == 0 || samples == 0) return;
    HSI_SELECT(planes_sums)(plane, lines, samples, radius, out, scratch);
}

void hsi_opening_by_reconstruction(
    const float *plane, size_t lines, size_t samples, size_t radius, size_t steps, float *out, float *scratch) {
    if (lines == 0 || samples == 0) return;
    HSI_SELECT(planes_opening)(plane, lines, samples, radius, steps, out, scratch);
}
