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

/// sums[k * stride + o] += sum over the pixels of all lines of a[k] * b[o], k < rows, o < columns.
static void K(outer_sums)(hsi_rows a, hsi_rows b, size_t lines, size_t pixels, size_t rows, size_t columns, float *sums,
                          size_t stride) {
    const float *first = b.p;
    size_t o = 0;
    for (; o + 32 <= columns; o += 32, b.p = first + o) K(outer_panel_16)(a, b, lines, pixels, rows, sums + o, stride, 2, 0, 0);
    for (; o + 16 <= columns; o += 16, b.p = first + o) K(outer_panel_16)(a, b, lines, pixels, rows, sums + o, stride, 1, 0, 0);
    if (columns - o > 8 && columns > 16) { // overlaps what is done already
        const size_t start = columns - 16;
        b.p = first + start;
        K(outer_panel_16)(a, b, lines, pixels, rows, sums + start, stride, 1, 1, o - start);
        return;
    }
    for (; o + 8 <= columns; o += 8, b.p = first + o) K(outer_panel_8)(a, b, lines, pixels, rows, sums + o, stride, 1, 0, 0);
    if (o < columns && columns > 8) {
        const size_t start = columns - 8;
        b.p = first + start;
        K(outer_panel_8)(a, b, lines, pixels, rows, sums + start, stride, 1, 1, o - start);
        return;
    }
    for (; o < columns; o++) // fewer than 8 in all
        for (size_t k = 0; k < rows; k++) {
            float total = 0;
            for (size_t line = 0; line < lines; line++)
                for (size_t n = 0; n < pixels; n++)
                    total += a.p[line * a.line + n * a.step + k] * b.p[line * b.line + n * b.step + o];
            sums[k * stride + o] += total;
        }
}
