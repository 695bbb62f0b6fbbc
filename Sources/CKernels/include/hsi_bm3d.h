// Block matching and collaborative filtering of planes with white noise of unit variance (BM3D).
#ifndef HSI_BM3D_H
#define HSI_BM3D_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HSI_BM3D_BLOCK = 8,    ///< blocks are 8 x 8
    HSI_BM3D_REACH = 16,   ///< candidates: 16 places up and down, 16 left, 15 right; windows move inwards at borders
    HSI_BM3D_MATCHES = 32, ///< most blocks in a group
    HSI_BM3D_MARGIN = 48   ///< values that must be readable behind the last one of a plane (they are not used)
};

/// Planes of `lines` x `samples`, both at least 8, line `stride` apart.
typedef struct {
    size_t lines, samples, stride;
} hsi_bm3d_size;

/// Finds the blocks most like the one at (`line`, `sample`), which must fit: those with the least sum over `plane_count`
/// planes and 64 places of (x - y)^2, best first, the block itself before all. Among equals the upper, then the left one
/// is first. Writes at most `count` places (line * samples + sample), returns how many; fewer than `count` only where the
/// plane has no more blocks.
size_t hsi_bm3d_match(
    const float *const *planes, size_t plane_count, hsi_bm3d_size size, size_t line, size_t sample, size_t count,
    int32_t *places);

/// Filters one group of 2^k blocks and adds weighted estimates to `sum` and weights to `weight` (planes of `size`).
///
/// Blocks are transformed by an orthonormal 8 x 8 cosine transform and an orthonormal Haar transform along the group;
/// coefficients below `threshold` become zero (`guide` NULL), or all are multiplied by c^2 / (c^2 + 1), c those of the
/// same blocks of `guide`. Weights are 1 / (sum of squared factors) times a Kaiser window.
void hsi_bm3d_filter(
    const float *plane, const float *guide, hsi_bm3d_size size, const int32_t *places, size_t count, float threshold,
    float *sum, float *weight);

/// Forward (or, with `inverse`, backward) orthonormal cosine transform of one 8 x 8 block, row-major.
void hsi_dct8x8(float *block, int inverse);

#ifdef __cplusplus
}
#endif
#endif
