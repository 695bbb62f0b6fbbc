// Bilinear resampling: drivers over the pool. See include/hsi_nn_resample.h.
#include "hsi_nn_resample.h"

#include "hsi_pool.h"
#include "simd_types.h"

/// One axis: input coordinate = position * scale, with n inputs and m outputs.
typedef struct {
    size_t inputs, outputs;
    float scale;
    int align_corners;
} resample_axis;

/// Output i is (1 - weight) x[low] + weight x[high].
typedef struct {
    size_t low, high;
    float weight;
} resample_taps;

static inline resample_taps taps_of(const resample_axis *axis, size_t i) {
    float position = axis->align_corners ? axis->scale * (float)i : axis->scale * ((float)i + 0.5f) - 0.5f;
    if (position < 0) position = 0;
    size_t low = (size_t)position;
    if (low > axis->inputs - 1) low = axis->inputs - 1;
    float weight = position - (float)low;
    return (resample_taps){low, low + 1 < axis->inputs ? low + 1 : low, weight > 1 ? 1 : weight};
}

/// Share of input j in output i.
static inline float share_of(const resample_axis *axis, size_t i, size_t j) {
    resample_taps t = taps_of(axis, i);
    return (t.low == j ? 1 - t.weight : 0) + (t.high == j ? t.weight : 0);
}

/// Outputs first..<end include all that input j has a share in.
static inline void range_of(const resample_axis *axis, size_t j, size_t *first, size_t *end) {
    if (axis->scale <= 0) {
        *first = 0;
        *end = axis->outputs;
        return;
    }
    float low = ((float)j - 1.5f) / axis->scale - 2, high = ((float)j + 1.5f) / axis->scale + 3;
    *first = low > 0 ? (size_t)low : 0;
    *end = high < (float)axis->outputs ? (size_t)high : axis->outputs;
    if (j + 1 == axis->inputs) *end = axis->outputs;
}

typedef struct {
    const float *x;
    float *y;
    resample_axis rows, columns;
    size_t channels;
} resample_job;

typedef struct {
    void (*forward)(const resample_job *, size_t plane, size_t row);
    void (*backward)(const resample_job *, size_t plane, size_t row);
} resample_table;

#define HSI_BODY "resample_body.h"
#include "instantiate.h"

typedef struct {
    resample_job job;
    void (*function)(const resample_job *, size_t, size_t);
    size_t rows, total, per_item;
} resample_run;

static void resample_item(void *context, int index) {
    const resample_run *run = context;
    size_t first = (size_t)index * run->per_item, end = first + run->per_item;
    for (size_t i = first; i < end && i < run->total; i++) run->function(&run->job, i / run->rows, i % run->rows);
}

static resample_axis axis_of(size_t inputs, size_t outputs, int align_corners) {
    float scale = align_corners ? (outputs > 1 ? (float)(inputs - 1) / (float)(outputs - 1) : 0)
                                : (float)inputs / (float)outputs;
    return (resample_axis){inputs, outputs, scale, align_corners};
}

static void resample(resample_run *run, size_t planes, size_t row_floats) {
    run->total = planes * run->rows;
    run->per_item = 32768 / (row_floats + 1) + 1;
    if (run->total == 0 || row_floats == 0) return;
    hsi_pool_run((int)((run->total + run->per_item - 1) / run->per_item), resample_item, run);
}

void hsi_resize_bilinear(const float *x, size_t planes, size_t rows, size_t columns, size_t channels, size_t out_rows,
                         size_t out_columns, int align_corners, float *y) {
    resample_run run = {{x, y, axis_of(rows, out_rows, align_corners), axis_of(columns, out_columns, align_corners), channels},
                        HSI_SELECT(resample)->forward, out_rows, 0, 0};
    resample(&run, planes, out_columns * channels);
}

void hsi_resize_bilinear_backward(const float *dy, size_t planes, size_t rows, size_t columns, size_t channels,
                                  size_t out_rows, size_t out_columns, int align_corners, float *dx) {
    resample_run run = {{dy, dx, axis_of(rows, out_rows, align_corners), axis_of(columns, out_columns, align_corners), channels},
                        HSI_SELECT(resample)->backward, rows, 0, 0};
    resample(&run, planes, columns * channels);
}

void hsi_upsample_twice(const float *x, size_t planes, size_t rows, size_t columns, size_t channels, float *y) {
    hsi_resize_bilinear(x, planes, rows, columns, channels, 2 * rows, 2 * columns, 1, y);
}
void hsi_upsample_twice_backward(const float *dy, size_t planes, size_t rows, size_t columns, size_t channels,
                                 float *dx) {
    hsi_resize_bilinear_backward(dy, planes, rows, columns, channels, 2 * rows, 2 * columns, 1, dx);
}
