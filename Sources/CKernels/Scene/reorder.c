// Stored samples from one order to another. See include/hsi_reorder.h.
#include "hsi_reorder.h"

#include "hsi_pool.h"
#include "simd_types.h"

typedef struct {
    void (*transpose)(const uint8_t *, ptrdiff_t, const int32_t *, size_t, size_t, uint8_t *, ptrdiff_t);
    void (*transpose_swapped)(const uint8_t *, ptrdiff_t, size_t, size_t, uint8_t *, ptrdiff_t);
    void (*copy_swapped)(const uint8_t *, size_t, uint8_t *);
} reorder_table;

#define HSI_BODY "reorder_body.h"
#include "instantiate.h"

typedef struct {
    const hsi_reorder_job *job;
    const reorder_table *table;
    size_t pixels_per_item;
} reorder_plan;

static void copy(const reorder_plan *plan, const uint8_t *from, uint8_t *to, size_t count) {
    if (plan->job->swap_bytes && plan->job->sample_size > 1) plan->table->copy_swapped(from, count, to);
    else memcpy(to, from, count * plan->job->sample_size);
}

static void transpose(
    const reorder_plan *plan, const uint8_t *from, ptrdiff_t from_stride, size_t rows, size_t columns, uint8_t *to,
    ptrdiff_t to_stride) {
    if (plan->job->swap_bytes && plan->job->sample_size > 1)
        plan->table->transpose_swapped(from, from_stride, rows, columns, to, to_stride);
    else plan->table->transpose(from, from_stride, NULL, rows, columns, to, to_stride);
}

static void reorder_item(void *context, int index) {
    const reorder_plan *plan = context;
    const hsi_reorder_job *job = plan->job;
    const size_t first = (size_t)index * plan->pixels_per_item, left = job->pixels - first;
    const size_t pixels = left < plan->pixels_per_item ? left : plan->pixels_per_item, bands = job->bands;
    const uint8_t *from = (const uint8_t *)job->source + (ptrdiff_t)first * job->source_pixel;
    uint8_t *to = (uint8_t *)job->target + (ptrdiff_t)first * job->target_pixel;
    const ptrdiff_t size = (ptrdiff_t)job->sample_size, row = (ptrdiff_t)bands * size;
    if (job->source_band == size && job->target_band == size) {
        if (job->source_pixel == row && job->target_pixel == row) {
            copy(plan, from, to, pixels * bands);
            return;
        }
        for (size_t n = 0; n < pixels; n++)
            copy(plan, from + (ptrdiff_t)n * job->source_pixel, to + (ptrdiff_t)n * job->target_pixel, bands);
    } else if (job->source_pixel == size && job->target_pixel == size) {
        for (size_t b = 0; b < bands; b++)
            copy(plan, from + (ptrdiff_t)b * job->source_band, to + (ptrdiff_t)b * job->target_band, pixels);
    } else if (job->source_band == size && job->target_pixel == size) {
        transpose(plan, from, job->source_pixel, pixels, bands, to, job->target_band);
    } else if (job->source_pixel == size && job->target_band == size) {
        transpose(plan, from, job->source_band, bands, pixels, to, job->target_pixel);
    } else {
        for (size_t n = 0; n < pixels; n++)
            for (size_t b = 0; b < bands; b++)
                copy(plan, from + (ptrdiff_t)n * job->source_pixel + (ptrdiff_t)b * job->source_band,
                     to + (ptrdiff_t)n * job->target_pixel + (ptrdiff_t)b * job->target_band, 1);
    }
}

int hsi_reorder(const hsi_reorder_job *job) {
    static const int8_t places[9] = {-1, 0, 1, -1, 2, -1, -1, -1, 3};
    if (job->sample_size > 8 || places[job->sample_size] < 0) return -1;
    if (job->pixels == 0 || job->bands == 0) return 0;
    // About 256 KiB of samples on either side: read and written once while in the second level.
    size_t pixels = ((size_t)262144 / job->sample_size / job->bands) / 64 * 64;
    reorder_plan plan = {
        .job = job, .table = &(*HSI_SELECT(reorder))[places[job->sample_size]],
        .pixels_per_item = pixels < 64 ? 64 : pixels};
    hsi_pool_run((int)((job->pixels + plan.pixels_per_item - 1) / plan.pixels_per_item), reorder_item, &plan);
    return 0;
}
