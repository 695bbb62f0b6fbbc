// Layer normalisation and softmax: drivers over the pool. See include/hsi_nn_rows.h.
#include "hsi_nn_rows.h"

#include "hsi_pool.h"
#include "partials.h"

typedef struct {
    const float *x, *dy, *residual, *gamma, *beta, *statistics_in;
    float *y, *sum, *statistics, *partials;
    size_t rows, channels, per_item;
    float epsilon, scale;
} rows_job;

typedef void (*rows_function)(const rows_job *, size_t first, size_t end, float *gradients);

typedef struct {
    rows_function norm, norm_backward, softmax, softmax_backward;
} rows_table;

#define HSI_BODY "rows_body.h"
#include "instantiate.h"

typedef struct {
    rows_job job;
    rows_function function;
} rows_run;

static void rows_item(void *context, int index) {
    const rows_run *run = context;
    size_t first = (size_t)index * run->job.per_item, end = first + run->job.per_item;
    if (end > run->job.rows) end = run->job.rows;
    float *gradients = run->job.partials;
    if (gradients) {
        gradients += (size_t)index * 4 * run->job.channels;
        memset(gradients, 0, 4 * run->job.channels * sizeof(float));
    }
    run->function(&run->job, first, end, gradients);
}

static void run_rows(rows_job job, rows_function function) {
    if (job.rows == 0 || job.channels == 0) return;
    if (!job.per_item) job.per_item = 16384 / job.channels + 1;
    rows_run run = {job, function};
    hsi_pool_run((int)((job.rows + job.per_item - 1) / job.per_item), rows_item, &run);
}

void hsi_layer_norm_forward(const float *x, const float *residual, size_t rows, size_t channels, const float *gamma,
                            const float *beta, float epsilon, float *sum, float *y, float *statistics) {
    run_rows((rows_job){.x = x, .residual = residual, .gamma = gamma, .beta = beta, .y = y, .sum = sum,
                        .statistics = statistics, .rows = rows, .channels = channels, .epsilon = epsilon},
             HSI_SELECT(rows)->norm);
}

/// Item sums of dgamma and dbeta, after those of one block of rows.
size_t hsi_layer_norm_backward_scratch_size(size_t rows, size_t channels) {
    return hsi_block_count(rows) * 4 * channels;
}

void hsi_layer_norm_backward(const float *x, const float *dy, const float *statistics, size_t rows, size_t channels,
                             const float *gamma, const float *add, float *dx, float *dgamma, float *dbeta,
                             float *scratch) {
    rows_job job = {.x = x, .dy = dy, .residual = add, .gamma = gamma, .statistics_in = statistics, .y = dx,
                    .partials = dgamma ? scratch : NULL, .rows = rows, .channels = channels,
                    .per_item = hsi_pixels_per_block(rows)};
    run_rows(job, HSI_SELECT(rows)->norm_backward);
    if (!dgamma || rows == 0) return;
    size_t pieces = hsi_block_count(rows), stride = 4 * channels;
    hsi_add_partials(scratch + 2 * channels, pieces, stride, 1, 0, channels, dgamma, 0, 1);
    hsi_add_partials(scratch + 3 * channels, pieces, stride, 1, 0, channels, dbeta, 0, 1);
}

void hsi_softmax_forward(const float *x, size_t rows, size_t columns, float scale, float *y) {
    run_rows((rows_job){.x = x, .y = y, .rows = rows, .channels = columns, .scale = scale}, HSI_SELECT(rows)->softmax);
}

void hsi_softmax_backward(const float *y, const float *dy, size_t rows, size_t columns, float scale, float *dx) {
    run_rows((rows_job){.x = y, .dy = dy, .y = dx, .rows = rows, .channels = columns, .scale = scale},
             HSI_SELECT(rows)->softmax_backward);
}
