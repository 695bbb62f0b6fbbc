// Depthwise convolution: drivers over the pool. See include/hsi_nn_depthwise.h.
#include "hsi_nn_depthwise.h"

#include "hsi_pool.h"
#include "partials.h"

typedef struct {
    const float *x, *dy, *packed, *bias;
    float *y, *partials;
    size_t planes, rows, columns, channels, per_item;
    int accumulate;
} depthwise_job;

typedef struct {
    void (*forward)(const depthwise_job *, size_t plane, size_t row);
    void (*gradient)(const depthwise_job *, size_t plane, size_t row, float *sums);
} depthwise_table;

#define HSI_BODY "depthwise_body.h"
#include "instantiate.h"

typedef struct {
    depthwise_job job;
    const depthwise_table *table;
} depthwise_run;

void hsi_depthwise_pack(const float *weights, size_t stride, size_t channels, int mirrored, float *packed) {
    for (size_t t = 0; t < 9; t++)
        for (size_t c = 0; c < channels; c++) packed[t * channels + c] = weights[c * stride + (mirrored ? 8 - t : t)];
}

static void forward_item(void *context, int index) {
    const depthwise_run *run = context;
    size_t first = (size_t)index * run->job.per_item, total = run->job.planes * run->job.rows;
    for (size_t r = first; r < first + run->job.per_item && r < total; r++)
        run->table->forward(&run->job, r / run->job.rows, r % run->job.rows);
}

void hsi_depthwise_forward(const float *x, size_t planes, size_t rows, size_t columns, size_t channels,
                           const float *packed, const float *bias, int accumulate, float *y) {
    if (planes * rows * columns * channels == 0) return;
    depthwise_run run = {{.x = x, .packed = packed, .bias = bias, .y = y, .planes = planes, .rows = rows,
                          .columns = columns, .channels = channels, .per_item = 32768 / (columns * channels) + 1,
                          .accumulate = accumulate},
                         HSI_SELECT(depthwise)};
    hsi_pool_run((int)((planes * rows + run.job.per_item - 1) / run.job.per_item), forward_item, &run);
}

static size_t rows_per_item(size_t lines) { return lines < 512 ? 8 : (lines + 63) / 64; }
static size_t gradient_items(size_t lines) { return (lines + rows_per_item(lines) - 1) / rows_per_item(lines); }

static void gradient_item(void *context, int index) {
    const depthwise_run *run = context;
    size_t first = (size_t)index * run->job.per_item, total = run->job.planes * run->job.rows;
    float *sums = run->job.partials + (size_t)index * 10 * run->job.channels;
    memset(sums, 0, 10 * run->job.channels * sizeof(float));
    for (size_t r = first; r < first + run->job.per_item && r < total; r++)
        run->table->gradient(&run->job, r / run->job.rows, r % run->job.rows, sums);
}

/// Nine taps and the bias per item.
size_t hsi_depthwise_weight_gradient_scratch_size(size_t planes, size_t rows, size_t channels) {
    return gradient_items(planes * rows) * 10 * channels;
}

void hsi_depthwise_weight_gradient(const float *x, const float *dy, size_t planes, size_t rows, size_t columns,
                                   size_t channels, float *dw, float *db, float *scratch) {
    if (planes * rows * columns * channels == 0) return;
    depthwise_run run = {{.x = x, .dy = dy, .partials = scratch, .planes = planes, .rows = rows, .columns = columns,
                          .channels = channels, .per_item = rows_per_item(planes * rows)},
                         HSI_SELECT(depthwise)};
    size_t items = gradient_items(planes * rows);
    hsi_pool_run((int)items, gradient_item, &run);
    hsi_add_partials(scratch, items, 10 * channels, 9, channels, channels, dw, 1, 9);
    if (db) hsi_add_partials(scratch + 9 * channels, items, 10 * channels, 1, 0, channels, db, 0, 1);
}
