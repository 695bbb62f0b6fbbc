// Sums of the partial results of pool items, in the order of the items. Private.
#ifndef HSI_NN_PARTIALS_H
#define HSI_NN_PARTIALS_H

#include "hsi_pool.h"
#include "simd_types.h"

typedef struct {
    const float *partials;
    size_t pieces, stride, count, lanes, columns;
    float *target;
    size_t row_step, column_step;
} hsi_partials_job;

/// One row: target[row_step * i + column_step * j] += sum over pieces, in fp64.
static void hsi_add_partials_row(void *context, int index) {
    const hsi_partials_job *job = context;
    const float *row = job->partials + (size_t)index * job->lanes;
    float *target = job->target + (size_t)index * job->row_step;
    double sums[64];
    for (size_t j = 0; j < job->columns; j += 64) {
        size_t width = job->columns - j < 64 ? job->columns - j : 64;
        for (size_t k = 0; k < width; k++) sums[k] = 0;
        for (size_t b = 0; b < job->pieces; b++) {
            const float *source = row + b * job->stride + j;
            for (size_t k = 0; k < width; k++) sums[k] += source[k];
        }
        for (size_t k = 0; k < width; k++) target[(j + k) * job->column_step] += (float)sums[k];
    }
}

/// Adds `pieces` matrices of count rows (row stride lanes, `stride` floats apart) into a matrix of any order.
static inline void hsi_add_partials(const float *partials, size_t pieces, size_t stride, size_t count, size_t lanes,
                                    size_t columns, float *target, size_t row_step, size_t column_step) {
    hsi_partials_job job = {partials, pieces, stride, count, lanes, columns, target, row_step, column_step};
    if (pieces * count * columns < 100000)
        for (size_t i = 0; i < count; i++) hsi_add_partials_row(&job, (int)i);
    else hsi_pool_run((int)count, hsi_add_partials_row, &job);
}

#endif
