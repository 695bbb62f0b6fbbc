// Entropic descent. See include/hsi_entropic.h. Time goes into exp of the C library: no vectors needed.
#include "hsi_entropic.h"

#include <math.h>

#include "hsi_pool.h"

enum { ENTROPIC_BLOCK = 1024, ENTROPIC_COLUMNS = 64 };

typedef struct {
    double *a;
    const double *c, *gram, *eta;
    size_t pixels, columns;
    int steps;
    double *sums;
} entropic_plan;

static size_t block_end(size_t first, size_t pixels) { return first + ENTROPIC_BLOCK < pixels ? first + ENTROPIC_BLOCK : pixels; }

static void rows_item(void *context, int index) {
    const entropic_plan *plan = context;
    const size_t k = plan->columns, first = (size_t)index * ENTROPIC_BLOCK, end = block_end(first, plan->pixels);
    for (size_t n = first; n < end; n++) {
        double *a = plan->a + n * k;
        const double *c = plan->c + n * k;
        for (int step = 0; step < plan->steps; step++) {
            double gradient[ENTROPIC_COLUMNS], largest = -INFINITY, sum = 0;
            for (size_t i = 0; i < k; i++) {
                gradient[i] = c[i];
                for (size_t j = 0; j < k; j++) gradient[i] -= plan->gram[i * k + j] * a[j];
                gradient[i] *= plan->eta[0];
                if (gradient[i] > largest) largest = gradient[i];
            }
            for (size_t i = 0; i < k; i++) sum += a[i] *= exp(gradient[i] - largest);
            for (size_t i = 0; i < k; i++) a[i] /= sum;
        }
    }
}

void hsi_entropic_rows(double *a, const double *c, size_t pixels, size_t columns, const double *gram, double eta, int steps) {
    if (columns == 0 || columns > ENTROPIC_COLUMNS) return;
    entropic_plan plan = {a, c, gram, &eta, pixels, columns, steps, 0};
    hsi_pool_run((int)((pixels + ENTROPIC_BLOCK - 1) / ENTROPIC_BLOCK), rows_item, &plan);
}

size_t hsi_entropic_columns_scratch_size(size_t pixels, size_t columns) {
    return ((pixels + ENTROPIC_BLOCK - 1) / ENTROPIC_BLOCK + 1) * columns;
}

static void grow_item(void *context, int index) {
    const entropic_plan *plan = context;
    const size_t k = plan->columns, first = (size_t)index * ENTROPIC_BLOCK, end = block_end(first, plan->pixels);
    double *sums = plan->sums + ((size_t)index + 1) * k;
    for (size_t i = 0; i < k; i++) sums[i] = 0;
    for (size_t n = first; n < end; n++)
        for (size_t i = 0; i < k; i++) sums[i] += plan->a[n * k + i] *= exp(plan->eta[i] * plan->c[n * k + i]);
}

static void divide_item(void *context, int index) {
    const entropic_plan *plan = context;
    const size_t k = plan->columns, first = (size_t)index * ENTROPIC_BLOCK, end = block_end(first, plan->pixels);
    for (size_t n = first; n < end; n++)
        for (size_t i = 0; i < k; i++) plan->a[n * k + i] /= plan->sums[i];
}

void hsi_entropic_columns(double *b, const double *g, size_t pixels, size_t columns, const double *eta, double *scratch) {
    entropic_plan plan = {b, g, 0, eta, pixels, columns, 0, scratch};
    const int blocks = (int)((pixels + ENTROPIC_BLOCK - 1) / ENTROPIC_BLOCK);
    hsi_pool_run(blocks, grow_item, &plan);
    for (size_t i = 0; i < columns; i++) {
        scratch[i] = 0;
        for (int block = 0; block < blocks; block++) scratch[i] += scratch[((size_t)block + 1) * columns + i];
    }
    hsi_pool_run(blocks, divide_item, &plan);
}
