// Products of a scene with small matrices: drivers over the pool. See include/hsi_products.h.
#include "hsi_products.h"

#include <math.h>

#include "hsi_pool.h"
#include "packing.h"

typedef struct {
    void (*project)(const float *, size_t, size_t, size_t, const float *, size_t, float *, size_t);
    void (*project_f64)(const float *, size_t, size_t, size_t, const double *, size_t, double *, size_t);
    void (*outer)(const float *, size_t, size_t, size_t, const float *, size_t, size_t, double *);
    void (*gram)(const float *, size_t, size_t, size_t, double *, size_t, double *);
    void (*channel_sums)(const float *, size_t, size_t, size_t, const double *, double *, double *);
    void (*pixel_norms)(const float *, size_t, size_t, size_t, const double *, double *);
    void (*deflate)(const float *, size_t, size_t, size_t, const double *, double *);
    void (*gemm)(const float *, size_t, const float *, float *, size_t, size_t, size_t, size_t, int);
    void (*centre)(const float *, size_t, size_t, const float *, float *, float *, float *, float *);
} products_table;

#define HSI_BODY "products_body.h"
#include "instantiate.h"

enum {
    PIXELS_PER_ITEM = 1024, // for per-pixel work; any value gives the same bits
    MAX_BLOCKS = 80,        // hsi_block_count never exceeds 65
};

static size_t minimum(size_t a, size_t b) { return a < b ? a : b; }

static int item_count(size_t pixels) { return (int)((pixels + PIXELS_PER_ITEM - 1) / PIXELS_PER_ITEM); }

// MARK: - Projection

typedef struct {
    const products_table *table;
    const float *scene;
    size_t stride, pixels, channels, columns, out_stride;
    const float *packed;
    const double *packed_f64;
    float *out;
    double *out_f64;
} project_job;

size_t hsi_project_scratch_size(size_t channels, size_t columns) { return 16 * hsi_chunk_count(channels) * columns; }

static void project_item(void *context, int index) {
    const project_job *job = context;
    size_t first = (size_t)index * PIXELS_PER_ITEM, end = minimum(first + PIXELS_PER_ITEM, job->pixels);
    float wide[16 * HSI_SUBBLOCK];
    size_t step = job->channels < 16 ? HSI_SUBBLOCK : PIXELS_PER_ITEM;
    for (size_t n = first; n < end; n += step) {
        size_t count = minimum(step, end - n);
        const float *rows = job->scene + n * job->stride;
        size_t stride = job->stride;
        if (job->channels < 16) {
            hsi_widen_rows(rows, stride, count, job->channels, wide);
            rows = wide;
            stride = 16;
        }
        size_t channels = hsi_padded_channels(job->channels);
        if (job->out)
            job->table->project(rows, stride, count, channels, job->packed, job->columns,
                                job->out + n * job->out_stride, job->out_stride);
        else
            job->table->project_f64(rows, stride, count, channels, job->packed_f64, job->columns,
                                    job->out_f64 + n * job->out_stride, job->out_stride);
    }
}

void hsi_project(const float *scene, size_t stride, size_t pixels, size_t channels, const double *weights,
                 size_t columns, float *out, size_t out_stride, double *scratch) {
    hsi_pack_weights_f32(weights, channels, columns, (float *)scratch);
    project_job job = {HSI_SELECT(products), scene, stride, pixels, channels, columns, out_stride,
                       (float *)scratch,     NULL,  out,    NULL};
    hsi_pool_run(item_count(pixels), project_item, &job);
}

void hsi_project_f64(const float *scene, size_t stride, size_t pixels, size_t channels, const double *weights,
                     size_t columns, double *out, size_t out_stride, double *scratch) {
    hsi_pack_weights_f64(weights, channels, columns, scratch);
    project_job job = {HSI_SELECT(products), scene,   stride, pixels, channels, columns, out_stride, NULL,
                       scratch,              NULL, out};
    hsi_pool_run(item_count(pixels), project_item, &job);
}

// MARK: - Outer sums

typedef struct {
    const products_table *table;
    const float *scene, *a;
    size_t stride, pixels, channels, columns;
    double *partials;
    size_t partial_stride;
} outer_job;

static size_t outer_partial(size_t channels, size_t columns) { return 16 * hsi_chunk_count(channels) * columns; }

size_t hsi_outer_scratch_size(size_t pixels, size_t channels, size_t columns) {
    return hsi_block_count(pixels) * outer_partial(channels, columns);
}

static void outer_item(void *context, int index) {
    const outer_job *job = context;
    size_t block = hsi_pixels_per_block(job->pixels);
    size_t first = (size_t)index * block, end = minimum(first + block, job->pixels);
    double *sums = job->partials + (size_t)index * job->partial_stride;
    memset(sums, 0, job->partial_stride * sizeof(double));
    float wide[16 * HSI_SUBBLOCK];
    for (size_t n = first; n < end; n += HSI_SUBBLOCK) {
        size_t count = minimum(HSI_SUBBLOCK, end - n);
        const float *rows = job->scene + n * job->stride;
        size_t stride = job->stride;
        if (job->channels < 16) {
            hsi_widen_rows(rows, stride, count, job->channels, wide);
            rows = wide;
            stride = 16;
        }
        job->table->outer(rows, stride, count, hsi_padded_channels(job->channels), job->a + n * job->columns,
                          job->columns, job->columns, sums);
    }
}

void hsi_outer(const float *scene, size_t stride, size_t pixels, size_t channels, const float *a, size_t columns,
               double *sums, double *scratch) {
    size_t blocks = hsi_block_count(pixels), partial = outer_partial(channels, columns);
    outer_job job = {HSI_SELECT(products), scene, a, stride, pixels, channels, columns, scratch, partial};
    hsi_pool_run((int)blocks, outer_item, &job);
    hsi_combine_packed(scratch, blocks, partial, channels, columns, sums);
}

// MARK: - Gram

static size_t gram_padded(size_t columns) { return (columns + 7) / 8 * 8; }

/// Sums of one block, and its rows in fp64.
static size_t gram_partial(size_t columns) {
    size_t padded = gram_padded(columns);
    return padded * padded + HSI_SUBBLOCK * padded;
}

/// Pixels per pool item: fewer items than elsewhere where their sums would take more than 6 MiB, but at least 8.
static size_t gram_block(size_t pixels, size_t columns) {
    size_t most = ((size_t)6 << 20) / sizeof(double) / gram_partial(columns);
    if (most < 8) most = 8;
    size_t wanted = ((pixels + most - 1) / most + HSI_SUBBLOCK - 1) / HSI_SUBBLOCK * HSI_SUBBLOCK;
    size_t usual = hsi_pixels_per_block(pixels);
    return wanted > usual ? wanted : usual;
}

static size_t gram_blocks(size_t pixels, size_t columns) {
    size_t block = gram_block(pixels, columns);
    return (pixels + block - 1) / block;
}

size_t hsi_gram_scratch_size(size_t pixels, size_t columns) {
    return gram_blocks(pixels, columns) * gram_partial(columns);
}

static void gram_item(void *context, int index) {
    const outer_job *job = context;
    size_t block = gram_block(job->pixels, job->columns), padded = gram_padded(job->columns);
    size_t first = (size_t)index * block, end = minimum(first + block, job->pixels);
    double *sums = job->partials + (size_t)index * job->partial_stride, *wide = sums + padded * padded;
    memset(sums, 0, padded * padded * sizeof(double));
    for (size_t n = first; n < end; n += HSI_SUBBLOCK)
        job->table->gram(job->a + n * job->stride, job->stride, minimum(HSI_SUBBLOCK, end - n), job->columns, sums,
                         padded, wide);
}

void hsi_gram(const float *a, size_t stride, size_t pixels, size_t columns, double *gram, double *scratch) {
    size_t blocks = gram_blocks(pixels, columns), padded = gram_padded(columns);
    size_t partial = gram_partial(columns);
    outer_job job = {HSI_SELECT(products), NULL, a, stride, pixels, 0, columns, scratch, partial};
    hsi_pool_run((int)blocks, gram_item, &job);
    for (size_t i = 0; i < columns; i++)
        for (size_t j = i; j < columns; j++) {
            double total = 0;
            for (size_t b = 0; b < blocks; b++) total += scratch[b * partial + i * padded + j];
            gram[i * columns + j] = gram[j * columns + i] = total;
        }
}

// MARK: - Channel sums

typedef struct {
    const products_table *table;
    const float *scene;
    size_t stride, pixels, channels;
    const double *shift;
    double *partials;
} channel_sums_job;

size_t hsi_channel_sums_scratch_size(size_t pixels, size_t channels) { return hsi_block_count(pixels) * 2 * channels; }

static void channel_sums_item(void *context, int index) {
    const channel_sums_job *job = context;
    size_t block = hsi_pixels_per_block(job->pixels);
    size_t first = (size_t)index * block, end = minimum(first + block, job->pixels);
    double *sums = job->partials + (size_t)index * 2 * job->channels, *squares = sums + job->channels;
    memset(sums, 0, 2 * job->channels * sizeof(double));
    for (size_t n = first; n < end; n += HSI_SUBBLOCK)
        job->table->channel_sums(job->scene + n * job->stride, job->stride, minimum(HSI_SUBBLOCK, end - n),
                                 job->channels, job->shift, sums, squares);
}

void hsi_channel_sums(const float *scene, size_t stride, size_t pixels, size_t channels, const double *shift,
                      double *sums, double *squares, double *scratch) {
    size_t blocks = hsi_block_count(pixels);
    channel_sums_job job = {HSI_SELECT(products), scene, stride, pixels, channels, shift, scratch};
    hsi_pool_run((int)blocks, channel_sums_item, &job);
    for (size_t l = 0; l < channels; l++) {
        double sum = 0, square = 0;
        for (size_t b = 0; b < blocks; b++) {
            sum += scratch[b * 2 * channels + l];
            square += scratch[b * 2 * channels + channels + l];
        }
        if (sums) sums[l] = sum;
        if (squares) squares[l] = square;
    }
}

// MARK: - Centring

void hsi_centre(const float *scene, size_t pixels, size_t channels, const float *shift, float *centred, float *sums,
                float *minimum, float *maximum) {
    for (size_t l = 0; l < channels; l++) {
        sums[l] = 0;
        minimum[l] = INFINITY;
        maximum[l] = -INFINITY;
    }
    HSI_SELECT(products)->centre(scene, pixels, channels, shift, centred, sums, minimum, maximum);
}

// MARK: - Pixel norms

typedef struct {
    const products_table *table;
    const float *scene;
    size_t stride, pixels, channels;
    const double *weights;
    double *out;
} norms_job;

static void norms_item(void *context, int index) {
    const norms_job *job = context;
    size_t first = (size_t)index * PIXELS_PER_ITEM, end = minimum(first + PIXELS_PER_ITEM, job->pixels);
    job->table->pixel_norms(job->scene + first * job->stride, job->stride, end - first, job->channels, job->weights,
                            job->out + first);
}

void hsi_pixel_norms(const float *scene, size_t stride, size_t pixels, size_t channels, const double *weights,
                     double *out) {
    norms_job job = {HSI_SELECT(products), scene, stride, pixels, channels, weights, out};
    hsi_pool_run(item_count(pixels), norms_item, &job);
}

// MARK: - Gemm

size_t hsi_gemm_packed_size(size_t depth, size_t columns) { return (columns + 15) / 16 * 16 * depth; }

void hsi_gemm_pack(const float *b, size_t ldb, size_t depth, size_t columns, float *packed) {
    for (size_t j = 0; j < columns; j += 32) {
        size_t left = columns - j, width = left > 16 ? 32 : 16;
        float *panel = packed + j * depth;
        for (size_t k = 0; k < depth; k++)
            for (size_t i = 0; i < width; i++) panel[k * width + i] = i < left ? b[k * ldb + j + i] : 0.0f;
    }
}

typedef struct {
    const products_table *table;
    const float *a, *packed;
    float *c;
    size_t lda, ldc, rows, columns, depth, rows_per_item;
    int accumulate;
} gemm_job;

static void gemm_item(void *context, int index) {
    const gemm_job *job = context;
    size_t first = (size_t)index * job->rows_per_item, end = minimum(first + job->rows_per_item, job->rows);
    job->table->gemm(job->a + first * job->lda, job->lda, job->packed, job->c + first * job->ldc, job->ldc,
                     end - first, job->columns, job->depth, job->accumulate);
}

void hsi_gemm(const float *a, size_t lda, const float *packed, float *c, size_t ldc, size_t rows, size_t columns,
              size_t depth, int accumulate) {
    if (rows == 0 || columns == 0) return;
    // About 4 Mflop (some 40 us) per item, a multiple of the 12-row tile; the rows of A of one item fit the cache.
    size_t per_item = (size_t)2000000 / (columns * (depth ? depth : 1));
    per_item = per_item < 12 ? 12 : per_item > 1536 ? 1536 : per_item / 12 * 12;
    gemm_job job = {HSI_SELECT(products), a, packed, c, lda, ldc, rows, columns, depth, per_item, accumulate};
    hsi_pool_run((int)((rows + per_item - 1) / per_item), gemm_item, &job);
}

// MARK: - Searches

typedef struct {
    const products_table *table;
    const float *scene, *rows;
    const double *rows_f64, *vector;
    double *residual;
    size_t stride, pixels, channels;
    double best[MAX_BLOCKS];
    size_t where[MAX_BLOCKS];
} search_job;

static void projection_search_item(void *context, int index) {
    search_job *job = context;
    size_t block = hsi_pixels_per_block(job->pixels), columns = job->channels;
    size_t first = (size_t)index * block, end = minimum(first + block, job->pixels);
    double best = -1;
    size_t where = first;
    for (size_t n = first; n < end; n++) {
        double total = 0;
        if (job->rows)
            for (size_t k = 0; k < columns; k++) total += (double)job->rows[n * columns + k] * job->vector[k];
        else
            for (size_t k = 0; k < columns; k++) total += job->rows_f64[n * columns + k] * job->vector[k];
        double size = fabs(total);
        if (size > best) {
            best = size;
            where = n;
        }
    }
    job->best[index] = best;
    job->where[index] = where;
}

static size_t best_of_blocks(const search_job *job, size_t blocks) {
    size_t winner = 0;
    for (size_t b = 1; b < blocks; b++)
        if (job->best[b] > job->best[winner]) winner = b;
    return job->where[winner];
}

static size_t projection_search(search_job *job, double *value) {
    size_t blocks = hsi_block_count(job->pixels);
    hsi_pool_run((int)blocks, projection_search_item, job);
    size_t n = best_of_blocks(job, blocks), columns = job->channels;
    if (value) {
        *value = 0;
        for (size_t k = 0; k < columns; k++)
            *value += (job->rows ? (double)job->rows[n * columns + k] : job->rows_f64[n * columns + k]) * job->vector[k];
    }
    return n;
}

size_t hsi_argmax_abs_projection(const float *p, size_t pixels, size_t columns, const double *f, double *value) {
    search_job job = {.rows = p, .vector = f, .pixels = pixels, .channels = columns};
    return projection_search(&job, value);
}

size_t hsi_argmax_abs_projection_f64(const double *p, size_t pixels, size_t columns, const double *f, double *value) {
    search_job job = {.rows_f64 = p, .vector = f, .pixels = pixels, .channels = columns};
    return projection_search(&job, value);
}

static void deflate_item(void *context, int index) {
    search_job *job = context;
    size_t block = hsi_pixels_per_block(job->pixels);
    size_t first = (size_t)index * block, end = minimum(first + block, job->pixels);
    if (job->vector)
        job->table->deflate(job->scene + first * job->stride, job->stride, end - first, job->channels, job->vector,
                            job->residual + first);
    double best = -1;
    size_t where = first;
    for (size_t n = first; n < end; n++)
        if (job->residual[n] > best) {
            best = job->residual[n];
            where = n;
        }
    job->best[index] = best;
    job->where[index] = where;
}

size_t hsi_deflate_and_argmax(const float *scene, size_t stride, size_t pixels, size_t channels, const double *q,
                              double *residual) {
    search_job job = {.table = HSI_SELECT(products), .scene = scene, .vector = q, .residual = residual,
                      .stride = stride, .pixels = pixels, .channels = channels};
    size_t blocks = hsi_block_count(pixels);
    hsi_pool_run((int)blocks, deflate_item, &job);
    return best_of_blocks(&job, blocks);
}
