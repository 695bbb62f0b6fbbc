// Transforms and products of Winograd's F(4 x 4, 3 x 3), compiled once per level. Private.

#include "outer_sums_body.h"

#define LANES 16
#include "winograd_lanes_body.h"
#undef LANES
#define LANES 8
#include "winograd_lanes_body.h"
#undef LANES

// Below 32 registers the transforms of vectors of 16 spill too much.
#if HSI_LEVEL == 4
#define WIDE(left) ((left) > 8)
#else
#define WIDE(left) 0
#endif

// MARK: - Transforms

static void K(input_tile)(const winograd_plan *p, const float *plane, winograd_place at, float *v) {
    const int inside = at.top >= 0 && at.left >= 0 && at.top + 6 <= at.rows && at.left + 6 <= at.columns;
    for (size_t c = 0; c < p->inputs;) {
        const size_t left = p->inputs - c;
        float *target = v + c / p->chunk * p->chunk_step + c % p->chunk;
        if (WIDE(left)) {
            K(input_at_16)(plane + c, at, left, inside, target, p->input_point);
            c += 16;
        } else {
            K(input_at_8)(plane + c, at, left, inside, target, p->input_point);
            c += 8;
        }
    }
}

static void K(output_tile)(const winograd_plan *p, const float *m, winograd_place at, const float *bias, float leak,
                           int accumulate, float *plane) {
    const int inside = at.top + 4 <= at.rows && at.left + 4 <= at.columns;
    for (size_t o = 0; o < p->outputs;) {
        const size_t left = p->outputs - o;
        const float *b = bias ? bias + o : NULL;
        if (WIDE(left)) {
            if (inside && left >= 16) K(output_16)(m + o, p->output_point, at, b, leak, accumulate, 16, plane + o, 0);
            else K(output_16)(m + o, p->output_point, at, b, leak, accumulate, left, plane + o, 1);
            o += 16;
        } else {
            if (inside && left >= 8) K(output_8)(m + o, p->output_point, at, b, leak, accumulate, 8, plane + o, 0);
            else K(output_8)(m + o, p->output_point, at, b, leak, accumulate, left, plane + o, 1);
            o += 8;
        }
    }
}

static void K(spread_tile)(const winograd_plan *p, const float *plane, winograd_place at, float *m) {
    const int inside = at.top + 4 <= at.rows && at.left + 4 <= at.columns;
    for (size_t o = 0; o < p->outputs;) {
        const size_t left = p->outputs - o;
        if (WIDE(left)) {
            if (inside && left >= 16) K(spread_16)(plane + o, at, 16, m + o, p->output_point, 0);
            else K(spread_16)(plane + o, at, left, m + o, p->output_point, 1);
            o += 16;
        } else {
            if (inside && left >= 8) K(spread_8)(plane + o, at, 8, m + o, p->output_point, 0);
            else K(spread_8)(plane + o, at, left, m + o, p->output_point, 1);
            o += 8;
        }
    }
}

static void K(gather_taps)(const winograd_plan *p, const float *partials, size_t part_size, int parts, size_t row,
                           float *result) {
    const size_t columns = p->padded_outputs, point = (size_t)p->depth_taps * p->inputs * columns;
    for (size_t o = 0; o < columns; o += 8)
        K(gather_8)(partials + row * columns + o, point, part_size, parts, result + o, columns);
}

static void K(pack_taps)(const float *taps, float *packed, size_t point) {
    f32x8 rows[6][3];
    HSI_UNROLL for (int j = 0; j < 3; j++) {
        f32x8 g[3], out[6];
        HSI_UNROLL for (int i = 0; i < 3; i++) g[i] = K(read_8)(taps + 8 * (3 * i + j), 8);
        K(pack_line_8)(g, out);
        HSI_UNROLL for (int i = 0; i < 6; i++) rows[i][j] = out[i];
    }
    HSI_UNROLL for (int i = 0; i < 6; i++) {
        f32x8 out[6];
        K(pack_line_8)(rows[i], out);
        HSI_UNROLL for (int j = 0; j < 6; j++) K(write_8)(packed + (size_t)(6 * i + j) * point, out[j], 8);
    }
}

// MARK: - Products

static void K(multiply_points)(const winograd_plan *p, const float *v, size_t rows, const float *packed, float *m,
                               winograd_ahead *ahead) {
    const size_t depth = (size_t)p->depth_taps * p->inputs;
    const size_t blocks = 36 * ((p->padded_outputs + 31) / 32) * ((rows + 11) / 12);
    const size_t lines = (ahead->lines + blocks - 1) / blocks;
    for (int point = 0; point < 36; point++) {
        const float *a = v + (size_t)point * p->input_point, *b = packed + (size_t)point * depth * p->padded_outputs;
        float *c = m + (size_t)point * p->output_point;
        for (size_t o = 0; o < p->padded_outputs;) {
            const size_t width = hsi_panel_width(p->padded_outputs - o);
            const float *panel = b + o * depth;
            if (width == 32) K(multiply_16)(p, a, rows, panel, c + o, 2, ahead, lines);
            else if (width == 16) K(multiply_16)(p, a, rows, panel, c + o, 1, ahead, lines);
            else K(multiply_8)(p, a, rows, panel, c + o, 1, ahead, lines);
            o += width;
        }
    }
}

static void K(outer_points)(const winograd_plan *p, const float *v, const float *m, size_t rows, float *sums,
                            winograd_ahead *ahead) {
    const size_t columns = p->padded_outputs, blocks = 36 * (size_t)p->depth_taps * p->chunks;
    const size_t lines = (ahead->lines + blocks - 1) / blocks;
    for (int point = 0; point < 36; point++) {
        const float *b = m + (size_t)point * p->output_point;
        for (int tap = 0; tap < p->depth_taps; tap++)
            for (size_t chunk = 0; chunk < p->chunks; chunk++) {
                const float *a = v + (size_t)point * p->input_point + chunk * p->chunk_step +
                                 (size_t)(tap * p->block_tiles) * p->chunk;
                hsi_winograd_ask(ahead, lines);
                const size_t first = chunk * p->chunk, left = p->inputs - first;
                K(outer_sums)((hsi_rows){a, p->chunk, 0}, (hsi_rows){b, columns, 0}, 1, rows,
                              left < p->chunk ? left : p->chunk, columns,
                              sums + (((size_t)point * (size_t)p->depth_taps + (size_t)tap) * p->inputs + first) * columns,
                              columns);
            }
    }
}

#undef WIDE

static const winograd_table K(winograd) = {
    K(input_tile), K(multiply_points), K(output_tile), K(spread_tile), K(outer_points), K(gather_taps), K(pack_taps),
};
