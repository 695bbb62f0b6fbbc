// Standard deviations of abundances. See include/hsi_sigma.h. Nearly all pixels reuse the factor of the pixel before: no vectors needed.
#include "hsi_sigma.h"

#include <math.h>
#include <string.h>

#include "hsi_pool.h"

enum { SIGMA_BLOCK = 256 };

typedef struct {
    const hsi_sigma_job *job;
    double *scratch;
} sigma_plan;

static size_t per_thread(size_t endmembers) { return 3 * endmembers * endmembers + 4 * endmembers; }

size_t hsi_sigma_scratch_size(size_t endmembers, int threads) { return (size_t)threads * per_thread(endmembers); }

/// H for the free variables `free` (count of them), count x count; 0 where they depend on each other.
static int sigma_covariance(const hsi_sigma_job *job, const size_t *free, size_t count, double *factor, double *h, double *sums) {
    const size_t k = job->endmembers;
    double trace = 0;
    for (size_t i = 0; i < count; i++) trace += job->gram[free[i] * k + free[i]];
    // On the plane of sum one nothing changes when a multiple of 1 1^T is added, and one endmember more than bands may be free.
    const double shift = job->sum_to_one ? trace / (double)(count ? count : 1) : 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j <= i; j++) {
            double entry = job->gram[free[i] * k + free[j]] + shift, sum = entry;
            for (size_t l = 0; l < j; l++) sum -= factor[i * count + l] * factor[j * count + l];
            if (i == j) {
                if (!(sum > 1e-12 * entry)) return 0;
                factor[i * count + i] = sqrt(sum);
            } else {
                factor[i * count + j] = sum / factor[j * count + j];
            }
        }
    }
    double total = 0;
    for (size_t c = 0; c < count; c++) {
        double *x = h + c * count;
        for (size_t i = 0; i < count; i++) {
            double sum = i == c ? 1 : 0;
            for (size_t l = c; l < i; l++) sum -= factor[i * count + l] * x[l];
            x[i] = i < c ? 0 : sum / factor[i * count + i];
        }
        for (size_t i = count; i-- > 0;) {
            double sum = x[i];
            for (size_t l = i + 1; l < count; l++) sum -= factor[l * count + i] * x[l];
            x[i] = sum / factor[i * count + i];
        }
        sums[c] = 0;
        for (size_t i = 0; i < count; i++) sums[c] += x[i];
        total += sums[c];
    }
    if (job->sum_to_one)
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < count; j++) h[i * count + j] -= sums[i] * sums[j] / total;
    return 1;
}

/// Standard deviations of the free variables: for a noise of 1 where it comes from the residual.
static void sigma_deviations(const hsi_sigma_job *job, const size_t *free, size_t count, const double *h, double *product, double *deviations) {
    const size_t k = job->endmembers;
    for (size_t i = 0; i < count; i++) {
        double variance = h[i * count + i];
        if (job->noise) {
            variance = 0;
            for (size_t j = 0; j < count; j++) {
                double sum = 0;
                for (size_t l = 0; l < count; l++) sum += h[i * count + l] * job->noise[free[l] * k + free[j]];
                product[j] = sum;
            }
            for (size_t j = 0; j < count; j++) variance += product[j] * h[j * count + i];
        }
        deviations[i] = sqrt(variance > 0 ? variance : 0);
    }
}

static void sigma_item(void *context, int index) {
    const sigma_plan *plan = context;
    const hsi_sigma_job *job = plan->job;
    const size_t k = job->endmembers, first = (size_t)index * SIGMA_BLOCK;
    const size_t end = first + SIGMA_BLOCK < job->pixels ? first + SIGMA_BLOCK : job->pixels;
    double *scratch = plan->scratch + (size_t)hsi_pool_thread_index() * per_thread(k);
    double *factor = scratch, *h = factor + k * k, *product = h + k * k;
    double *sums = product + k * k, *deviations = sums + k;
    size_t *free = (size_t *)(deviations + k), count = 0;
    unsigned char *is_free = (unsigned char *)(deviations + 2 * k);
    int known = 0, regular = 0;
    for (size_t n = first; n < end; n++) {
        const float *a = job->abundances + n * k;
        int same = known;
        for (size_t i = 0; i < k; i++) {
            unsigned char now = !job->nonnegative || a[i] > 0;
            if (!known || is_free[i] != now) same = 0;
            is_free[i] = now;
        }
        if (!same) {
            count = 0;
            for (size_t i = 0; i < k; i++)
                if (is_free[i]) free[count++] = i;
            regular = sigma_covariance(job, free, count, factor, h, sums);
            if (regular) sigma_deviations(job, free, count, h, product, deviations);
            known = 1;
        }
        float *sigma = job->sigma + n * k;
        memset(sigma, 0, k * sizeof(float));
        double scale = regular ? 1 : NAN;
        if (!job->noise) {
            double degrees = (double)job->channels - (double)count + (job->sum_to_one ? 1 : 0);
            scale *= degrees > 0 ? (double)job->rmse[n] * sqrt((double)job->channels / degrees) : NAN;
        }
        for (size_t i = 0; i < count; i++) sigma[free[i]] = (float)(scale * (regular ? deviations[i] : 0));
        for (size_t i = 0; i < k; i++)
            if (isnan(a[i])) sigma[i] = NAN;
    }
}

void hsi_sigma(const hsi_sigma_job *job, double *scratch, int threads) {
    sigma_plan plan = {job, scratch};
    hsi_pool_run_on(threads, (int)((job->pixels + SIGMA_BLOCK - 1) / SIGMA_BLOCK), sigma_item, &plan);
}
