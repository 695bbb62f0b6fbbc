// Search for similar patches of any size in planes.
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

#ifdef __cplusplus
}
#endif
#endif
