// Search for similar patches and work on groups of them. See include/hsi_patches.h.
#include "hsi_patches.h"

#include "simd_types.h"

enum { LANES = 16, SIDE = 2 * HSI_PATCH_REACH + 1, ROW = (SIDE + LANES - 1) / LANES * LANES };

#define HSI_BODY "patches_body.h"
#include "instantiate.h"

/// The k-th smallest of n values, k from 0; the values are reordered.
static float kth_smallest(float *values, ptrdiff_t n, ptrdiff_t k) {
    ptrdiff_t low = 0, high = n - 1;
    while (low < high) {
        const float pivot = values[low + (high - low) / 2];
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (values[i] < pivot) i++;
            while (values[j] > pivot) j--;
            if (i > j) break;
            const float other = values[i];
            values[i++] = values[j];
            values[j--] = other;
        }
        // values[low...j] <= pivot <= values[i...high], and what is between is the pivot.
        if (k <= j) high = j;
        else if (k >= i) low = i;
        else break;
    }
    return values[k];
}

size_t hsi_patch_match(
    const float *const *planes, size_t plane_count, hsi_bm3d_size size, size_t patch, size_t reach, size_t line, size_t sample, size_t count,
    int32_t *places) {
    if (reach > HSI_PATCH_REACH || patch > size.lines || patch > size.samples || count == 0) return 0;
    const size_t last_line = size.lines - patch, last_sample = size.samples - patch;
    // The window is moved inwards at the borders.
    size_t top = line > reach ? line - reach : 0, left = sample > reach ? sample - reach : 0;
    if (top + 2 * reach > last_line) top = last_line > 2 * reach ? last_line - 2 * reach : 0;
    if (left + 2 * reach > last_sample) left = last_sample > 2 * reach ? last_sample - 2 * reach : 0;
    const size_t bottom = top + 2 * reach < last_line ? top + 2 * reach : last_line;
    const size_t right = left + 2 * reach < last_sample ? left + 2 * reach : last_sample;
    const size_t width = right - left + 1, height = bottom - top + 1, all = width * height;
    float distances[SIDE * SIDE + LANES], row[ROW];
    for (size_t y = 0; y < height; y++) {
        HSI_SELECT(patch_distances)(planes, plane_count, size.stride, patch, line, sample, top + y, left, width, row);
        // A value that is no number is far from everything.
        for (size_t x = 0; x < width; x++) distances[y * width + x] = row[x] == row[x] ? row[x] : 3.0e38f;
    }
    distances[(line - top) * width + sample - left] = -1.0f;
    float limit = 3.4e38f;
    size_t equal = all;
    if (count < all) {
        float copy[SIDE * SIDE];
        for (size_t i = 0; i < all; i++) copy[i] = distances[i];
        limit = kth_smallest(copy, (ptrdiff_t)all, (ptrdiff_t)count - 1);
        size_t below = 0;
        for (size_t i = 0; i < all; i++) below += distances[i] < limit;
        equal = count - below;
    }
    size_t found = 0;
    for (size_t i = 0; i < all; i++) {
        if (distances[i] > limit || (distances[i] == limit && equal == 0)) continue;
        if (distances[i] == limit) equal--;
        places[found++] = (int32_t)((top + i / width) * size.samples + left + i % width);
    }
    return found;
}

float hsi_patch_gather(
    const float *image, size_t samples, size_t rank, size_t patch, const int32_t *places, size_t count, float *rows, float *means) {
    if (count == 0) return 0.0f;
    return HSI_SELECT(patch_gather)(image, samples, rank, patch, places, count, rows, means);
}

void hsi_patch_scatter(
    const float *rows, const float *means, float weight, size_t samples, size_t rank, size_t patch, const int32_t *places, size_t count,
    float *sums, float *weights) {
    HSI_SELECT(patch_scatter)(rows, means, weight, samples, rank, patch, places, count, sums, weights);
}

void hsi_planes_interleave(const float *planes, size_t stride, size_t rank, size_t from, size_t count, float *image) {
    HSI_SELECT(planes_interleave)(planes, stride, rank, from, count, image);
}

void hsi_planes_average(
    const float *sums, const float *weights, size_t rank, size_t from, size_t count, float *planes, size_t stride) {
    HSI_SELECT(planes_average)(sums, weights, rank, from, count, planes, stride);
}

void hsi_plane_blend(float *plane, const float *other, float weight, size_t count) {
    HSI_SELECT(plane_blend)(plane, other, weight, count);
}

void hsi_sure_sums(const hsi_sure_planes *planes, float shift, const uint8_t *valid, size_t count, double *sums) {
    HSI_SELECT(sure_sums)(planes, shift, valid, count, sums);
}

void hsi_widen(const float *from, double *to, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = (double)from[i];
}

void hsi_narrow(const double *from, float *to, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = (float)from[i];
}
