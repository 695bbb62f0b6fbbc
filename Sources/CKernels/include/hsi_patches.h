// Groups of similar patches of any size in planes: search, gathering, adding up; sums of Stein's estimate of the risk.
#ifndef HSI_PATCHES_H
#define HSI_PATCHES_H

#include "hsi_bm3d.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HSI_PATCH_REACH = 20,  ///< largest reach of a window
    HSI_PATCH_MARGIN = 80, ///< values that must be readable behind the last one of a plane (they are not used)
};

/// Finds the patches (`patch` x `patch`) most like the one at (`line`, `sample`), which must fit: those with the least sum over
/// `plane_count` planes and patch^2 places of (x - y)^2 within `reach` places in every direction; windows move inwards at borders. The
/// patch itself is always among them; among equals the upper, then the left one is first. Writes at most `count` places
/// (line * samples + sample) in ascending order, returns how many; fewer than `count` only where the window has no more patches. 0 where
/// `reach` is above HSI_PATCH_REACH or the plane smaller than a patch. Cost 3 patch^2 planes (2 reach + 1)^2 flops.
size_t hsi_patch_match(
    const float *const *planes, size_t plane_count, hsi_bm3d_size size, size_t patch, size_t reach, size_t line, size_t sample, size_t count,
    int32_t *places);

/// Copies patches out of an interleaved image (`rank` values per place, lines of `samples` places): row n of `rows` (count x patch^2 rank)
/// is that at `places[n]`, line by line, less the mean of all rows, which goes to `means` (patch^2 rank). Returns the sum of squares of
/// what is left, fp32 within a row and fp64 beyond; 0 where `count` is 0 (nothing is written then). 4 flops and 3 moves a value.
float hsi_patch_gather(
    const float *image, size_t samples, size_t rank, size_t patch, const int32_t *places, size_t count, float *rows, float *means);

/// Adds `weight (row + means)` of every patch of a group to an interleaved image of sums, and `weight` to the weights of its places.
void hsi_patch_scatter(
    const float *rows, const float *means, float weight, size_t samples, size_t rank, size_t patch, const int32_t *places, size_t count,
    float *sums, float *weights);

/// Places from...from + count of planes (`stride` values apart) as an interleaved image: image[n rank + j] = planes[j stride + n].
void hsi_planes_interleave(const float *planes, size_t stride, size_t rank, size_t from, size_t count, float *image);

/// The way back, divided by the weights of the places: planes[j stride + n] = sums[n rank + j] / weights[n].
void hsi_planes_average(
    const float *sums, const float *weights, size_t rank, size_t from, size_t count, float *planes, size_t stride);

/// `plane += weight (other - plane)`.
void hsi_plane_blend(float *plane, const float *other, float weight, size_t count);

/// One component before and after a step, as it is and for noisy values that were moved by `shift` times `direction`.
typedef struct {
    const float *noisy, *direction; ///< y and b
    const float *estimate, *moved;  ///< g(y) and g(y + shift b)
    const float *next, *next_moved; ///< f(y) and f(y + shift b); NULL where only the risk is wanted
} hsi_sure_planes;

/// Sums over the places whose `valid` is not 0, in fp64 and in ascending order: `sums[0]` of (y - g)^2 - 1 + 2 b (g' - g) / shift, Stein's
/// estimate of the squared error of g at unit noise; `sums[1]` of (y - g)(f - g) - b ((f' - f) - (g' - g)) / shift, and `sums[2]` of
/// (f - g)^2: the error of g + a (f - g) is estimated as sums[0] - 2 a sums[1] + a^2 sums[2].
void hsi_sure_sums(const hsi_sure_planes *planes, float shift, const uint8_t *valid, size_t count, double *sums);

/// Values in double precision, and back.
void hsi_widen(const float *from, double *to, size_t count);
void hsi_narrow(const double *from, float *to, size_t count);

#ifdef __cplusplus
}
#endif
#endif
