// Sums of outer products of two sets of rows, compiled once per level; with the loads and stores for both vector lengths.
// Private.

#define LANES 16
#include "lanes_body.h"
#include "outer_lanes_body.h"
#undef LANES
#define LANES 8
#include "lanes_body.h"
#include "outer_lanes_body.h"
#undef LANES

/// sums[k * stride + o] += sum over n < pixels of a[n * a_step + k] * b[n * b_step + o], k < rows, o < columns.
static void K(outer_sums)(const float *a, size_t a_step, const float *b, size_t b_step, size_t pixels, size_t rows,
                          size_t columns, float *sums, size_t stride) {
    for (size_t o = 0; o < columns;) {
        const size_t left = columns - o, width = hsi_panel_width(left);
        for (size_t k = 0; k < rows;) {
            float *target = sums + k * stride + o;
            if (width == 32) k += K(outer_block_16)(a + k, a_step, b + o, b_step, pixels, rows - k, left, target, stride, 2);
            else if (width == 16) k += K(outer_block_16)(a + k, a_step, b + o, b_step, pixels, rows - k, left, target, stride, 1);
            else k += K(outer_block_8)(a + k, a_step, b + o, b_step, pixels, rows - k, left, target, stride, 1);
        }
        o += width;
    }
}

