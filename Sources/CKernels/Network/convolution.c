// Dense convolutions: choice of algorithm, packing and the direct drivers. See include/hsi_convolution.h.
#include "hsi_convolution.h"

#include "convolution_types.h"
#include "hsi_pool.h"
#include "winograd.h"

#define HSI_BODY "convolution_body.h"
#include "instantiate.h"

enum {
    UNIT_COLUMNS = 256,      // pixels of a line that are worked on at once
    UNIT_LINES = 8,          // lines of a unit: they share what they read
    UNIT_FLOATS = 16 << 10,  // of a unit that is a piece of a whole plane
    CHAIN = 512,             // pixels that a weight gradient sums in one chain
    WORK_PER_ITEM = 4 << 20, // products of a pool item, about
    MAX_PARTS = 64,          // partial sums of a weight gradient
    PART_FLOATS = 1 << 20,   // of all of them together, unless 8 need more
};

// MARK: - Geometry

/// The planes of a convolution as the direct drivers walk them: kernels without neighbours in the plane see one long row.
typedef struct {
    int rows, columns;               // of x
    int output_rows, output_columns; // of y
} plane_grid;

static int strided(int size, int stride) { return (size - 1) / stride + 1; }

static plane_grid grid_of(const hsi_convolution *c) {
    plane_grid g = {c->rows, c->columns, strided(c->rows, c->plane_stride), strided(c->columns, c->plane_stride)};
    if (c->plane_taps == 1 && c->plane_stride == 1) {
        g.rows = g.output_rows = 1;
        g.columns = g.output_columns = c->rows * c->columns;
    }
    return g;
}

/// Some lines and columns of one plane. The units of a sample go through all bands of one piece of the plane before the
/// next piece: neighbouring bands find what they share in cache.
typedef struct {
    int plane, band, first_line, end_line, first_column, end_column;
} plane_unit;

typedef struct {
    int samples, depth, lines, columns, unit_lines, unit_columns; // of the planes to be written or summed over
} unit_walk;

static int pieces(int size, int piece) { return (size + piece - 1) / piece; }

static int unit_count(const unit_walk *w) {
    return w->samples * w->depth * pieces(w->lines, w->unit_lines) * pieces(w->columns, w->unit_columns);
}

static plane_unit unit_at(const unit_walk *w, int index) {
    const int band = index % w->depth, parts = pieces(w->columns, w->unit_columns), blocks = pieces(w->lines, w->unit_lines);
    index /= w->depth;
    const int part = index % parts, block = index / parts % blocks, sample = index / parts / blocks;
    plane_unit unit = {sample * w->depth + band, band, block * w->unit_lines, (block + 1) * w->unit_lines,
                       part * w->unit_columns, (part + 1) * w->unit_columns};
    if (unit.end_line > w->lines) unit.end_line = w->lines;
    if (unit.end_column > w->columns) unit.end_column = w->columns;
    return unit;
}

/// Pixels of a line that a unit takes.
static int unit_columns(const hsi_convolution *c) {
    if (c->plane_taps > 1 || c->plane_stride > 1) return UNIT_COLUMNS;
    const int channels = c->input_channels > c->output_channels ? c->input_channels : c->output_channels;
    const int columns = UNIT_FLOATS / channels;
    return columns < UNIT_COLUMNS ? UNIT_COLUMNS : columns;
}

static size_t tap_count(const hsi_convolution *c) { return (size_t)(c->depth_taps * c->plane_taps * c->plane_taps); }

/// Few outputs of many inputs are summed along the inputs.
static int uses_dots(int inputs, int outputs) { return outputs <= 4 && inputs >= 8; }

static hsi_convolution exchanged_channels(const hsi_convolution *c) {
    hsi_convolution result = *c;
    result.input_channels = c->output_channels;
    result.output_channels = c->input_channels;
    return result;
}

// MARK: - Packing

static size_t direct_packed_size(size_t taps, size_t inputs, size_t outputs) {
    return taps * inputs * hsi_panel_columns(outputs);
}

/// Value of tap t from input k to output o: weights[o * output_stride + k * input_stride + (flipped ? taps - 1 - t : t)].
static void direct_pack(const float *weights, size_t taps, size_t inputs, size_t outputs, size_t input_stride,
                        size_t output_stride, int flipped, float *packed) {
    const size_t depth = taps * inputs;
    if (uses_dots((int)inputs, (int)outputs)) {
        for (size_t o = 0; o < outputs; o++)
            for (size_t t = 0; t < taps; t++)
                for (size_t k = 0; k < inputs; k++)
                    packed[o * depth + t * inputs + k] =
                        weights[o * output_stride + k * input_stride + (flipped ? taps - 1 - t : t)];
        return;
    }
    for (size_t o = 0; o < outputs;) {
        const size_t left = outputs - o, width = hsi_panel_width(left);
        float *panel = packed + o * depth;
        for (size_t t = 0; t < taps; t++)
            for (size_t k = 0; k < inputs; k++, panel += width)
                for (size_t i = 0; i < width; i++)
                    panel[i] = i < left ? weights[(o + i) * output_stride + k * input_stride + (flipped ? taps - 1 - t : t)]
                                        : 0.0f;
        o += width;
    }
}

size_t hsi_convolution_packed_size(const hsi_convolution *c, int exact) {
    const size_t inputs = (size_t)c->input_channels, outputs = (size_t)c->output_channels;
    if (hsi_uses_winograd(c, exact)) return hsi_winograd_packed_size((size_t)c->depth_taps, inputs, outputs);
    return direct_packed_size(tap_count(c), inputs, outputs);
}

size_t hsi_convolution_packed_size_transposed(const hsi_convolution *c, int exact) {
    const size_t inputs = (size_t)c->input_channels, outputs = (size_t)c->output_channels;
    if (hsi_uses_winograd(c, exact)) return hsi_winograd_packed_size((size_t)c->depth_taps, outputs, inputs);
    return direct_packed_size(tap_count(c), outputs, inputs);
}

void hsi_convolution_pack(const hsi_convolution *c, int exact, const float *weights, float *packed) {
    const size_t taps = tap_count(c), inputs = (size_t)c->input_channels, outputs = (size_t)c->output_channels;
    if (hsi_uses_winograd(c, exact))
        hsi_winograd_pack(weights, (size_t)c->depth_taps, inputs, outputs, taps, inputs * taps, 0, packed);
    else direct_pack(weights, taps, inputs, outputs, taps, inputs * taps, 0, packed);
}

void hsi_convolution_pack_transposed(const hsi_convolution *c, int exact, const float *weights, float *packed) {
    const size_t taps = tap_count(c), inputs = (size_t)c->input_channels, outputs = (size_t)c->output_channels;
    if (hsi_uses_winograd(c, exact))
        hsi_winograd_pack(weights, (size_t)c->depth_taps, outputs, inputs, inputs * taps, taps, 1, packed);
    else direct_pack(weights, taps, outputs, inputs, inputs * taps, taps, 1, packed);
}

// MARK: - Sum over taps

/// y from x, or dx from dy: target pixel j of the gradient of a strided convolution collects the source pixels
/// (j + tap - padding) / stride where that is a whole number.
typedef struct {
    const convolution_table *table;
    const hsi_convolution *c;
    hsi_tap_row row; // what all rows share
    const float *source;
    float *target;
    int source_rows, source_columns, target_rows, target_columns;
    int up, down; // steps of the source per target pixel: up for the forward pass, 1 / down for the gradient
    unit_walk walk;
    int units_per_item;
} taps_job;

static int floor_half(int value, int divisor) { return divisor == 1 ? value : value >> 1; }

/// Columns of one target line that are `phase` modulo `down`.
static void taps_line(const taps_job *job, const plane_unit *unit, int line, int phase) {
    const hsi_convolution *c = job->c;
    const int plane_padding = c->plane_taps / 2, depth_padding = c->depth_taps / 2;
    hsi_tap_row row = job->row;
    const size_t inputs = row.inputs, line_size = (size_t)job->source_columns * inputs;
    // Target pixels phase, phase + down, ...; q counts them.
    row.first = (unit->first_column - phase + job->down - 1) / job->down;
    row.end = (unit->end_column - phase + job->down - 1) / job->down;
    if (row.first >= row.end) return;
    row.x = job->source + (size_t)unit->plane * (size_t)job->source_rows * line_size;
    row.y = job->target + (((size_t)unit->plane * (size_t)job->target_rows + (size_t)line) * (size_t)job->target_columns +
                           (size_t)phase) * row.outputs;
    row.taps = 0;
    // Without taps in the plane there is little work for what is read: the band that comes into view next is asked for.
    if (c->plane_taps == 1 && c->depth_taps > 1 && unit->band + 2 < c->depth)
        row.ahead = 2 * (ptrdiff_t)job->source_rows * (ptrdiff_t)line_size;
    for (int kd = 0; kd < c->depth_taps; kd++) {
        const int band = unit->band + kd - depth_padding;
        if (band < 0 || band >= c->depth) continue;
        for (int kh = 0; kh < c->plane_taps; kh++) {
            const int moved = line * job->up + kh - plane_padding, source = floor_half(moved, job->down);
            if (source * job->down != moved || source < 0 || source >= job->source_rows) continue;
            for (int kw = 0; kw < c->plane_taps; kw++) {
                const int shifted = phase + kw - plane_padding, start = floor_half(shifted, job->down);
                if (start * job->down != shifted) continue;
                // Pixel q reads column q * up + start.
                hsi_tap *tap = &row.tap[row.taps++];
                tap->offset = ((ptrdiff_t)(kd - depth_padding) * job->source_rows + source) * (ptrdiff_t)line_size +
                              (ptrdiff_t)start * (ptrdiff_t)inputs;
                tap->index = (kd * c->plane_taps + kh) * c->plane_taps + kw;
                tap->first = start < 0 ? (-start + job->up - 1) / job->up : 0;
                tap->end = start >= job->source_columns ? 0 : (job->source_columns - 1 - start) / job->up + 1;
            }
        }
    }
    if (uses_dots((int)row.inputs, (int)row.outputs)) job->table->dots(&row);
    else job->table->taps(&row);
}

static void taps_item(void *context, int index) {
    const taps_job *job = context;
    const int units = unit_count(&job->walk), first = index * job->units_per_item;
    for (int u = first; u < units && u < first + job->units_per_item; u++) {
        const plane_unit unit = unit_at(&job->walk, u);
        for (int line = unit.first_line; line < unit.end_line; line++)
            for (int phase = 0; phase < job->down; phase++) taps_line(job, &unit, line, phase);
    }
}

static void run_taps(taps_job *job) {
    const hsi_convolution *c = job->c;
    hsi_tap_row *row = &job->row;
    row->x_step = row->inputs * (size_t)job->up;
    row->y_step = row->outputs * (size_t)job->down;
    row->all_taps = (int)tap_count(c);
    row->threes = c->plane_taps == 3 && c->plane_stride == 1;
    const int piece = unit_columns(c), columns = job->target_columns < piece ? job->target_columns : piece;
    const size_t line_work = (size_t)columns * row->inputs * row->outputs * tap_count(c);
    const size_t lines = (size_t)WORK_PER_ITEM / line_work;
    job->walk = (unit_walk){c->samples, c->depth, job->target_rows, job->target_columns,
                            lines < 1 ? 1 : lines > UNIT_LINES ? UNIT_LINES : (int)lines, piece};
    const int units = unit_count(&job->walk);
    const size_t wanted = (size_t)WORK_PER_ITEM / (line_work * (size_t)job->walk.unit_lines);
    job->units_per_item = wanted < 1 ? 1 : wanted > (size_t)units ? units : (int)wanted;
    hsi_pool_run(pieces(units, job->units_per_item), taps_item, job);
}

void hsi_convolution_forward(const hsi_convolution *c, int exact, const float *x, const float *packed, const float *bias,
                             float leak, int accumulate, float *y, float *scratch, int threads) {
    if (hsi_uses_winograd(c, exact)) {
        hsi_winograd_forward(c, x, packed, bias, leak, accumulate, y, scratch, threads);
        return;
    }
    const plane_grid g = grid_of(c);
    taps_job job = {.table = HSI_SELECT(convolution), .c = c, .source = x, .target = y, .source_rows = g.rows,
                    .source_columns = g.columns, .target_rows = g.output_rows, .target_columns = g.output_columns,
                    .up = c->plane_stride, .down = 1};
    job.row = (hsi_tap_row){.packed = packed, .bias = bias, .inputs = (size_t)c->input_channels,
                            .outputs = (size_t)c->output_channels, .accumulate = accumulate, .leak = leak};
    run_taps(&job);
}

void hsi_convolution_data_gradient(const hsi_convolution *c, int exact, const float *dy, const float *packed_transposed,
                                   int accumulate, float *dx, float *scratch, int threads) {
    if (hsi_uses_winograd(c, exact)) {
        const hsi_convolution exchanged = exchanged_channels(c);
        hsi_winograd_forward(&exchanged, dy, packed_transposed, NULL, 1, accumulate, dx, scratch, threads);
        return;
    }
    const plane_grid g = grid_of(c);
    taps_job job = {.table = HSI_SELECT(convolution), .c = c, .source = dy, .target = dx, .source_rows = g.output_rows,
                    .source_columns = g.output_columns, .target_rows = g.rows, .target_columns = g.columns,
                    .up = 1, .down = c->plane_stride};
    job.row = (hsi_tap_row){.packed = packed_transposed, .inputs = (size_t)c->output_channels,
                            .outputs = (size_t)c->input_channels, .accumulate = accumulate, .leak = 1};
    run_taps(&job);
}

// MARK: - Weight gradient

/// Part p of the output pixels has its own sums: [depth tap][row tap][column tap][input][output columns], then the sum
/// of dy [output columns]; with few outputs [depth tap][row tap][output][column tap][input columns].
typedef struct {
    const convolution_table *table;
    const hsi_convolution *c;
    plane_grid grid;
    unit_walk walk;
    const float *x, *dy;
    float *dw, *db, *partials;
    int swapped;
    size_t group, part_size; // floats of one (depth tap, row tap), of a part
    int parts, units;
} weight_job;

static weight_job weight_plan(const hsi_convolution *c) {
    weight_job job = {.c = c, .grid = grid_of(c), .swapped = uses_dots(c->input_channels, c->output_channels)};
    const size_t inputs = (size_t)c->input_channels, outputs = (size_t)c->output_channels;
    job.group = (size_t)c->plane_taps * (job.swapped ? outputs * inputs : inputs * outputs);
    job.part_size = job.group * (size_t)(c->depth_taps * c->plane_taps) + outputs;
    const int lines = CHAIN / job.grid.output_columns;
    job.walk = (unit_walk){c->samples, c->depth, job.grid.output_rows, job.grid.output_columns,
                           lines < 1 ? 1 : lines > UNIT_LINES ? UNIT_LINES : lines, unit_columns(c)};
    job.units = unit_count(&job.walk);
    const size_t parts = PART_FLOATS / job.part_size;
    job.parts = parts < 8 ? 8 : parts > MAX_PARTS ? MAX_PARTS : (int)parts;
    if (job.parts > job.units) job.parts = job.units;
    return job;
}

/// Pixels q..<q + pixels of some lines of dy with the inputs under them, from one column tap on.
static void add_outer(const weight_job *job, const float *x, const float *dy, int lines, int pixels, int column_tap,
                      int column_taps, float *sums) {
    const size_t inputs = (size_t)job->c->input_channels, outputs = (size_t)job->c->output_channels;
    const size_t stride = (size_t)job->c->plane_stride, start = (size_t)column_tap * inputs;
    const size_t count = (size_t)column_taps * inputs;
    const hsi_rows under = {x, inputs * stride, (size_t)job->grid.columns * inputs * stride};
    const hsi_rows over = {dy, outputs, (size_t)job->grid.output_columns * outputs};
    if (job->swapped)
        job->table->outer(over, under, (size_t)lines, (size_t)pixels, outputs, count, sums + start,
                          (size_t)job->c->plane_taps * inputs);
    else
        job->table->outer(under, over, (size_t)lines, (size_t)pixels, count, outputs, sums + start * outputs, outputs);
}

static void add_bias(const weight_job *job, const plane_unit *unit, float *sums) {
    static const float one = 1;
    const size_t outputs = (size_t)job->c->output_channels, line = (size_t)job->grid.output_columns * outputs;
    const float *dy = job->dy + ((size_t)unit->plane * (size_t)job->grid.output_rows + (size_t)unit->first_line) * line +
                      (size_t)unit->first_column * outputs;
    job->table->outer((hsi_rows){&one, 0, 0}, (hsi_rows){dy, outputs, line}, (size_t)(unit->end_line - unit->first_line),
                      (size_t)(unit->end_column - unit->first_column), 1, outputs, sums, outputs);
}

static void weight_unit(const weight_job *job, const plane_unit *unit, float *sums) {
    const hsi_convolution *c = job->c;
    const plane_grid *g = &job->grid;
    const int padding = c->plane_taps / 2, stride = c->plane_stride;
    const size_t inputs = (size_t)c->input_channels, outputs = (size_t)c->output_channels;
    for (int kd = 0; kd < c->depth_taps; kd++) {
        const int other = kd - c->depth_taps / 2;
        if (unit->band + other < 0 || unit->band + other >= c->depth) continue;
        for (int kh = 0; kh < c->plane_taps; kh++) {
            // Lines whose source lies inside the plane.
            int first = unit->first_line, end = unit->end_line;
            while (first < end && first * stride + kh - padding < 0) first++;
            while (first < end && (end - 1) * stride + kh - padding >= g->rows) end--;
            if (first >= end) continue;
            const int source = first * stride + kh - padding;
            const float *x = job->x + (size_t)((unit->plane + other) * g->rows + source) * (size_t)g->columns * inputs;
            const float *dy = job->dy + (size_t)(unit->plane * g->output_rows + first) * (size_t)g->output_columns * outputs;
            float *group = sums + (size_t)(kd * c->plane_taps + kh) * job->group;
            for (int q = unit->first_column; q < unit->end_column;) {
                const int at = q * stride - padding; // column of the first tap
                const int low = at < 0 ? -at : 0;
                const int high = at + c->plane_taps > g->columns ? g->columns - at : c->plane_taps;
                int count = 1;
                if (low == 0 && high == c->plane_taps) { // up to the last pixel with all taps inside
                    count = (g->columns - high - at) / stride + 1;
                    if (count > unit->end_column - q) count = unit->end_column - q;
                    if (count > CHAIN) count = CHAIN;
                }
                add_outer(job, x + (ptrdiff_t)(at + low) * (ptrdiff_t)inputs, dy + (size_t)q * outputs, end - first, count,
                          low, high - low, group);
                q += count;
            }
        }
    }
    if (job->db) add_bias(job, unit, sums + job->part_size - outputs);
}

static void weight_item(void *context, int index) {
    const weight_job *job = context;
    float *sums = job->partials + (size_t)index * job->part_size;
    memset(sums, 0, job->part_size * sizeof(float));
    const int64_t units = job->units;
    for (int64_t u = units * index / job->parts; u < units * (index + 1) / job->parts; u++) {
        const plane_unit unit = unit_at(&job->walk, (int)u);
        weight_unit(job, &unit, sums);
    }
}

/// Adds the parts to dw, for one tap: rows of sums that lie together, a piece at a time.
static void weight_sum_item(void *context, int index) {
    enum { PIECE = 64 };
    const weight_job *job = context;
    const hsi_convolution *c = job->c;
    const size_t inputs = (size_t)c->input_channels, outputs = (size_t)c->output_channels;
    const size_t taps = (size_t)c->plane_taps, groups = (size_t)c->depth_taps * taps;
    const size_t g = (size_t)index / taps, t = (size_t)index % taps;
    const size_t rows = job->swapped ? outputs : inputs, length = job->swapped ? inputs : outputs;
    const size_t row_step = inputs * groups * taps, value_step = groups * taps; // of outputs and inputs in dw
    for (size_t r = 0; r < rows; r++) {
        const float *p = job->partials + g * job->group + (job->swapped ? r * taps + t : t * inputs + r) * length;
        float *dw = job->dw + g * taps + t + r * (job->swapped ? row_step : value_step);
        for (size_t first = 0; first < length; first += PIECE) {
            const size_t count = length - first < PIECE ? length - first : PIECE;
            double sums[PIECE] = {0};
            for (int part = 0; part < job->parts; part++)
                for (size_t i = 0; i < count; i++) sums[i] += p[(size_t)part * job->part_size + first + i];
            for (size_t i = 0; i < count; i++) dw[(first + i) * (job->swapped ? value_step : row_step)] += (float)sums[i];
        }
    }
}

/// The sums of dy alone: what is left to do after another algorithm made dw.
static void bias_item(void *context, int index) {
    const weight_job *job = context;
    const size_t outputs = (size_t)job->c->output_channels;
    const int64_t units = job->units;
    float *sums = job->partials + (size_t)index * outputs;
    memset(sums, 0, outputs * sizeof(float));
    for (int64_t u = units * index / job->parts; u < units * (index + 1) / job->parts; u++) {
        const plane_unit unit = unit_at(&job->walk, (int)u);
        add_bias(job, &unit, sums);
    }
}

/// Adds the parts, `step` floats apart, to db.
static void bias_sum(const weight_job *job, const float *parts, size_t step) {
    for (int o = 0; o < job->c->output_channels; o++) {
        double sum = 0;
        for (int part = 0; part < job->parts; part++) sum += parts[(size_t)part * step + (size_t)o];
        job->db[o] += (float)sum;
    }
}

void hsi_convolution_weight_gradient(const hsi_convolution *c, int exact, const float *x, const float *dy, float *dw,
                                     float *db, float *scratch, int threads) {
    weight_job job = weight_plan(c);
    job.table = HSI_SELECT(convolution);
    job.x = x;
    job.dy = dy;
    job.dw = dw;
    job.db = db;
    job.partials = scratch;
    if (hsi_uses_winograd(c, exact)) {
        hsi_winograd_weight_gradient(c, x, dy, dw, scratch, threads);
        if (db) {
            hsi_pool_run(job.parts, bias_item, &job);
            bias_sum(&job, scratch, (size_t)c->output_channels);
        }
        return;
    }
    hsi_pool_run(job.parts, weight_item, &job);
    hsi_pool_run((int)tap_count(c), weight_sum_item, &job);
    if (db) bias_sum(&job, scratch + job.part_size - (size_t)c->output_channels, job.part_size);
}

size_t hsi_convolution_scratch_size(const hsi_convolution *c, int exact, int threads) {
    const weight_job job = weight_plan(c);
    if (!hsi_uses_winograd(c, exact)) return job.part_size * (size_t)job.parts;
    const hsi_convolution exchanged = exchanged_channels(c);
    const size_t sizes[4] = {hsi_winograd_scratch_size(c, threads), hsi_winograd_scratch_size(&exchanged, threads),
                             hsi_winograd_gradient_scratch_size(c, threads), (size_t)(job.parts * c->output_channels)};
    size_t largest = 0;
    for (int i = 0; i < 4; i++) largest = sizes[i] > largest ? sizes[i] : largest;
    return largest;
}
