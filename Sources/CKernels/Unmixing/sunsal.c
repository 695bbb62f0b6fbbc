// SUnSAL: preparation in fp64 and the driver over blocks of pixels. See include/hsi_sunsal.h.
#include "hsi_sunsal.h"

#include <math.h>
#include <stdatomic.h>

#include "hsi_pool.h"
#include "simd_types.h"

typedef struct {
    hsi_sunsal_job *job;
    float threshold, relaxation;
    const float *packed;          // mu F in panels of 8 rows, [panel][column][8]
    const double *inverse, *bias; // F row-major, constant part
    float primal_limit, dual_limit; // squared norms
    float *scratch;
    atomic_int iterations;
    _Atomic int64_t unconverged;
} sunsal_plan;

/// Working arrays of one block, each [atom][32].
typedef struct {
    float *constant, *u, *v, *right, *next_right, *weights;
} sunsal_block;

typedef struct {
    int iterations;
    size_t unconverged;
} sunsal_outcome;

typedef struct {
    void (*constant)(const double *, const double *, size_t, const double *, float *);
    void (*run)(const sunsal_plan *, const sunsal_block *, size_t, float *, sunsal_outcome *);
} sunsal_table;

#define HSI_BODY "sunsal_body.h"
#include "instantiate.h"

enum { BLOCK = 32, ARRAYS = 8 }; // six fp32 arrays and one fp64

// MARK: - Preparation

static size_t padded_atoms(size_t atoms) { return (atoms + 7) / 8 * 8; }

// System: F (atoms^2 doubles), bias (atoms doubles), mu F packed in fp32.
size_t hsi_sunsal_system_size(size_t atoms) { return atoms * atoms + atoms + (padded_atoms(atoms) * atoms + 1) / 2; }

size_t hsi_sunsal_prepare_scratch_size(size_t atoms) { return atoms * atoms + atoms; }

double hsi_sunsal_default_mu(const double *gram, size_t atoms) {
    double trace = 0;
    for (size_t i = 0; i < atoms; i++) trace += gram[i * atoms + i];
    double mu = 0.02 * trace / (double)(atoms ? atoms : 1);
    return mu > 0 ? mu : 1;
}

int hsi_sunsal_prepare(const double *gram, size_t atoms, double mu, int sum_to_one, double *system, double *scratch) {
    const size_t m = atoms;
    double *factor = scratch, *inverse = system, *bias = system + m * m, *row_sums = scratch + m * m;
    float *packed = (float *)(system + m * m + m);
    // Cholesky of G + mu I, lower.
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = gram[i * m + j] + (i == j ? mu : 0);
            for (size_t k = 0; k < j; k++) sum -= factor[i * m + k] * factor[j * m + k];
            if (i == j) {
                if (!(sum > 0)) return -1;
                factor[i * m + i] = sqrt(sum);
            } else {
                factor[i * m + j] = sum / factor[j * m + j];
            }
        }
    // Columns of the inverse; row c of `inverse` by symmetry.
    for (size_t c = 0; c < m; c++) {
        double *x = inverse + c * m;
        for (size_t i = 0; i < m; i++) {
            double sum = i == c ? 1 : 0;
            for (size_t k = c; k < i; k++) sum -= factor[i * m + k] * x[k];
            x[i] = i < c ? 0 : sum / factor[i * m + i];
        }
        for (size_t i = m; i-- > 0;) {
            double sum = x[i];
            for (size_t k = i + 1; k < m; k++) sum -= factor[k * m + i] * x[k];
            x[i] = sum / factor[i * m + i];
        }
    }
    double total = 0;
    for (size_t i = 0; i < m; i++) {
        row_sums[i] = 0;
        for (size_t j = 0; j < m; j++) row_sums[i] += inverse[i * m + j];
        total += row_sums[i];
    }
    for (size_t i = 0; i < m; i++) bias[i] = sum_to_one ? row_sums[i] / total : 0.0;
    if (sum_to_one)
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < m; j++) inverse[i * m + j] -= row_sums[i] * row_sums[j] / total;
    for (size_t i = 0; i < padded_atoms(m); i++)
        for (size_t j = 0; j < m; j++)
            packed[i / 8 * 8 * m + 8 * j + i % 8] = i < m ? (float)(mu * inverse[i * m + j]) : 0.0f;
    return 0;
}

// MARK: - Driver

size_t hsi_sunsal_scratch_size(size_t atoms, int threads) { return (size_t)threads * ARRAYS * BLOCK * atoms; }

static void to_planar(const float *rows, size_t count, size_t atoms, float fill, float *planar) {
    for (size_t i = 0; i < atoms; i++)
        for (size_t n = 0; n < BLOCK; n++) planar[BLOCK * i + n] = n < count ? rows[n * atoms + i] : fill;
}

static void sunsal_item(void *context, int index) {
    sunsal_plan *plan = context;
    const hsi_sunsal_job *job = plan->job;
    size_t atoms = job->atoms, first = (size_t)index * BLOCK;
    size_t count = job->pixels - first < BLOCK ? job->pixels - first : BLOCK;
    float *scratch = plan->scratch + (size_t)hsi_pool_thread_index() * ARRAYS * BLOCK * atoms;
    size_t step = BLOCK * atoms;
    sunsal_block block = {scratch, scratch + step, scratch + 2 * step, scratch + 3 * step, scratch + 4 * step, NULL};
    double *products = (double *)(scratch + 6 * step);
    for (size_t i = 0; i < atoms; i++)
        for (size_t n = 0; n < BLOCK; n++) {
            size_t place = (first + (n < count ? n : 0)) * atoms + i;
            products[BLOCK * i + n] = job->products ? (double)job->products[place] : job->products_f64[place];
        }
    const sunsal_table *table = HSI_SELECT(sunsal_functions);
    table->constant(plan->inverse, plan->bias, atoms, products, block.constant);
    if (job->weights) {
        block.weights = scratch + 5 * step;
        to_planar(job->weights + first * atoms, count, atoms, 1, block.weights);
    }
    memset(block.u, 0, step * sizeof(float));
    memset(block.v, 0, step * sizeof(float));
    memset(block.right, 0, step * sizeof(float));
    sunsal_outcome outcome;
    table->run(plan, &block, count, job->x + first * atoms, &outcome);
    int seen = atomic_load(&plan->iterations);
    while (outcome.iterations > seen && !atomic_compare_exchange_weak(&plan->iterations, &seen, outcome.iterations)) {}
    if (outcome.unconverged) atomic_fetch_add(&plan->unconverged, (int64_t)outcome.unconverged);
}

void hsi_sunsal_solve(hsi_sunsal_job *job, float *scratch, int threads) {
    double limit = job->tolerance * job->tolerance * (double)job->atoms;
    sunsal_plan plan = {.job = job, .threshold = (float)(job->lambda / job->mu),
                        .relaxation = job->relaxation > 0 ? (float)job->relaxation : 1.0f,
                        .primal_limit = (float)limit, .dual_limit = (float)(limit / (job->mu * job->mu)),
                        .scratch = scratch, .inverse = job->system, .bias = job->system + job->atoms * job->atoms,
                        .packed = (const float *)(job->system + job->atoms * job->atoms + job->atoms)};
    hsi_pool_run_on(threads, (int)((job->pixels + BLOCK - 1) / BLOCK), sunsal_item, &plan);
    job->iterations = atomic_load(&plan.iterations);
    job->unconverged = atomic_load(&plan.unconverged);
}
