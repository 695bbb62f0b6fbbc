// Chosen columns of rows: bound by memory, one value at a time. See include/hsi_nn_channels.h.
#include "hsi_nn_channels.h"

#include "hsi_pool.h"

typedef struct {
    const float *x;
    float *y;
    const int32_t *columns;
    size_t rows, width, count, per_item;
} channels_job;

static void gather_item(void *context, int index) {
    const channels_job *job = context;
    size_t first = (size_t)index * job->per_item, end = first + job->per_item;
    if (end > job->rows) end = job->rows;
    for (size_t n = first; n < end; n++) {
        const float *x = job->x + n * job->width;
        float *y = job->y + n * job->count;
        for (size_t j = 0; j < job->count; j++) y[j] = x[job->columns[j]];
    }
}

static void scatter_item(void *context, int index) {
    const channels_job *job = context;
    size_t first = (size_t)index * job->per_item, end = first + job->per_item;
    if (end > job->rows) end = job->rows;
    for (size_t n = first; n < end; n++) {
        const float *x = job->x + n * job->count;
        float *y = job->y + n * job->width;
        for (size_t j = 0; j < job->count; j++) y[job->columns[j]] += x[j];
    }
}

static void run(channels_job job, hsi_pool_function item) {
    if (job.rows == 0 || job.count == 0) return;
    job.per_item = 16384 / job.count + 1;
    hsi_pool_run((int)((job.rows + job.per_item - 1) / job.per_item), item, &job);
}

void hsi_gather_columns(const float *x, size_t rows, size_t width, const int32_t *columns, size_t count, float *y) {
    run((channels_job){.x = x, .y = y, .columns = columns, .rows = rows, .width = width, .count = count}, gather_item);
}

void hsi_scatter_columns(const float *x, size_t rows, size_t width, const int32_t *columns, size_t count, float *y) {
    run((channels_job){.x = x, .y = y, .columns = columns, .rows = rows, .width = width, .count = count}, scatter_item);
}
