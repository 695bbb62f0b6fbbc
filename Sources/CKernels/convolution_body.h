// Direct convolution, compiled once per level: rows of output pixels as sums over taps. Private.

HSI_INLINE float K(total_16)(f32x16 v) { return K(sum)(v); }
HSI_INLINE float K(total_8)(f32x8 v) {
    f32x4 a = v.lo + v.hi;
    f32x2 b = a.lo + a.hi;
    return b.x + b.y;
}

#define LANES 16
#include "convolution_lanes_body.h"
#undef LANES
#define LANES 8
#include "convolution_lanes_body.h"
#undef LANES

// MARK: - Sum over taps

/// Pixels q..<q + count of the row, which all have the given taps inside, for all output channels.
static void K(taps_run)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, int q, int end) {
    const size_t depth = row->inputs * (size_t)row->all_taps;
    for (size_t o = 0; o < row->outputs;) {
        const size_t left = row->outputs - o, width = hsi_panel_width(left);
        const float *panel = row->packed + o * depth;
        for (int p = q; p < end;) {
            if (width == 32) p += K(taps_block_16)(row, taps, tap_count, panel, p, end, o, 2);
            else if (width == 16) p += K(taps_block_16)(row, taps, tap_count, panel, p, end, o, 1);
            else p += K(taps_block_8)(row, taps, tap_count, panel, p, end, o, 1);
        }
        o += width;
    }
}

/// Calls `run` for the middle of the row, where every tap is inside, and pixel by pixel outside it.
HSI_INLINE void K(split_row)(const hsi_tap_row *row,
                             void (*run)(const hsi_tap_row *, const hsi_tap *, int, int, int)) {
    int first = row->first, end = row->end;
    for (int t = 0; t < row->taps; t++) {
        if (row->tap[t].first > first) first = row->tap[t].first;
        if (row->tap[t].end < end) end = row->tap[t].end;
    }
    if (first > end) first = end = row->end;
    for (int q = row->first; q < row->end; q++) {
        if (q == first && q < end) {
            run(row, row->tap, row->taps, first, end);
            q = end - 1;
            continue;
        }
        hsi_tap inside[27];
        int count = 0;
        for (int t = 0; t < row->taps; t++)
            if (row->tap[t].first <= q && q < row->tap[t].end) inside[count++] = row->tap[t];
        run(row, inside, count, q, q + 1);
    }
}

static void K(taps_row)(const hsi_tap_row *row) { K(split_row)(row, K(taps_run)); }

// MARK: - Few outputs

/// For one to four output channels: products along the input channels. Weights [output][tap][inputs].
static void K(dots_run)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, int q, int end) {
    const size_t inputs = row->inputs;
    for (size_t o = 0; o < row->outputs; o++) {
        const float *weights = row->packed + o * inputs * (size_t)row->all_taps;
        const float bias = row->bias ? row->bias[o] : 0;
        for (int p = q; p < end;) {
            float sums[8];
            int count = 1;
            if (end - p >= 8) {
                count = 8;
                if (inputs > 8) K(dots_block_16)(row, taps, tap_count, weights, p, 8, sums);
                else K(dots_block_8)(row, taps, tap_count, weights, p, 8, sums);
            } else {
                if (inputs > 8) K(dots_block_16)(row, taps, tap_count, weights, p, 1, sums);
                else K(dots_block_8)(row, taps, tap_count, weights, p, 1, sums);
            }
            for (int i = 0; i < count; i++) {
                float *y = row->y + (size_t)(p + i) * row->y_step + o, v = sums[i] + bias;
                v = v > 0 ? v : v * row->leak;
                *y = row->accumulate ? *y + v : v;
            }
            p += count;
        }
    }
}

static void K(dots_row)(const hsi_tap_row *row) { K(split_row)(row, K(dots_run)); }

// MARK: - Outer products

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

static const convolution_table K(convolution) = {K(taps_row), K(dots_row), K(outer_sums)};
