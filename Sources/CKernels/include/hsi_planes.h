// Neighbourhoods of planes: sums over windows, and openings by reconstruction.
#ifndef HSI_PLANES_H
#define HSI_PLANES_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// out[line, sample] = sum of plane over the window of `radius` pixels on either side, as far as it lies inside the plane
/// (`lines` x `samples`, no gaps). Rows of a window are added from the top, then columns from the left, so a value depends on its
/// window alone. `scratch` holds as much as the plane; `out` may be `plane`. 2 (2 radius + 1) additions per pixel. Runs on the
/// calling thread.
void hsi_window_sums(const float *plane, size_t lines, size_t samples, size_t radius, float *out, float *scratch);

/// Greatest value of a plane that marks a missing pixel of the functions below.
#define HSI_PLANE_MISSING (-3.0e38f)

/// The opening of a plane by reconstruction, as far as it reaches in `steps`: the erosion by the disc of `radius`
/// (dx^2 + dy^2 <= radius^2), then `steps` times the dilation by 3 x 3, each no higher than the plane itself. Missing pixels
/// (at most HSI_PLANE_MISSING) and what lies outside take no part and stay missing. A value depends on radius + steps pixels around it
/// alone. `scratch` holds twice the plane. About 3 radius^2 + 5 steps comparisons per pixel. Runs on the calling thread.
void hsi_opening_by_reconstruction(
    const float *plane, size_t lines, size_t samples, size_t radius, size_t steps, float *out, float *scratch);

#ifdef __cplusplus
}
#endif
#endif
