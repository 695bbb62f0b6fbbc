// Absorption features of pixels. See include/hsi_features.h.
#include "hsi_features.h"

#include "hsi_pool.h"

/// Pixels of a work item.
#define HSI_FEATURE_ROWS 64

#define HSI_BODY "features_body.h"
#include "instantiate.h"

typedef void (*features_function)(const hsi_feature_plan *, const float *, float *, float *);

typedef struct {
    const hsi_feature_plan *plan;
    features_function fit;
    const float *pixels;
    size_t stride, count;
    float *fits, *depths;
} feature_job;

static void feature_item(void *context, int index) {
    const feature_job *job = context;
    const size_t first = (size_t)index * HSI_FEATURE_ROWS, spectra = job->plan->spectrum_count;
    const size_t end = job->count - first < HSI_FEATURE_ROWS ? job->count : first + HSI_FEATURE_ROWS;
    for (size_t n = first; n < end; n++)
        job->fit(job->plan, job->pixels + n * job->stride, job->fits + n * spectra,
                 job->depths ? job->depths + n * spectra : NULL);
}

void hsi_fit_features(const hsi_feature_plan *plan, const float *pixels, size_t stride, size_t count, float *fits,
                      float *depths) {
    feature_job job = {.plan = plan, .fit = HSI_SELECT(features_pixel), .pixels = pixels, .stride = stride,
                       .count = count, .fits = fits, .depths = depths};
    hsi_pool_run((int)((count + HSI_FEATURE_ROWS - 1) / HSI_FEATURE_ROWS), feature_item, &job);
}
