// Fused sweep of the multiplicative unmixing family. See include/hsi_nmf.h.
#include "hsi_nmf.h"

#include <math.h>

#include "hsi_pool.h"
#include "packing.h"

enum { SPARSITY, SOFT_SUM, PRIOR, SAMPLE_LOSS, COUPLING, GRAPH, REACH, TERMS = 8 };

#define LN2 0.69314718056f

/// A job prepared for the kernels: packed weights and fp32 parameters.
typedef struct {
    hsi_nmf_sweep_job *job;
    const float *weighted; // d m, packed
    const float *plain;    // m, packed; only with sample weights
    const float *gram;     // M^T D M
    float delta, lambda, epsilon, h_max, beta, gamma, mu;
    int coupled; // the coupling term is wanted
    double *partials;
    size_t partial_stride;
} sweep_plan;

#define HSI_BODY "nmf_sweep_body.h"
#include "instantiate.h"

typedef void (*sweep_function)(const sweep_plan *, size_t, size_t, double *, double *, double *);
typedef void (*neighbour_function)(const sweep_plan *, size_t, size_t, double *);

static size_t minimum(size_t a, size_t b) { return a < b ? a : b; }

// Scratch: [packed weighted (as float pairs)][packed plain][gram f32][blocks x (sums, gram, terms)]
static size_t packed_doubles(size_t channels, size_t endmembers) {
    return (16 * hsi_chunk_count(channels) * endmembers + 1) / 2;
}
static size_t partial_size(size_t channels, size_t endmembers) {
    return 16 * hsi_chunk_count(channels) * endmembers + endmembers * endmembers + TERMS;
}

size_t hsi_nmf_sweep_scratch_size(size_t pixels, size_t channels, size_t endmembers) {
    return 2 * packed_doubles(channels, endmembers) + (endmembers * endmembers + 1) / 2 +
           hsi_block_count(pixels) * partial_size(channels, endmembers) + channels * endmembers;
}

static void sweep_item(void *context, int index) {
    const sweep_plan *plan = context;
    const hsi_nmf_sweep_job *job = plan->job;
    size_t block = hsi_pixels_per_block(job->pixels);
    size_t first = (size_t)index * block, end = minimum(first + block, job->pixels);
    double *sums = plan->partials + (size_t)index * plan->partial_stride;
    double *gram = sums + 16 * hsi_chunk_count(job->channels) * job->endmembers;
    double *terms = gram + job->endmembers * job->endmembers;
    memset(sums, 0, plan->partial_stride * sizeof(double));
    sweep_function run = HSI_SELECT(sweep_block);
    run(plan, first, end, sums, gram, terms);
}

/// Terms that need the new values of other blocks: a second pass over the small arrays.
static void neighbour_item(void *context, int index) {
    const sweep_plan *plan = context;
    const hsi_nmf_sweep_job *job = plan->job;
    size_t block = hsi_pixels_per_block(job->pixels);
    size_t first = (size_t)index * block, end = minimum(first + block, job->pixels);
    double *terms = plan->partials + (size_t)(index + 1) * plan->partial_stride - TERMS;
    neighbour_function run = HSI_SELECT(neighbour_terms);
    run(plan, first, end, terms);
}

/// M^T D M.
static void weighted_gram(size_t channels, size_t endmembers, const double *m, const double *d, double *gram) {
    for (size_t i = 0; i < endmembers * endmembers; i++) gram[i] = 0;
    for (size_t l = 0; l < channels; l++)
        for (size_t i = 0; i < endmembers; i++) {
            double w = m[l * endmembers + i] * (d ? d[l] : 1.0);
            for (size_t j = 0; j < endmembers; j++) gram[i * endmembers + j] += w * m[l * endmembers + j];
        }
}

int hsi_nmf_sweep(hsi_nmf_sweep_job *job, double *scratch) {
    size_t channels = job->channels, endmembers = job->endmembers;
    if (endmembers == 0 || endmembers > HSI_NMF_MAX_ENDMEMBERS || channels == 0) return -1;
    size_t blocks = hsi_block_count(job->pixels), partial = partial_size(channels, endmembers);

    float *weighted = (float *)scratch;
    float *plain = (float *)(scratch + packed_doubles(channels, endmembers));
    float *gram = (float *)(scratch + 2 * packed_doubles(channels, endmembers));
    double *partials = scratch + 2 * packed_doubles(channels, endmembers) + (endmembers * endmembers + 1) / 2;
    double *product = partials + blocks * partial; // channels x endmembers

    for (size_t l = 0; l < channels; l++)
        for (size_t k = 0; k < endmembers; k++)
            product[l * endmembers + k] =
                job->endmember_matrix[l * endmembers + k] * (job->channel_weights ? job->channel_weights[l] : 1.0);
    hsi_pack_weights_f32(product, channels, endmembers, weighted);
    if (job->sample_weights) hsi_pack_weights_f32(job->endmember_matrix, channels, endmembers, plain);
    double exact[HSI_NMF_MAX_ENDMEMBERS * HSI_NMF_MAX_ENDMEMBERS];
    weighted_gram(channels, endmembers, job->endmember_matrix, job->channel_weights, exact);
    for (size_t i = 0; i < endmembers * endmembers; i++) gram[i] = (float)exact[i];

    sweep_plan plan = {.job = job, .weighted = weighted, .plain = plain, .gram = gram,
                       .delta = (float)job->soft_sum_weight, .lambda = (float)job->lambda,
                       .epsilon = (float)job->epsilon, .h_max = (float)job->h_max, .beta = (float)job->beta,
                       .gamma = (float)job->gamma, .mu = (float)job->graph_weight,
                       .coupled = job->objective && job->sparsity == HSI_SPARSITY_MAP && job->neighbours > 0 && job->h_new && job->gamma != 0,
                       .partials = partials, .partial_stride = partial};
    hsi_pool_run((int)blocks, sweep_item, &plan);
    if (job->objective && job->neighbours > 0 && (plan.coupled || job->graph_weight != 0))
        hsi_pool_run((int)blocks, neighbour_item, &plan);

    hsi_combine_packed(partials, blocks, partial, channels, endmembers, job->scene_abundance);
    const double *grams = partials + 16 * hsi_chunk_count(channels) * endmembers;
    for (size_t i = 0; i < endmembers; i++)
        for (size_t j = i; j < endmembers; j++) {
            double total = 0;
            for (size_t b = 0; b < blocks; b++) total += grams[b * partial + i * endmembers + j];
            job->abundance_gram[i * endmembers + j] = job->abundance_gram[j * endmembers + i] = total;
        }
    double terms[TERMS] = {0};
    for (size_t b = 0; b < blocks; b++)
        for (int t = 0; t < TERMS; t++) terms[t] += partials[(b + 1) * partial - TERMS + (size_t)t];
    job->sparsity_sum = terms[SPARSITY];
    job->soft_sum_sum = terms[SOFT_SUM];
    job->prior_sum = terms[PRIOR];
    job->coupling_sum = terms[COUPLING];
    job->graph_sum = terms[GRAPH];
    job->sample_loss = terms[SAMPLE_LOSS];
    return 0;
}

// MARK: - Small updates

void hsi_nmf_row_residuals(size_t channels, size_t endmembers, const double *scene_abundance,
                           const double *abundance_gram, const double *channel_energy,
                           const double *endmember_matrix, double *residuals) {
    for (size_t l = 0; l < channels; l++) {
        const double *m = endmember_matrix + l * endmembers, *s = scene_abundance + l * endmembers;
        double square = channel_energy[l];
        for (size_t i = 0; i < endmembers; i++) {
            double fitted = 0;
            for (size_t j = 0; j < endmembers; j++) fitted += m[j] * abundance_gram[j * endmembers + i];
            square += m[i] * (fitted - 2.0 * s[i]);
        }
        residuals[l] = square > 0 ? square : 0;
    }
}

void hsi_nmf_update_endmembers(size_t channels, size_t endmembers, const double *scene_abundance,
                               const double *abundance_gram, const double *channel_energy, double epsilon_r,
                               double *endmember_matrix, double *channel_weights) {
    double updated[HSI_NMF_MAX_ENDMEMBERS];
    if (endmembers > HSI_NMF_MAX_ENDMEMBERS) return;
    for (size_t l = 0; l < channels; l++) {
        double *m = endmember_matrix + l * endmembers;
        for (size_t k = 0; k < endmembers; k++) {
            double denominator = 0;
            for (size_t j = 0; j < endmembers; j++) denominator += m[j] * abundance_gram[j * endmembers + k];
            updated[k] = m[k] * scene_abundance[l * endmembers + k] / (denominator > 1e-30 ? denominator : 1e-30);
        }
        memcpy(m, updated, endmembers * sizeof(double));
    }
    if (!channel_weights) return;
    hsi_nmf_row_residuals(channels, endmembers, scene_abundance, abundance_gram, channel_energy, endmember_matrix,
                          channel_weights);
    for (size_t l = 0; l < channels; l++) channel_weights[l] = 1.0 / sqrt(channel_weights[l] + epsilon_r * epsilon_r);
}

// MARK: - Double reference

int hsi_nmf_sweep_reference_f64(hsi_nmf_sweep_job_f64 *job) {
    const size_t channels = job->channels, columns = job->endmembers, pixels = job->pixels;
    if (columns == 0 || columns > HSI_NMF_MAX_ENDMEMBERS || channels == 0) return -1;
    double gram[HSI_NMF_MAX_ENDMEMBERS * HSI_NMF_MAX_ENDMEMBERS];
    weighted_gram(channels, columns, job->endmember_matrix, job->channel_weights, gram);
    memset(job->scene_abundance, 0, channels * columns * sizeof(double));
    memset(job->abundance_gram, 0, columns * columns * sizeof(double));
    job->sparsity_sum = job->soft_sum_sum = job->prior_sum = job->coupling_sum = job->graph_sum = 0;

    for (size_t n = 0; n < pixels; n++) {
        const double *row = job->scene + n * job->stride, *old = job->a_old + n * columns;
        double h = job->sparsity == HSI_SPARSITY_MAP ? job->h_old[n] : 0;
        double a[HSI_NMF_MAX_ENDMEMBERS], projected[HSI_NMF_MAX_ENDMEMBERS] = {0}, total = 0;
        for (size_t l = 0; l < channels; l++) {
            double y = row[l] * (job->channel_weights ? job->channel_weights[l] : 1.0);
            for (size_t k = 0; k < columns; k++) projected[k] += y * job->endmember_matrix[l * columns + k];
        }
        for (size_t k = 0; k < columns; k++) total += old[k];
        for (size_t k = 0; k < columns; k++) {
            double numerator = projected[k] + job->soft_sum_weight, denominator = job->soft_sum_weight * total;
            for (size_t j = 0; j < columns; j++) denominator += gram[k * columns + j] * old[j];
            if (job->sparsity == HSI_SPARSITY_MAP)
                denominator += job->lambda * (1 - h) * pow(old[k] + job->epsilon, -h);
            else if (job->sparsity == HSI_SPARSITY_HALF)
                denominator += 0.5 * job->lambda / sqrt(fmax(old[k], job->epsilon));
            else if (job->sparsity == HSI_SPARSITY_ONE)
                denominator += job->lambda;
            if (job->graph_weight != 0)
                for (size_t d = 0; d < job->neighbours; d++) {
                    int32_t j = job->neighbour_index[d * pixels + n];
                    if (j < 0) continue;
                    double w = job->graph_weight * job->neighbour_weight[d * pixels + n];
                    numerator += w * job->a_old[(size_t)j * columns + k];
                    denominator += w * old[k];
                }
            a[k] = old[k] * numerator / fmax(denominator, 1e-30);
        }
        total = 0;
        for (size_t k = 0; k < columns; k++) total += a[k];
        job->soft_sum_sum += (1 - total) * (1 - total);

        if (job->sparsity == HSI_SPARSITY_MAP) {
            double updated = h;
            if (job->h_new) {
                double gradient = job->beta * (h - job->prior[n]), curvature = job->beta;
                for (size_t k = 0; k < columns; k++) {
                    double x = a[k] + job->epsilon, l = log(x);
                    gradient -= job->lambda * pow(x, 1 - h) * l;
                    curvature += job->lambda * fmax(x, pow(x, 1 - job->h_max)) * l * l;
                }
                if (job->gamma != 0)
                    for (size_t d = 0; d < job->neighbours; d++) {
                        int32_t j = job->neighbour_index[d * pixels + n];
                        if (j < 0) continue;
                        double w = job->gamma * job->neighbour_weight[d * pixels + n];
                        gradient += w * (h - job->h_old[j]);
                        curvature += 2 * w;
                    }
                updated = fmin(fmax(h - gradient / fmax(curvature, 1e-30), 0), job->h_max);
                job->h_new[n] = updated;
                job->prior_sum += (updated - job->prior[n]) * (updated - job->prior[n]);
            }
            for (size_t k = 0; k < columns; k++) job->sparsity_sum += pow(a[k] + job->epsilon, 1 - updated);
        } else {
            for (size_t k = 0; k < columns; k++)
                job->sparsity_sum += job->sparsity == HSI_SPARSITY_HALF ? sqrt(a[k]) : job->sparsity == HSI_SPARSITY_ONE ? a[k] : 0;
        }

        memcpy(job->a_new + n * columns, a, columns * sizeof(double));
        for (size_t l = 0; l < channels; l++)
            for (size_t k = 0; k < columns; k++) job->scene_abundance[l * columns + k] += row[l] * a[k];
        for (size_t i = 0; i < columns; i++)
            for (size_t j = 0; j < columns; j++) job->abundance_gram[i * columns + j] += a[i] * a[j];
    }

    for (size_t d = 0; d < job->neighbours; d++)
        for (size_t n = 0; n < pixels; n++) {
            int32_t j = job->neighbour_index[d * pixels + n];
            if (j < 0) continue;
            double w = 0.5 * job->neighbour_weight[d * pixels + n];
            if (job->h_new) job->coupling_sum += w * (job->h_new[n] - job->h_new[j]) * (job->h_new[n] - job->h_new[j]);
            if (job->graph_weight != 0)
                for (size_t k = 0; k < columns; k++) {
                    double difference = job->a_new[n * columns + k] - job->a_new[(size_t)j * columns + k];
                    job->graph_sum += w * difference * difference;
                }
        }
    return 0;
}
