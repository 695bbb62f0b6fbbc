// Elementwise kernels: drivers over the pool. See include/hsi_nn_elementwise.h.
#include "hsi_nn_elementwise.h"

#include <math.h>

#include "hsi_pool.h"
#include "simd_types.h"

typedef struct {
    const float *a, *b;
    float *y, *m, *v;
    size_t count, per_item;
    float p[8];   // parameters of the function
    double *sums; // one per item
} elementwise_job;

/// Works on values first..<end, all of the job's arrays alike.
typedef double (*elementwise_function)(const elementwise_job *, size_t first, size_t end);

enum {
    ADD, MULTIPLY, SCALE, AXPY, FORWARD, BACKWARD = FORWARD + 8, SQUARES = BACKWARD + 8, SQUARED_ERROR, ABSOLUTE_ERROR,
    ADAM, SGD, SILU_PRODUCT, GATED_SUM, FUNCTIONS,
    KINDS = 8,
    BLOCK = 16384 // values per item of cheap functions
};

#define HSI_BODY "elementwise_body.h"
#include "instantiate.h"

typedef struct {
    elementwise_job job;
    elementwise_function function;
} elementwise_run;

static void elementwise_item(void *context, int index) {
    const elementwise_run *run = context;
    size_t first = (size_t)index * run->job.per_item, end = first + run->job.per_item;
    if (end > run->job.count) end = run->job.count;
    double sum = run->function(&run->job, first, end);
    if (run->job.sums) run->job.sums[index] = sum;
}

/// At most some 256 items, of a size fixed by count.
static size_t values_per_item(size_t count) {
    size_t block = (count / 256 + BLOCK - 1) / BLOCK * BLOCK;
    return block < BLOCK ? BLOCK : block;
}
static size_t items_of(size_t count) {
    size_t per_item = values_per_item(count);
    return (count + per_item - 1) / per_item;
}

static double run(int which, elementwise_job job) {
    if (job.count == 0) return 0;
    job.per_item = values_per_item(job.count);
    elementwise_run run = {job, (*HSI_SELECT(elementwise))[which]};
    size_t items = items_of(job.count);
    hsi_pool_run((int)items, elementwise_item, &run);
    double total = 0;
    if (job.sums)
        for (size_t i = 0; i < items; i++) total += job.sums[i];
    return total;
}

void hsi_add(const float *a, const float *b, size_t count, float *y) {
    run(ADD, (elementwise_job){.a = a, .b = b, .y = y, .count = count});
}
void hsi_multiply(const float *a, const float *b, size_t count, float *y) {
    run(MULTIPLY, (elementwise_job){.a = a, .b = b, .y = y, .count = count});
}
void hsi_silu_product(const float *a, const float *b, size_t count, float *y) {
    run(SILU_PRODUCT, (elementwise_job){.a = a, .b = b, .y = y, .count = count});
}
void hsi_gated_sum(const float *logits, const float *x, const float *addend, size_t count, float *y) {
    run(GATED_SUM, (elementwise_job){.a = logits, .b = x, .y = y, .m = (float *)(uintptr_t)addend, .count = count});
}
void hsi_scale(const float *x, size_t count, float scale, float shift, float *y) {
    run(SCALE, (elementwise_job){.a = x, .y = y, .count = count, .p = {scale, shift}});
}
void hsi_axpy(const float *x, size_t count, float scale, float *y) {
    run(AXPY, (elementwise_job){.a = x, .y = y, .count = count, .p = {scale}});
}

int hsi_activation_forward(int kind, const float *x, size_t count, float slope, float *y) {
    if (kind < 0 || kind >= KINDS) return -1;
    run(FORWARD + kind, (elementwise_job){.a = x, .y = y, .count = count, .p = {slope}});
    return 0;
}
int hsi_activation_backward(int kind, const float *known, const float *dy, size_t count, float slope, float *dx) {
    if (kind < 0 || kind >= KINDS) return -1;
    run(BACKWARD + kind, (elementwise_job){.a = known, .b = dy, .y = dx, .count = count, .p = {slope}});
    return 0;
}

size_t hsi_sum_scratch_size(size_t count) { return 2 * items_of(count); }

double hsi_sum_of_squares(const float *x, size_t count, float *scratch) {
    return run(SQUARES, (elementwise_job){.a = x, .count = count, .sums = (double *)scratch});
}
double hsi_squared_error(const float *x, const float *target, size_t count, float scale, float *dx, float *scratch) {
    return run(SQUARED_ERROR, (elementwise_job){.a = x, .b = target, .y = dx, .count = count, .p = {2 * scale},
                                                .sums = (double *)scratch});
}
double hsi_absolute_error(const float *x, const float *target, size_t count, float scale, float *dx, float *scratch) {
    return run(ABSOLUTE_ERROR, (elementwise_job){.a = x, .b = target, .y = dx, .count = count, .p = {scale},
                                                 .sums = (double *)scratch});
}

void hsi_adam_step(const hsi_adam *s, float *weights, const float *gradient, size_t count, float *m, float *v) {
    double correction1 = 1 - pow(s->beta1, (double)s->step), correction2 = 1 - pow(s->beta2, (double)s->step);
    run(ADAM, (elementwise_job){
                  .a = gradient, .y = weights, .m = m, .v = v, .count = count,
                  .p = {(float)s->beta1, (float)(1 - s->beta1), (float)s->beta2, (float)(1 - s->beta2),
                        (float)(s->learning_rate / correction1), (float)(1 / sqrt(correction2)), (float)s->epsilon,
                        (float)s->gradient_scale},
                  .b = (const float[]){s->decoupled ? 0.0f : (float)s->weight_decay,
                                       s->decoupled ? (float)(1 - s->learning_rate * s->weight_decay) : 1.0f}});
}

void hsi_sgd_step(double learning_rate, double momentum, double weight_decay, double gradient_scale, int nesterov,
                  float *weights, const float *gradient, size_t count, float *velocity) {
    run(SGD, (elementwise_job){.a = gradient, .y = weights, .v = velocity, .count = count,
                               .p = {(float)learning_rate, (float)momentum, (float)weight_decay, (float)gradient_scale,
                                     nesterov ? 1.0f : 0.0f}});
}
