// Means and sums per plane: drivers over the pool; mixing is driven by nn_band_block.c. See include/hsi_nn_mixing.h.
#include "mixing.h"

#include "hsi_pool.h"
#include "periods.h"

#define HSI_BODY "mixing_body.h"
#include "instantiate.h"

const mixing_table *hsi_mixing_table(void) { return HSI_SELECT(mixing); }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

typedef struct {
    const mixing_table *table;
    const float *x, *vectors;
    float *y;
    size_t values, pixels, channels;
    float scale;
} plane_job;

// MARK: - Means

enum { MEAN_PERIODS = 32 }; // summed in fp32

static void means_item(void *context, int index) {
    const plane_job *job = context;
    size_t channels = job->channels;
    hsi_periods p = hsi_periods_of(channels);
    const float *x = job->x + (size_t)index * job->values;
    float *means = job->y + (size_t)index * channels;
    float table[HSI_PERIOD_FLOATS];
    double sums[HSI_PERIOD_CHANNELS];
    size_t whole = job->pixels / p.rows, rest = job->pixels - whole * p.rows;
    for (size_t s = 0; s < p.strips; s++) {
        size_t width = hsi_strip_width(&p, s, channels), length = hsi_strip_length(&p, s, channels);
        memset(sums, 0, sizeof sums);
        for (size_t n = 0; n < whole; n += MEAN_PERIODS) {
            memset(table, 0, length * sizeof(float));
            job->table->sums(x + s * p.strip + n * p.stride, p.stride, length, smaller(MEAN_PERIODS, whole - n), table);
            hsi_fold(table, width, length, sums);
        }
        if (rest) {
            memset(table, 0, length * sizeof(float));
            job->table->sums(x + whole * p.stride, p.stride, rest * channels, 1, table);
            hsi_fold(table, width, rest * channels, sums);
        }
        for (size_t c = 0; c < width; c++) means[s * p.strip + c] = (float)(sums[c] / (double)job->pixels);
    }
}

void hsi_plane_means(const float *x, size_t planes, size_t pixels, size_t channels, float *means) {
    if (pixels == 0 || channels == 0) return;
    plane_job job = {.table = HSI_SELECT(mixing), .x = x, .y = means, .values = pixels * channels,
                      .pixels = pixels, .channels = channels};
    hsi_pool_run((int)planes, means_item, &job);
}

static void vectors_item(void *context, int index) {
    const plane_job *job = context;
    size_t channels = job->channels;
    hsi_periods p = hsi_periods_of(channels);
    float *x = job->y + (size_t)index * job->values, ones[HSI_PERIOD_FLOATS], table[HSI_PERIOD_FLOATS];
    const float *vector = job->vectors + (size_t)index * channels;
    for (size_t i = 0; i < HSI_PERIOD_FLOATS; i++) ones[i] = 1;
    size_t whole = job->pixels / p.rows, rest = job->pixels - whole * p.rows;
    for (size_t s = 0; s < p.strips; s++) {
        size_t width = hsi_strip_width(&p, s, channels), length = hsi_strip_length(&p, s, channels);
        hsi_repeat(vector + s * p.strip, width, length, table);
        for (size_t i = 0; i < length; i++) table[i] *= job->scale;
        float *start = x + s * p.strip;
        job->table->affine(start, p.stride, length, whole, ones, table, start);
        if (rest) job->table->affine(x + whole * p.stride, p.stride, rest * channels, 1, ones, table, x + whole * p.stride);
    }
}

void hsi_add_plane_vectors(float *x, size_t planes, size_t pixels, size_t channels, const float *vectors, float scale) {
    if (pixels == 0 || channels == 0) return;
    plane_job job = {.table = HSI_SELECT(mixing), .vectors = vectors, .y = x, .values = pixels * channels,
                      .pixels = pixels, .channels = channels, .scale = scale};
    hsi_pool_run((int)planes, vectors_item, &job);
}
