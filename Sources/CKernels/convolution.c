// Dense convolutions: choice of algorithm, packing and the direct drivers. See include/hsi_convolution.h.
#include "hsi_convolution.h"

#include "convolution_types.h"
#include "hsi_pool.h"

#define HSI_BODY "convolution_body.h"
#include "instantiate.h"

enum {
    COLUMNS_PER_UNIT = 256, // pixels of a row that are worked on at once
    MAX_PARTS = 64,         // partial sums of a weight gradient
};

// MARK: - Geometry

/// The planes of a convolution as the direct drivers walk them: kernels without neighbours in the plane see one long row.
typedef struct {
    int rows, columns;               // of x
    int output_rows, output_columns; // of y
    int units_per_row;               // runs of at most COLUMNS_PER_UNIT output pixels
} plane_grid;

static int strided(int size, int stride) { return (size - 1) / stride + 1; }

static plane_grid grid_of(const hsi_convolution *c) {
    plane_grid g = {c->rows, c->columns, strided(c->rows, c->plane_stride), strided(c->columns, c->plane_stride), 1};
    if (c->plane_taps == 1 && c->plane_stride == 1) {
        g.rows = g.output_rows = 1;
        g.columns = g.output_columns = c->rows * c->columns;
    }
    g.units_per_row = (g.output_columns + COLUMNS_PER_UNIT - 1) / COLUMNS_PER_UNIT;
    return g;
}

static size_t tap_count(const hsi_convolution *c) { return (size_t)(c->depth_taps * c->plane_taps * c->plane_taps); }

/// Channels on the many side are summed along vectors.
static int uses_dots(int inputs, int outputs) { return outputs <= 4 && inputs >= 8; }

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
    (void)exact;
    return direct_packed_size(tap_count(c), (size_t)c->input_channels, (size_t)c->output_channels);
}

size_t hsi_convolution_packed_size_transposed(const hsi_convolution *c, int exact) {
    (void)exact;
    return direct_packed_size(tap_count(c), (size_t)c->output_channels, (size_t)c->input_channels);
}

void hsi_convolution_pack(const hsi_convolution *c, int exact, const float *weights, float *packed) {
    (void)exact;
    const size_t taps = tap_count(c), inputs = (size_t)c->input_channels;
    direct_pack(weights, taps, inputs, (size_t)c->output_channels, taps, inputs * taps, 0, packed);
}

void hsi_convolution_pack_transposed(const hsi_convolution *c, int exact, const float *weights, float *packed) {
    (void)exact;
    const size_t taps = tap_count(c), inputs = (size_t)c->input_channels;
    direct_pack(weights, taps, (size_t)c->output_channels, inputs, inputs * taps, taps, 1, packed);
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
    int units_per_row, units, units_per_item;
} taps_job;

static int floor_half(int value, int divisor) { return divisor == 1 ? value : value >> 1; }

static void taps_unit(const taps_job *job, int unit) {
    const hsi_convolution *c = job->c;
    const int part = unit % job->units_per_row, line = unit / job->units_per_row;
    const int i = line % job->target_rows, plane = line / job->target_rows, d = plane % c->depth;
    const int plane_padding = c->plane_taps / 2, depth_padding = c->depth_taps / 2;
    const int first = part * COLUMNS_PER_UNIT;
    const int end = job->target_columns - first < COLUMNS_PER_UNIT ? job->target_columns : first + COLUMNS_PER_UNIT;
    hsi_tap_row row = job->row;
    const size_t inputs = row.inputs, line_size = (size_t)job->source_columns * inputs;
    row.x = job->source + (size_t)plane * (size_t)job->source_rows * line_size;
    for (int phase = 0; phase < job->down; phase++) {
        // Target pixels phase, phase + down, ...; q counts them.
        row.first = (first - phase + job->down - 1) / job->down;
        row.end = (end - phase + job->down - 1) / job->down;
        if (row.first >= row.end) continue;
        row.y = job->target + ((size_t)line * (size_t)job->target_columns + (size_t)phase) * row.outputs;
        row.taps = 0;
        for (int kd = 0; kd < c->depth_taps; kd++) {
            const int source_d = d + kd - depth_padding;
            if (source_d < 0 || source_d >= c->depth) continue;
            for (int kh = 0; kh < c->plane_taps; kh++) {
                const int moved = i * job->up + kh - plane_padding, source_i = floor_half(moved, job->down);
                if (source_i * job->down != moved || source_i < 0 || source_i >= job->source_rows) continue;
                for (int kw = 0; kw < c->plane_taps; kw++) {
                    const int shifted = phase + kw - plane_padding, start = floor_half(shifted, job->down);
                    if (start * job->down != shifted) continue;
                    // Pixel q reads column q * up + start.
                    hsi_tap *tap = &row.tap[row.taps++];
                    tap->offset = ((ptrdiff_t)(kd - depth_padding) * job->source_rows + source_i) * (ptrdiff_t)line_size +
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
}

static void taps_item(void *context, int index) {
    const taps_job *job = context;
    int end = (index + 1) * job->units_per_item;
    for (int unit = index * job->units_per_item; unit < job->units && unit < end; unit++) taps_unit(job, unit);
}

static void run_taps(taps_job *job) {
    const hsi_convolution *c = job->c;
    hsi_tap_row *row = &job->row;
    row->x_step = row->inputs * (size_t)job->up;
    row->y_step = row->outputs * (size_t)job->down;
    row->all_taps = (int)tap_count(c);
    job->units_per_row = (job->target_columns + COLUMNS_PER_UNIT - 1) / COLUMNS_PER_UNIT;
    job->units = c->samples * c->depth * job->target_rows * job->units_per_row;
    const int pixels = job->target_columns < COLUMNS_PER_UNIT ? job->target_columns : COLUMNS_PER_UNIT;
    const size_t work = (size_t)pixels * row->inputs * row->outputs * tap_count(c);
    job->units_per_item = (int)((size_t)2000000 / (work ? work : 1)) + 1;
    hsi_pool_run((job->units + job->units_per_item - 1) / job->units_per_item, taps_item, job);
}

void hsi_convolution_forward(const hsi_convolution *c, int exact, const float *x, const float *packed, const float *bias,
                             float leak, int accumulate, float *y, float *scratch) {
    (void)exact;
    (void)scratch;
    const plane_grid g = grid_of(c);
    taps_job job = {.table = HSI_SELECT(convolution), .c = c, .source = x, .target = y, .source_rows = g.rows,
                    .source_columns = g.columns, .target_rows = g.output_rows, .target_columns = g.output_columns,
                    .up = c->plane_stride, .down = 1};
    job.row = (hsi_tap_row){.packed = packed, .bias = bias, .inputs = (size_t)c->input_channels,
                            .outputs = (size_t)c->output_channels, .accumulate = accumulate, .leak = leak};
    run_taps(&job);
}

void hsi_convolution_data_gradient(const hsi_convolution *c, int exact, const float *dy, const float *packed_transposed,
                                   int accumulate, float *dx, float *scratch) {
    (void)exact;
    (void)scratch;
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
    job.units = c->samples * c->depth * job.grid.output_rows * job.grid.units_per_row;
    size_t parts = ((size_t)4 << 20) / job.part_size;
    job.parts = parts < 4 ? 4 : parts > MAX_PARTS ? MAX_PARTS : (int)parts;
    if (job.parts > job.units) job.parts = job.units;
    return job;
}

static void add_outer(const weight_job *job, const float *x, const float *dy, int pixels, int column_tap, int column_taps,
                      float *sums) {
    const size_t inputs = (size_t)job->c->input_channels, outputs = (size_t)job->c->output_channels;
    const size_t step = inputs * (size_t)job->c->plane_stride, start = (size_t)column_tap * inputs;
    const size_t rows = (size_t)column_taps * inputs;
    if (job->swapped)
        job->table->outer(dy, outputs, x, step, (size_t)pixels, outputs, rows, sums + start,
                          (size_t)job->c->plane_taps * inputs);
    else
        job->table->outer(x, step, dy, outputs, (size_t)pixels, rows, outputs, sums + start * outputs, outputs);
}

static void weight_unit(const weight_job *job, int unit, float *sums) {
    const hsi_convolution *c = job->c;
    const plane_grid *g = &job->grid;
    const int part = unit % g->units_per_row, line = unit / g->units_per_row;
    const int i = line % g->output_rows, plane = line / g->output_rows, d = plane % c->depth;
    const int first = part * COLUMNS_PER_UNIT;
    const int end = g->output_columns - first < COLUMNS_PER_UNIT ? g->output_columns : first + COLUMNS_PER_UNIT;
    const int padding = c->plane_taps / 2, stride = c->plane_stride;
    const size_t inputs = (size_t)c->input_channels, outputs = (size_t)c->output_channels;
    const float *dy = job->dy + (size_t)line * (size_t)g->output_columns * outputs;
    for (int kd = 0; kd < c->depth_taps; kd++) {
        const int other = kd - c->depth_taps / 2;
        if (d + other < 0 || d + other >= c->depth) continue;
        for (int kh = 0; kh < c->plane_taps; kh++) {
            const int source = i * stride + kh - padding;
            if (source < 0 || source >= g->rows) continue;
            const float *x = job->x + (size_t)((plane + other) * g->rows + source) * (size_t)g->columns * inputs;
            float *group = sums + (size_t)(kd * c->plane_taps + kh) * job->group;
            for (int q = first; q < end;) {
                const int at = q * stride - padding; // column of the first tap
                const int low = at < 0 ? -at : 0;
                int high = at + c->plane_taps > g->columns ? g->columns - at : c->plane_taps;
                int count = 1;
                if (low == 0 && high == c->plane_taps) { // up to the last pixel with all taps inside
                    count = (g->columns - high - at) / stride + 1;
                    if (count > end - q) count = end - q;
                }
                add_outer(job, x + (ptrdiff_t)(at + low) * (ptrdiff_t)inputs, dy + (size_t)q * outputs, count, low,
                          high - low, group);
                q += count;
            }
        }
    }
    static const float one = 1;
    if (job->db)
        job->table->outer(&one, 0, dy + (size_t)first * outputs, outputs, (size_t)(end - first), 1, outputs,
                          sums + job->part_size - outputs, outputs);
}

static void weight_item(void *context, int index) {
    const weight_job *job = context;
    float *sums = job->partials + (size_t)index * job->part_size;
    memset(sums, 0, job->part_size * sizeof(float));
    const int64_t units = job->units;
    for (int64_t u = units * index / job->parts; u < units * (index + 1) / job->parts; u++) weight_unit(job, (int)u, sums);
}

/// Adds the parts to dw, one output channel per item.
static void weight_sum_item(void *context, int index) {
    const weight_job *job = context;
    const hsi_convolution *c = job->c;
    const size_t inputs = (size_t)c->input_channels, outputs = (size_t)c->output_channels, o = (size_t)index;
    const size_t taps = (size_t)c->plane_taps, groups = (size_t)c->depth_taps * taps;
    for (size_t k = 0; k < inputs; k++)
        for (size_t g = 0; g < groups; g++)
            for (size_t t = 0; t < taps; t++) {
                const float *p = job->partials + g * job->group +
                                 (job->swapped ? (o * taps + t) * inputs + k : (t * inputs + k) * outputs + o);
                double sum = 0;
                for (int part = 0; part < job->parts; part++) sum += p[(size_t)part * job->part_size];
                job->dw[((o * inputs + k) * groups + g) * taps + t] += (float)sum;
            }
    if (!job->db) return;
    const float *p = job->partials + job->part_size - outputs + o;
    double sum = 0;
    for (int part = 0; part < job->parts; part++) sum += p[(size_t)part * job->part_size];
    job->db[o] += (float)sum;
}

void hsi_convolution_weight_gradient(const hsi_convolution *c, int exact, const float *x, const float *dy, float *dw,
                                     float *db, float *scratch) {
    (void)exact;
    weight_job job = weight_plan(c);
    job.table = HSI_SELECT(convolution);
    job.x = x;
    job.dy = dy;
    job.dw = dw;
    job.db = db;
    job.partials = scratch;
    hsi_pool_run(job.parts, weight_item, &job);
    hsi_pool_run(c->output_channels, weight_sum_item, &job);
}

size_t hsi_convolution_scratch_size(const hsi_convolution *c, int exact) {
    (void)exact;
    const weight_job job = weight_plan(c);
    return job.part_size * (size_t)job.parts;
}
