// Scores of pixels. See include/hsi_scores.h.
#include "hsi_scores.h"

#include <math.h>
#include <string.h>

#include "hsi_pool.h"
#include "hsi_products.h"

/// Pixels of a block: its rows and products stay in cache.
#define HSI_SCORE_ROWS 240

#define HSI_BODY "scores_body.h"
#include "instantiate.h"

typedef void (*scores_function)(const hsi_score_plan *, const float *, size_t, size_t, float *, float *, float *);
typedef void (*mixtures_function)(const hsi_score_plan *, const float *, size_t, size_t, const float *, const float *,
                                  const float *, size_t, float *, float *);
typedef void (*divergence_function)(const float *, size_t, const float *, const float *, size_t, float *);
typedef void (*nearest_function)(const float *, size_t, size_t, size_t, const float *, const float *, const float *,
                                 size_t, int32_t *, float *, float *);

typedef struct {
    const hsi_score_plan *plan;
    scores_function scores;
    mixtures_function mixtures;
    divergence_function divergence;
    nearest_function nearest;
    const float *pixels, *shift, *packed, *centre_norms, *filters, *targets, *deviations;
    size_t stride, count, bands, target_count, scratch_size;
    float *norms, *values, *scratch;
    int32_t *labels;
} score_job;

static size_t block_count(size_t count) { return (count + HSI_SCORE_ROWS - 1) / HSI_SCORE_ROWS; }

static size_t rows_of(const score_job *job, size_t first) {
    return job->count - first < HSI_SCORE_ROWS ? job->count - first : HSI_SCORE_ROWS;
}

static float *own_scratch(const score_job *job) {
    return job->scratch + (size_t)hsi_pool_thread_index() * job->scratch_size;
}

size_t hsi_score_scratch_size(const hsi_score_plan *plan, int threads) {
    return (size_t)threads * HSI_SCORE_ROWS * (plan->bands + plan->columns);
}

static void score_item(void *context, int index) {
    const score_job *job = context;
    const size_t first = (size_t)index * HSI_SCORE_ROWS, groups = job->plan->groups;
    const size_t kept = groups ? job->plan->group_ends[groups - 1] : 0;
    job->scores(job->plan, job->pixels + first * job->stride, job->stride, rows_of(job, first),
                job->norms ? job->norms + first * (1 + groups) : NULL,
                job->values ? job->values + first * (job->plan->columns - kept) : NULL, own_scratch(job));
}

void hsi_score_pixels(const hsi_score_plan *plan, const float *pixels, size_t stride, size_t count, float *norms,
                      float *values, float *scratch, int threads) {
    score_job job = {.plan = plan, .scores = HSI_SELECT(scores_block), .pixels = pixels, .stride = stride, .count = count,
                     .norms = norms, .values = values, .scratch = scratch,
                     .scratch_size = hsi_score_scratch_size(plan, 1)};
    hsi_pool_run_on(threads, (int)block_count(count), score_item, &job);
}

static void mixture_item(void *context, int index) {
    const score_job *job = context;
    const size_t first = (size_t)index * HSI_SCORE_ROWS;
    job->mixtures(job->plan, job->pixels + first * job->stride, job->stride, rows_of(job, first), job->filters,
                  job->targets, job->deviations, job->target_count, job->values + first * job->target_count * 2,
                  own_scratch(job));
}

void hsi_score_mixtures(const hsi_score_plan *plan, const float *pixels, size_t stride, size_t count, const float *filters,
                        const float *targets, const float *deviations, size_t target_count, float *out, float *scratch,
                        int threads) {
    score_job job = {.plan = plan, .mixtures = HSI_SELECT(scores_mixtures), .pixels = pixels, .stride = stride,
                     .count = count, .filters = filters, .targets = targets, .deviations = deviations,
                     .target_count = target_count, .values = out, .scratch = scratch,
                     .scratch_size = hsi_score_scratch_size(plan, 1)};
    hsi_pool_run_on(threads, (int)block_count(count), mixture_item, &job);
}

static void divergence_item(void *context, int index) {
    const score_job *job = context;
    const size_t first = (size_t)index * HSI_SCORE_ROWS, rows = rows_of(job, first);
    for (size_t n = first; n < first + rows; n++)
        job->divergence(job->pixels + n * job->stride, job->bands, job->targets, job->filters, job->target_count,
                        job->values + n * job->target_count);
}

void hsi_score_divergence(const float *pixels, size_t stride, size_t count, size_t bands, const float *spectra,
                          const float *logarithms, size_t target_count, float *out) {
    score_job job = {.divergence = HSI_SELECT(scores_divergence), .pixels = pixels, .stride = stride, .count = count,
                     .bands = bands, .targets = spectra, .filters = logarithms, .target_count = target_count,
                     .values = out};
    hsi_pool_run((int)block_count(count), divergence_item, &job);
}

static void nearest_item(void *context, int index) {
    const score_job *job = context;
    const size_t first = (size_t)index * HSI_SCORE_ROWS;
    job->nearest(job->pixels + first * job->stride, job->stride, rows_of(job, first), job->bands, job->shift, job->packed,
                 job->centre_norms, job->target_count, job->labels + first, job->values ? job->values + first : NULL,
                 own_scratch(job));
}

void hsi_nearest_centres(const float *pixels, size_t stride, size_t count, size_t bands, const float *shift,
                         const float *packed, const float *norms, size_t centre_count, int32_t *labels, float *distances,
                         float *scratch, int threads) {
    if (centre_count == 0) return;
    score_job job = {.nearest = HSI_SELECT(scores_nearest), .pixels = pixels, .stride = stride, .count = count,
                     .bands = bands, .shift = shift, .packed = packed, .centre_norms = norms,
                     .target_count = centre_count, .labels = labels, .values = distances, .scratch = scratch,
                     .scratch_size = HSI_SCORE_ROWS * (bands + centre_count)};
    hsi_pool_run_on(threads, (int)block_count(count), nearest_item, &job);
}

void hsi_sums_by_label(const float *pixels, size_t stride, size_t count, size_t bands, const float *shift,
                       const int32_t *labels, double *sums, int64_t *counts) {
    HSI_SELECT(scores_sums)(pixels, stride, count, bands, shift, labels, sums, counts);
}
