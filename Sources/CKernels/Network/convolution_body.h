// Direct convolution, compiled once per level: rows of output pixels as sums over taps. Private.

HSI_INLINE float K(total_16)(f32x16 v) { return K(sum)(v); }
HSI_INLINE float K(total_8)(f32x8 v) {
    f32x4 a = v.lo + v.hi;
    f32x2 b = a.lo + a.hi;
    return b.x + b.y;
}

#include "outer_sums_body.h"

#define LANES 16
#include "convolution_lanes_body.h"
#undef LANES
#define LANES 8
#include "convolution_lanes_body.h"
#undef LANES

// MARK: - Sum over taps

/// Pixels q..<end of the row, which all have the given taps inside, for all output channels.
HSI_INLINE void K(taps_run_step)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, int q, int end,
                                 const size_t step) {
    const size_t depth = row->inputs * (size_t)row->all_taps;
    for (size_t o = 0; o < row->outputs;) {
        const size_t width = hsi_panel_width(row->outputs - o);
        const float *panel = row->packed + o * depth;
        if (width == 32) K(taps_panel_16)(row, taps, tap_count, panel, q, end, o, 2, step);
        else if (width == 16) K(taps_panel_16)(row, taps, tap_count, panel, q, end, o, 1, step);
        else K(taps_panel_8)(row, taps, tap_count, panel, q, end, o, 1, step);
        o += width;
    }
}

static void K(taps_run)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, int q, int end) {
    const size_t step = row->x_step;
    if (end - q < 3) K(taps_run_step)(row, taps, tap_count, q, end, 0);
    else if (step == 1) K(taps_run_step)(row, taps, tap_count, q, end, 1);
    else if (step == 8) K(taps_run_step)(row, taps, tap_count, q, end, 8);
    else if (step == 16) K(taps_run_step)(row, taps, tap_count, q, end, 16);
    else if (step == 32) K(taps_run_step)(row, taps, tap_count, q, end, 32);
    else if (step == 64) K(taps_run_step)(row, taps, tap_count, q, end, 64);
    else K(taps_run_step)(row, taps, tap_count, q, end, 0);
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
        hsi_tap inside[HSI_MAX_TAPS]; // single pixels: no block looks at neighbouring taps
        int count = 0;
        for (int t = 0; t < row->taps; t++)
            if (row->tap[t].first <= q && q < row->tap[t].end) inside[count++] = row->tap[t];
        run(row, inside, count, q, q + 1);
    }
}

static void K(taps_row)(const hsi_tap_row *row) { K(split_row)(row, K(taps_run)); }

// MARK: - Few outputs

HSI_INLINE void K(dots_store)(const hsi_tap_row *row, const float *sums, int count, int q, size_t o) {
    const float bias = row->bias ? row->bias[o] : 0;
    for (int i = 0; i < count; i++) {
        float *y = row->y + (size_t)(q + i) * row->y_step + o, v = sums[i] + bias;
        v = v > 0 ? v : v * row->leak;
        *y = row->accumulate ? *y + v : v;
    }
}

#if HSI_LEVEL == 4
enum { K(DOTS_PIXELS) = 16 };
#else
enum { K(DOTS_PIXELS) = 4 };
#endif

/// For one to four output channels: products along the input channels. Weights [output][tap][inputs].
static void K(dots_run)(const hsi_tap_row *row, const hsi_tap *taps, int tap_count, int q, int end) {
    const size_t inputs = row->inputs;
    const int threes = row->threes && inputs % 8 == 0;
    for (size_t o = 0; o < row->outputs; o++) {
        const float *weights = row->packed + o * inputs * (size_t)row->all_taps;
        float sums[16];
        int p = q;
        for (; threes && p + K(DOTS_PIXELS) <= end; p += K(DOTS_PIXELS)) {
            if (inputs % 16 == 0) {
                f32x16 acc[16];
                K(dots_threes_16)(row, taps, tap_count, weights, p, K(DOTS_PIXELS), acc);
#if HSI_LEVEL == 4
                K(store)(sums, K(reduce16)(acc));
#else
                for (int i = 0; i < K(DOTS_PIXELS); i++) sums[i] = K(total_16)(acc[i]);
#endif
            } else {
                f32x8 acc[16];
                K(dots_threes_8)(row, taps, tap_count, weights, p, K(DOTS_PIXELS), acc);
                HSI_UNROLL for (int i = 0; i < K(DOTS_PIXELS); i++) sums[i] = K(total_8)(acc[i]);
            }
            K(dots_store)(row, sums, K(DOTS_PIXELS), p, o);
        }
        for (; p + 4 <= end; p += 4) {
            if (inputs > 8) K(dots_block_16)(row, taps, tap_count, weights, p, 4, sums);
            else K(dots_block_8)(row, taps, tap_count, weights, p, 4, sums);
            K(dots_store)(row, sums, 4, p, o);
        }
        for (; p < end; p++) {
            if (inputs > 8) K(dots_block_16)(row, taps, tap_count, weights, p, 1, sums);
            else K(dots_block_8)(row, taps, tap_count, weights, p, 1, sums);
            K(dots_store)(row, sums, 1, p, o);
        }
    }
}

static void K(dots_row)(const hsi_tap_row *row) { K(split_row)(row, K(dots_run)); }

static const convolution_table K(convolution) = {K(taps_row), K(dots_row), K(outer_sums)};
