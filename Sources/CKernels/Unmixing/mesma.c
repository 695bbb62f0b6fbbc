// MESMA: the driver over blocks of pixels. See include/hsi_mesma.h.
#include "hsi_mesma.h"

#include <math.h>

#include "hsi_pool.h"
#include "simd_types.h"

enum { MESMA_BLOCK = 32 };

/// One block of pixels and what has been eliminated so far. Lanes are pixels.
typedef struct {
    const hsi_mesma_job *job;
    size_t first, count;
    const size_t *classes;                           // of the combination, ascending
    double *eliminated[HSI_MESMA_MEMBERS];           // Schur complements, spectra x spectra; [0] is the gram matrix itself
    double *products[HSI_MESMA_MEMBERS];             // [spectrum][32]
    double *inverses;                                // 1 / squared length of the class that is visited last
    size_t chain[HSI_MESMA_MEMBERS];                 // spectra of the model so far
    double ratios[HSI_MESMA_MEMBERS][HSI_MESMA_MEMBERS]; // S[t][u] / S[t][t] of spectra t < u of the chain
    double shares[HSI_MESMA_MEMBERS][MESMA_BLOCK];   // r[t] / S[t][t]
    double rss[HSI_MESMA_MEMBERS + 1][MESMA_BLOCK];  // after so many members
    double best[MESMA_BLOCK];
    double reach;                                    // square of the largest fraction that is allowed
} mesma_block;

typedef struct {
    void (*run)(mesma_block *);
} mesma_table;

/// Whether a spectrum still points anywhere after the elimination of others.
static inline int mesma_depends(double length, double original) { return !(length > 1e-10 * original); }

/// Whether the residual of a model of pixel n is large in too many bands in a row.
static int mesma_has_run(const hsi_mesma_job *job, size_t n, const size_t *chain, const double *fractions) {
    const float *y = job->scene + n * job->bands;
    size_t run = 0;
    for (size_t l = 0; l < job->bands; l++) {
        double residual = (double)y[l];
        for (int t = 0; t < job->members; t++) residual -= fractions[t] * job->library[chain[t] * job->bands + l];
        run = fabs(residual) >= job->residual_limit ? run + 1 : 0;
        if (run >= job->residual_run) return 1;
    }
    return 0;
}

/// Takes the model of the chain for one pixel, unless its residual has a run.
static void mesma_take(mesma_block *block, int lane, double rss, const double *fractions) {
    const hsi_mesma_job *job = block->job;
    size_t n = block->first + lane;
    if (job->residual_run > 0 && mesma_has_run(job, n, block->chain, fractions)) return;
    block->best[lane] = rss;
    for (int t = 0; t < job->members; t++) {
        job->model[n * job->members + t] = (int32_t)block->chain[t];
        job->fractions[n * job->members + t] = fractions[t];
    }
}

#define HSI_BODY "mesma_body.h"
#include "instantiate.h"

static size_t per_thread(size_t spectra, int members) {
    size_t matrices = members > 2 ? (size_t)(members - 2) : 0, levels = members > 1 ? (size_t)(members - 1) : 1;
    return matrices * spectra * spectra + levels * spectra * MESMA_BLOCK + spectra;
}

size_t hsi_mesma_scratch_size(size_t spectra, int members, int threads) {
    return (size_t)threads * per_thread(spectra, members);
}

typedef struct {
    const hsi_mesma_job *job;
    double *scratch;
} mesma_plan;

static void mesma_item(void *context, int index) {
    const mesma_plan *plan = context;
    const hsi_mesma_job *job = plan->job;
    const size_t m = job->spectra;
    const int members = job->members;
    mesma_block block = {.job = job, .first = (size_t)index * MESMA_BLOCK};
    block.count = job->pixels - block.first < MESMA_BLOCK ? job->pixels - block.first : MESMA_BLOCK;
    double low = job->min_fraction * job->min_fraction, high = job->max_fraction * job->max_fraction;
    block.reach = low > high ? low : high;
    int open = 0;
    for (size_t i = 0; i < MESMA_BLOCK; i++) {
        // Lanes without a pixel take no model.
        size_t n = block.first + (i < block.count ? i : 0);
        block.rss[0][i] = job->energy[n];
        block.best[i] = i < block.count ? job->rss[n] : -INFINITY;
        if (i >= block.count) continue;
        open |= job->rss[n] > 0;
        for (int t = 0; t < members; t++) {
            job->model[n * members + t] = -1;
            job->fractions[n * members + t] = 0;
        }
    }
    if (!open) return;
    double *scratch = plan->scratch + (size_t)hsi_pool_thread_index() * per_thread(m, members);
    block.eliminated[0] = (double *)job->gram; // never written
    for (int t = 1; t < members - 1; t++, scratch += m * m) block.eliminated[t] = scratch;
    for (int t = 0; t < (members > 1 ? members - 1 : 1); t++, scratch += m * MESMA_BLOCK) block.products[t] = scratch;
    block.inverses = scratch;
    for (size_t i = 0; i < MESMA_BLOCK; i++) {
        const double *row = job->products + (block.first + (i < block.count ? i : 0)) * m;
        for (size_t k = 0; k < m; k++) block.products[0][MESMA_BLOCK * k + i] = row[k];
    }
    const mesma_table *table = HSI_SELECT(mesma_functions);
    size_t classes[HSI_MESMA_MEMBERS];
    for (int t = 0; t < members; t++) classes[t] = (size_t)t;
    block.classes = classes;
    for (;;) {
        table->run(&block);
        int t = members - 1;
        while (t >= 0 && classes[t] == job->classes - (size_t)(members - t)) t--;
        if (t < 0) break;
        classes[t]++;
        for (int u = t + 1; u < members; u++) classes[u] = classes[u - 1] + 1;
    }
    for (size_t i = 0; i < block.count; i++) job->rss[block.first + i] = block.best[i];
}

void hsi_mesma_solve(const hsi_mesma_job *job, double *scratch, int threads) {
    if (job->members < 1 || job->members > HSI_MESMA_MEMBERS || (size_t)job->members > job->classes) return;
    mesma_plan plan = {job, scratch};
    hsi_pool_run_on(threads, (int)((job->pixels + MESMA_BLOCK - 1) / MESMA_BLOCK), mesma_item, &plan);
}
