// Winograd's F(4 x 4, 3 x 3): plans, packing and drivers over the pool. See winograd.h.
#include "winograd.h"

#include "hsi_pool.h"

#define HSI_BODY "winograd_body.h"
#include "instantiate.h"

enum {
    POINTS = 36,
    BLOCK_FLOATS = 112 << 10, // of transformed tiles that a block should have: they stay in the second-level cache
    MAX_BLOCK_ROWS = 96,
    MAX_RUNS = 10 * MAX_BLOCK_ROWS, // runs of memory to ask for: six rows of x and four of y per tile
    MAX_PARTS = 32,           // partial sums of a weight gradient
    PART_FLOATS = 1 << 20,    // of all of them together, unless 8 need more
};

int hsi_uses_winograd(const hsi_convolution *c, int exact) {
    return !exact && c->plane_taps == 3 && c->plane_stride == 1 && c->input_channels > 4 && c->output_channels > 4;
}

// MARK: - Plan

static winograd_plan plan_of(const hsi_convolution *c) {
    winograd_plan p = {.depth = c->depth, .rows = c->rows, .columns = c->columns, .depth_taps = c->depth_taps,
                       .inputs = (size_t)c->input_channels, .outputs = (size_t)c->output_channels};
    p.padded_outputs = hsi_panel_columns(p.outputs);
    p.tile_columns = (c->columns + 3) / 4;
    p.tiles = (c->rows + 3) / 4 * p.tile_columns;
    p.chunk = p.inputs <= 8 ? 8 : p.inputs <= 16 ? 16 : p.inputs <= 32 ? 32 : 64;
    p.chunks = (p.inputs + p.chunk - 1) / p.chunk;
    int rows = (int)(BLOCK_FLOATS / (POINTS * (p.chunk * p.chunks + p.padded_outputs))) / 12 * 12;
    rows = rows < 24 ? 24 : rows > MAX_BLOCK_ROWS ? MAX_BLOCK_ROWS : rows;
    size_t slots; // rows of transformed input
    if (p.depth_taps == 1) {
        p.group_bands = 1;
        p.block_tiles = rows;
        slots = (size_t)rows;
        p.units = (int)(((int64_t)c->samples * c->depth * p.tiles + rows - 1) / rows);
    } else {
        p.group_bands = c->depth < rows / 4 ? c->depth : rows / 4;
        p.block_tiles = rows / p.group_bands;
        if (p.block_tiles > p.tiles) {
            p.block_tiles = p.tiles;
            p.group_bands = c->depth < rows / p.tiles ? c->depth : rows / p.tiles;
        }
        slots = (size_t)(p.block_tiles * (p.group_bands + p.depth_taps - 1));
        p.units = c->samples * ((p.tiles + p.block_tiles - 1) / p.block_tiles);
    }
    // The odd line keeps the points of a tile in different sets of the first-level cache.
    p.chunk_step = slots * p.chunk;
    p.input_point = p.chunk_step * p.chunks + 16;
    p.output_point = (size_t)(p.block_tiles * p.group_bands) * p.padded_outputs + 16;
    return p;
}

/// Floats of transformed input and output of one thread.
static size_t block_size(const winograd_plan *p) { return POINTS * (p->input_point + p->output_point); }

// MARK: - Packing

size_t hsi_winograd_packed_size(size_t depth_taps, size_t inputs, size_t outputs) {
    return POINTS * depth_taps * inputs * hsi_panel_columns(outputs);
}

typedef struct {
    const float *weights;
    float *packed;
    size_t depth_taps, inputs, outputs, input_stride, output_stride;
    int flipped;
    const winograd_table *table;
} pack_job;

/// G g G^T of all taps from one input channel, packed [point][panel][depth tap][input][width], for eight outputs at a time.
static void pack_item(void *context, int index) {
    const pack_job *job = context;
    const size_t taps = 9 * job->depth_taps, depth = job->depth_taps * job->inputs, k = (size_t)index;
    const size_t point_size = depth * hsi_panel_columns(job->outputs);
    for (size_t o = 0; o < job->outputs;) {
        const size_t width = hsi_panel_width(job->outputs - o);
        for (size_t i = 0; i < width; i += 8) {
            const size_t left = o + i < job->outputs ? job->outputs - o - i : 0, count = left < 8 ? left : 8;
            for (size_t kd = 0; kd < job->depth_taps; kd++) {
                float g[9][8] = {{0}};
                for (size_t j = 0; j < count; j++) {
                    const float *w = job->weights + (o + i + j) * job->output_stride + k * job->input_stride;
                    for (size_t t = 0; t < 9; t++) g[t][j] = w[job->flipped ? taps - 1 - 9 * kd - t : 9 * kd + t];
                }
                job->table->pack(g[0], job->packed + o * depth + (kd * job->inputs + k) * width + i, point_size);
            }
        }
        o += width;
    }
}

void hsi_winograd_pack(const float *weights, size_t depth_taps, size_t inputs, size_t outputs, size_t input_stride,
                       size_t output_stride, int flipped, float *packed) {
    pack_job job = {weights, packed, depth_taps, inputs, outputs, input_stride, output_stride, flipped,
                    HSI_SELECT(winograd)};
    hsi_pool_run((int)inputs, pack_item, &job);
}

// MARK: - Walk over tiles

/// Tiles of a unit; how many they are.
static int tiles_of(const winograd_plan *p, int unit, int planes, winograd_tile *tiles) {
    const int64_t all = p->depth_taps == 1 ? (int64_t)planes * p->tiles : p->tiles;
    const int blocks = (int)((all + p->block_tiles - 1) / p->block_tiles);
    const int64_t first = (int64_t)(unit % blocks) * p->block_tiles;
    const int count = all - first < p->block_tiles ? (int)(all - first) : p->block_tiles;
    const int in_plane = (int)(first % p->tiles);
    winograd_tile tile = {(int)(first / p->tiles) + unit / blocks * p->depth, 4 * (in_plane / p->tile_columns),
                          4 * (in_plane % p->tile_columns)};
    for (int t = 0; t < count; t++) {
        tiles[t] = tile;
        tile.left += 4;
        if (tile.left < p->columns) continue;
        tile.left = 0;
        tile.top += 4;
        if (tile.top < p->rows) continue;
        tile.top = 0;
        tile.plane++;
    }
    return count;
}

/// A unit at work: its tiles, the group of bands at hand, and those that come next.
typedef struct {
    int unit, last_unit, planes; ///< units up to the last belong to this pool item
    int band, bands;             ///< first of the group, how many
    int count, next_count;       ///< tiles
    winograd_tile tiles[MAX_BLOCK_ROWS], next_tiles[MAX_BLOCK_ROWS];
    winograd_ahead ahead;
    uintptr_t runs[2 * MAX_RUNS];
} winograd_walk;

static int all_bands(const winograd_plan *p) { return p->depth_taps == 1 ? 1 : p->depth; }

static int bands_from(const winograd_plan *p, int band) {
    return all_bands(p) - band < p->group_bands ? all_bands(p) - band : p->group_bands;
}

static void start(winograd_walk *walk, const winograd_plan *p, int unit, int last_unit, int planes) {
    walk->unit = unit;
    walk->last_unit = last_unit;
    walk->planes = planes;
    walk->band = 0;
    walk->bands = bands_from(p, 0);
    walk->count = tiles_of(p, unit, planes, walk->tiles);
    walk->next_count = unit < last_unit ? tiles_of(p, unit + 1, planes, walk->next_tiles) : 0;
}

/// The next group of bands, or of the next unit; 0 at the end.
static int advance(winograd_walk *walk, const winograd_plan *p) {
    walk->band += walk->bands;
    if (walk->band == all_bands(p)) {
        if (walk->unit == walk->last_unit) return 0;
        start(walk, p, walk->unit + 1, walk->last_unit, walk->planes);
    }
    walk->bands = bands_from(p, walk->band);
    return 1;
}

/// Transformed input of a band at row `row` of v; zeros outside the volume.
static void transform_band(const winograd_plan *p, const winograd_table *table, const float *x, const winograd_walk *walk,
                           int band, size_t row, float *v) {
    if (band < 0 || band >= p->depth) {
        for (size_t point = 0; point < POINTS; point++)
            for (size_t chunk = 0; chunk < p->chunks; chunk++)
                memset(v + point * p->input_point + chunk * p->chunk_step + row * p->chunk, 0,
                       (size_t)walk->count * p->chunk * sizeof(float));
        return;
    }
    const size_t plane_size = (size_t)p->rows * (size_t)p->columns * p->inputs;
    for (int t = 0; t < walk->count; t++) {
        const winograd_tile *tile = &walk->tiles[t];
        const winograd_place place = {p->rows, p->columns, tile->top - 1, tile->left - 1, p->inputs};
        table->input(p, x + (size_t)(tile->plane + band) * plane_size, place, v + (row + (size_t)t) * p->chunk);
    }
}

/// Moves the last bands of a group, one fewer than depth taps, to the front: they are the first of the next.
static void keep_last_bands(const winograd_plan *p, int bands, int tiles, float *v) {
    const size_t band = (size_t)tiles * p->chunk, kept = (size_t)(p->depth_taps - 1);
    for (size_t point = 0; point < POINTS; point++)
        for (size_t chunk = 0; chunk < p->chunks; chunk++) {
            float *first = v + point * p->input_point + chunk * p->chunk_step;
            memmove(first, first + (size_t)bands * band, kept * band * sizeof(float));
        }
}

/// The transformed input of the group at hand.
static void transform_group(const winograd_plan *p, const winograd_table *table, const float *x, const winograd_walk *walk,
                            float *v) {
    if (p->depth_taps == 1) {
        transform_band(p, table, x, walk, 0, 0, v);
        return;
    }
    const size_t tiles = (size_t)walk->count;
    const int halo = p->depth_taps / 2;
    if (walk->band == 0) {
        for (int b = 0; b < 2 * halo; b++) transform_band(p, table, x, walk, b - halo, (size_t)b * tiles, v);
    } else {
        keep_last_bands(p, p->group_bands, walk->count, v);
    }
    for (int b = 2 * halo; b < walk->bands + 2 * halo; b++)
        transform_band(p, table, x, walk, walk->band + b - halo, (size_t)b * tiles, v);
}

/// Adds the pixels of tiles to what will be asked for: `rows` rows from each tile's top + `shift`, `first` bands on.
static void expect(winograd_walk *walk, const winograd_plan *p, const float *volume, size_t channels,
                   const winograd_tile *tiles, int count, int band, int bands, int shift, int rows) {
    const size_t line = (size_t)p->columns * channels;
    for (int b = band; b < band + bands; b++)
        for (int t = 0; t < count; t++)
            for (int i = 0; i < rows; i++) {
                const int row = tiles[t].top + shift + i, left = p->columns - tiles[t].left;
                if (row < 0 || row >= p->rows || walk->ahead.end == walk->runs + 2 * MAX_RUNS) continue;
                const uintptr_t first = (uintptr_t)(volume + ((size_t)(tiles[t].plane + b) * (size_t)p->rows + (size_t)row) * line +
                                                    (size_t)tiles[t].left * channels);
                const uintptr_t size = 4 * channels * (size_t)(left < 4 ? left : 4);
                walk->ahead.end[0] = first / 64 * 64;
                walk->ahead.end[1] = first + size;
                walk->ahead.end += 2;
                walk->ahead.lines += size / 64 + 1;
            }
}

/// What the step after the products at hand will read of x, or of dy with `rows` 4.
static void expect_next(winograd_walk *walk, const winograd_plan *p, const float *volume, size_t channels, int halo,
                        int shift, int rows) {
    const int band = walk->band + walk->bands;
    if (band < all_bands(p)) {
        const int bands = bands_from(p, band) + halo;
        expect(walk, p, volume, channels, walk->tiles, walk->count, band + halo,
               band + bands > p->depth ? p->depth - band - halo : bands - halo, shift, rows);
    } else {
        expect(walk, p, volume, channels, walk->next_tiles, walk->next_count, 0, bands_from(p, 0), shift, rows);
    }
}

static void expect_nothing(winograd_walk *walk) {
    walk->ahead = (winograd_ahead){.runs = walk->runs, .end = walk->runs};
}

// MARK: - Forward

typedef struct {
    winograd_plan plan;
    const winograd_table *table;
    const float *x, *packed, *bias;
    float *y, *scratch;
    float leak;
    int accumulate, planes, units_per_item;
} forward_job;

static void forward_item(void *context, int index) {
    const forward_job *job = context;
    winograd_plan plan = job->plan;
    const winograd_plan *p = &plan;
    float *v = job->scratch + (size_t)hsi_pool_thread_index() * block_size(p), *m = v + POINTS * p->input_point;
    const size_t plane_size = (size_t)p->rows * (size_t)p->columns * p->outputs;
    const int first = index * job->units_per_item;
    const int last = first + job->units_per_item < p->units ? first + job->units_per_item - 1 : p->units - 1;
    winograd_walk walk;
    start(&walk, &job->plan, first, last, job->planes);
    do {
        plan.block_tiles = walk.count;
        transform_group(p, job->table, job->x, &walk, v);
        expect_nothing(&walk);
        expect(&walk, p, job->y, p->outputs, walk.tiles, walk.count, walk.band, walk.bands, 0, 4);
        expect_next(&walk, p, job->x, p->inputs, p->depth_taps / 2, -1, 6);
        job->table->multiply(p, v, (size_t)(walk.bands * walk.count), job->packed, m, &walk.ahead);
        size_t row = 0;
        for (int b = walk.band; b < walk.band + walk.bands; b++)
            for (int t = 0; t < walk.count; t++, row++) {
                const winograd_tile *tile = &walk.tiles[t];
                const winograd_place place = {p->rows, p->columns, tile->top, tile->left, p->outputs};
                job->table->output(p, m + row * p->padded_outputs, place, job->bias, job->leak, job->accumulate,
                                   job->y + (size_t)(tile->plane + b) * plane_size);
            }
    } while (advance(&walk, &job->plan));
}

void hsi_winograd_forward(const hsi_convolution *c, const float *x, const float *packed, const float *bias, float leak,
                          int accumulate, float *y, float *scratch, int threads) {
    forward_job job = {plan_of(c), HSI_SELECT(winograd), x, packed, bias, y, scratch, leak, accumulate,
                       c->samples * c->depth, 1};
    job.units_per_item = job.plan.units / 32 < 1 ? 1 : job.plan.units / 32 > 8 ? 8 : job.plan.units / 32;
    hsi_pool_run_on(threads, (job.plan.units + job.units_per_item - 1) / job.units_per_item, forward_item, &job);
}

size_t hsi_winograd_scratch_size(const hsi_convolution *c, int threads) {
    const winograd_plan p = plan_of(c);
    return block_size(&p) * (size_t)threads;
}

// MARK: - Weight gradient

typedef struct {
    winograd_plan plan;
    const winograd_table *table;
    const float *x, *dy;
    float *dw, *blocks, *partials, *gathered;
    size_t part_size;
    int parts, planes;
} gradient_job;

static gradient_job gradient_plan(const hsi_convolution *c) {
    gradient_job job = {.plan = plan_of(c), .planes = c->samples * c->depth};
    const winograd_plan *p = &job.plan;
    job.part_size = POINTS * (size_t)p->depth_taps * p->inputs * p->padded_outputs;
    const size_t parts = PART_FLOATS / job.part_size;
    job.parts = parts < 8 ? 8 : parts > MAX_PARTS ? MAX_PARTS : (int)parts;
    if (job.parts > p->units) job.parts = p->units;
    return job;
}

static void gradient_item(void *context, int index) {
    const gradient_job *job = context;
    winograd_plan plan = job->plan;
    const winograd_plan *p = &plan;
    float *v = job->blocks + (size_t)hsi_pool_thread_index() * block_size(p), *m = v + POINTS * p->input_point;
    float *sums = job->partials + (size_t)index * job->part_size;
    memset(sums, 0, job->part_size * sizeof(float));
    const size_t plane_size = (size_t)p->rows * (size_t)p->columns * p->outputs;
    const int64_t units = p->units;
    winograd_walk walk;
    start(&walk, &job->plan, (int)(units * index / job->parts), (int)(units * (index + 1) / job->parts) - 1, job->planes);
    do {
        plan.block_tiles = walk.count;
        transform_group(p, job->table, job->x, &walk, v);
        size_t row = 0;
        for (int b = walk.band; b < walk.band + walk.bands; b++)
            for (int t = 0; t < walk.count; t++, row++) {
                const winograd_tile *tile = &walk.tiles[t];
                const winograd_place place = {p->rows, p->columns, tile->top, tile->left, p->outputs};
                job->table->spread(p, job->dy + (size_t)(tile->plane + b) * plane_size, place, m + row * p->padded_outputs);
            }
        expect_nothing(&walk);
        expect_next(&walk, p, job->x, p->inputs, p->depth_taps / 2, -1, 6);
        expect_next(&walk, p, job->dy, p->outputs, 0, 0, 4);
        job->table->outer(p, v, m, row, sums, &walk.ahead);
    } while (advance(&walk, &job->plan));
}

/// Taps of one input channel, [depth tap][9][output], then into the order of dw.
static void gather_item(void *context, int index) {
    const gradient_job *job = context;
    const winograd_plan *p = &job->plan;
    const size_t depth_taps = (size_t)p->depth_taps, k = (size_t)index, taps = 9 * depth_taps;
    float *sums = job->gathered + (size_t)hsi_pool_thread_index() * 9 * p->padded_outputs;
    for (size_t kd = 0; kd < depth_taps; kd++) {
        job->table->gather(p, job->partials, job->part_size, job->parts, kd * p->inputs + k, sums);
        for (size_t o = 0; o < p->outputs; o++)
            for (size_t t = 0; t < 9; t++) job->dw[(o * p->inputs + k) * taps + 9 * kd + t] += sums[t * p->padded_outputs + o];
    }
}

void hsi_winograd_weight_gradient(const hsi_convolution *c, const float *x, const float *dy, float *dw, float *scratch,
                                  int threads) {
    gradient_job job = gradient_plan(c);
    job.table = HSI_SELECT(winograd);
    job.x = x;
    job.dy = dy;
    job.dw = dw;
    job.partials = scratch;
    job.blocks = scratch + job.part_size * (size_t)job.parts;
    job.gathered = job.blocks;
    hsi_pool_run_on(threads, job.parts, gradient_item, &job);
    hsi_pool_run_on(threads, c->input_channels, gather_item, &job);
}

size_t hsi_winograd_gradient_scratch_size(const hsi_convolution *c, int threads) {
    const gradient_job job = gradient_plan(c);
    return job.part_size * (size_t)job.parts + block_size(&job.plan) * (size_t)threads;
}
