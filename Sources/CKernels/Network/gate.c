// Gated activations: drivers over the pool. See include/hsi_nn_gate.h.
#include "hsi_nn_gate.h"

#include "hsi_pool.h"
#include "simd_types.h"

typedef struct {
    const float *x, *dy; // dy null: forward
    float *y;            // or dx
    size_t rows, width, per_item;
    size_t gate, value; // where the halves begin in a row
} gate_job;

typedef void (*gate_function)(const gate_job *, size_t first, size_t end);

#define HSI_BODY "gate_body.h"
#include "instantiate.h"

typedef struct {
    gate_job job;
    gate_function function;
} gate_run;

static void gate_item(void *context, int index) {
    const gate_run *run = context;
    size_t first = (size_t)index * run->job.per_item, end = first + run->job.per_item;
    run->function(&run->job, first, end < run->job.rows ? end : run->job.rows);
}

static void run(gate_job job, int gate_first) {
    if (job.rows == 0 || job.width == 0) return;
    job.gate = gate_first ? 0 : job.width;
    job.value = job.width - job.gate;
    job.per_item = 8192 / job.width + 1;
    gate_run run = {job, *HSI_SELECT(gate)};
    hsi_pool_run((int)((job.rows + job.per_item - 1) / job.per_item), gate_item, &run);
}

void hsi_gelu_gate_forward(const float *x, size_t rows, size_t width, int gate_first, float *y) {
    run((gate_job){.x = x, .y = y, .rows = rows, .width = width}, gate_first);
}

void hsi_gelu_gate_backward(const float *x, const float *dy, size_t rows, size_t width, int gate_first, float *dx) {
    run((gate_job){.x = x, .dy = dy, .y = dx, .rows = rows, .width = width}, gate_first);
}
