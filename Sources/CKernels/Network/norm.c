// Batch normalisation: drivers over the pool. See include/hsi_nn_norm.h.
#include "hsi_nn_norm.h"

#include "hsi_pool.h"
#include "periods.h"

typedef struct {
    void (*sums)(const float *, size_t, size_t, size_t, float *);
    void (*products)(const float *, const float *, size_t, size_t, size_t, const float *, float *, float *);
    void (*affine)(const float *, size_t, size_t, size_t, const float *, const float *, float *);
    void (*combine)(const float *, const float *, size_t, size_t, size_t, const float *, const float *, const float *,
                    const float *, float *);
} norm_table;

#define HSI_BODY "norm_body.h"
#include "instantiate.h"

enum { SUM_PERIODS = 32 }; // summed in fp32

typedef struct {
    const norm_table *table;
    const float *x, *dy;
    float *out;
    size_t rows, channels, rows_per_item;
    double *partials;
    const double *mean;
    const float *a, *b, *m, *c;
} norm_job;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/// Rows per item: hsi_pixels_per_block in whole periods.
static size_t rows_per_item(size_t rows, size_t channels) {
    hsi_periods p = hsi_periods_of(channels);
    size_t block = hsi_pixels_per_block(rows);
    return (block + p.rows - 1) / p.rows * p.rows;
}
static size_t item_count(size_t rows, size_t channels) {
    size_t per_item = rows_per_item(rows, channels);
    return (rows + per_item - 1) / per_item;
}

size_t hsi_batch_norm_scratch_size(size_t rows, size_t channels) {
    if (channels == 0) return 0;
    // Two doubles per item and channel, four tables of floats.
    return 4 * item_count(rows, channels) * channels + 4 * channels;
}

/// Sums and products of rows first..<end over one strip of channels, around `shift`.
static void strip_products(const norm_job *job, const hsi_periods *p, size_t s, size_t first, size_t end,
                           const float *shift, double *sums, double *products) {
    float shifts[HSI_PERIOD_FLOATS], sum[HSI_PERIOD_FLOATS], product[HSI_PERIOD_FLOATS];
    size_t channels = job->channels, width = hsi_strip_width(p, s, channels), length = hsi_strip_length(p, s, channels);
    hsi_repeat(shift, width, length, shifts);
    size_t whole = (end - first) / p->rows, rest = end - first - whole * p->rows, start = first * channels + s * p->strip;
    for (size_t n = 0; n < whole + (rest > 0); n += SUM_PERIODS) {
        size_t count = n < whole ? smaller(SUM_PERIODS, whole - n) : 0;
        memset(sum, 0, length * sizeof(float));
        memset(product, 0, length * sizeof(float));
        const float *x = job->x + start + n * p->stride, *dy = job->dy ? job->dy + start + n * p->stride : NULL;
        if (count) job->table->products(x, dy, p->stride, length, count, shifts, sum, product);
        if (rest && n + SUM_PERIODS >= whole + 1)
            job->table->products(x + count * p->stride, dy ? dy + count * p->stride : NULL, p->stride, rest * channels, 1,
                                 shifts, sum, product);
        hsi_fold(sum, width, length, sums);
        hsi_fold(product, width, length, products);
    }
}

// MARK: - Moments

/// Per item and channel: mean and sum of squares around it.
static void moments_item(void *context, int index) {
    const norm_job *job = context;
    size_t channels = job->channels, first = (size_t)index * job->rows_per_item;
    size_t end = smaller(first + job->rows_per_item, job->rows), count = end - first;
    hsi_periods p = hsi_periods_of(channels);
    double *means = job->partials + (size_t)index * 2 * channels, *squares = means + channels;
    memset(means, 0, 2 * channels * sizeof(double));
    for (size_t s = 0; s < p.strips; s++) {
        size_t width = hsi_strip_width(&p, s, channels), base = s * p.strip, sample = smaller(count, 16);
        float shift[HSI_PERIOD_CHANNELS];
        for (size_t c = 0; c < width; c++) {
            double total = 0;
            for (size_t n = 0; n < sample; n++) total += job->x[(first + n) * channels + base + c];
            shift[c] = (float)(total / (double)sample);
        }
        strip_products(job, &p, s, first, end, shift, means + base, squares + base);
        for (size_t c = 0; c < width; c++) {
            double mean = means[base + c] / (double)count;
            squares[base + c] -= mean * means[base + c];
            means[base + c] = mean + shift[c];
        }
    }
}

void hsi_batch_moments(const float *x, size_t rows, size_t channels, double *mean, double *variance, float *scratch) {
    if (rows == 0 || channels == 0) return;
    norm_job job = {.table = HSI_SELECT(norm), .x = x, .rows = rows, .channels = channels,
                    .rows_per_item = rows_per_item(rows, channels), .partials = (double *)scratch};
    size_t items = item_count(rows, channels);
    hsi_pool_run((int)items, moments_item, &job);
    for (size_t c = 0; c < channels; c++) {
        double m = 0, square = 0, counted = 0;
        for (size_t i = 0; i < items; i++) {
            double count = (double)smaller(job.rows_per_item, rows - i * job.rows_per_item);
            double difference = job.partials[2 * i * channels + c] - m, total = counted + count;
            square += job.partials[(2 * i + 1) * channels + c] + difference * difference * counted * count / total;
            m += difference * count / total;
            counted = total;
        }
        mean[c] = m;
        variance[c] = square > 0 ? square / counted : 0;
    }
}

// MARK: - Affine map

static void affine_item(void *context, int index) {
    const norm_job *job = context;
    size_t channels = job->channels, first = (size_t)index * job->rows_per_item;
    size_t end = smaller(first + job->rows_per_item, job->rows);
    hsi_periods p = hsi_periods_of(channels);
    size_t whole = (end - first) / p.rows, rest = end - first - whole * p.rows;
    float a[HSI_PERIOD_FLOATS], b[HSI_PERIOD_FLOATS], m[HSI_PERIOD_FLOATS], c[HSI_PERIOD_FLOATS];
    for (size_t s = 0; s < p.strips; s++) {
        size_t base = s * p.strip, width = hsi_strip_width(&p, s, channels), length = hsi_strip_length(&p, s, channels);
        size_t start = first * channels + base, tail = start + whole * p.stride;
        hsi_repeat(job->a + base, width, length, a);
        hsi_repeat(job->c + base, width, length, c);
        if (job->dy) {
            hsi_repeat(job->b + base, width, length, b);
            hsi_repeat(job->m + base, width, length, m);
            job->table->combine(job->x + start, job->dy + start, p.stride, length, whole, a, b, m, c, job->out + start);
            if (rest)
                job->table->combine(job->x + tail, job->dy + tail, p.stride, rest * channels, 1, a, b, m, c,
                                    job->out + tail);
        } else {
            job->table->affine(job->x + start, p.stride, length, whole, a, c, job->out + start);
            if (rest) job->table->affine(job->x + tail, p.stride, rest * channels, 1, a, c, job->out + tail);
        }
    }
}

void hsi_affine_channels(const float *x, size_t rows, size_t channels, const float *scale, const float *shift,
                         float *y) {
    if (rows == 0 || channels == 0) return;
    norm_job job = {.table = HSI_SELECT(norm), .x = x, .out = y, .rows = rows, .channels = channels,
                    .rows_per_item = rows_per_item(rows, channels), .a = scale, .c = shift};
    hsi_pool_run((int)item_count(rows, channels), affine_item, &job);
}

// MARK: - Backward

static void backward_item(void *context, int index) {
    const norm_job *job = context;
    size_t channels = job->channels, first = (size_t)index * job->rows_per_item;
    size_t end = smaller(first + job->rows_per_item, job->rows);
    hsi_periods p = hsi_periods_of(channels);
    double *sums = job->partials + (size_t)index * 2 * channels, *products = sums + channels;
    memset(sums, 0, 2 * channels * sizeof(double));
    for (size_t s = 0; s < p.strips; s++)
        strip_products(job, &p, s, first, end, job->m + s * p.strip, sums + s * p.strip, products + s * p.strip);
}

void hsi_batch_norm_backward(const float *x, const float *dy, size_t rows, size_t channels, const double *mean,
                             const double *inverse_std, const float *gamma, float *dx, float *dgamma, float *dbeta,
                             float *scratch) {
    if (rows == 0 || channels == 0) return;
    size_t items = item_count(rows, channels);
    float *a = scratch + 4 * items * channels, *b = a + channels, *m = b + channels, *c = m + channels;
    norm_job job = {.table = HSI_SELECT(norm), .x = x, .dy = dy, .out = dx, .rows = rows, .channels = channels,
                    .rows_per_item = rows_per_item(rows, channels), .partials = (double *)scratch,
                    .a = a, .b = b, .m = m, .c = c};
    for (size_t k = 0; k < channels; k++) m[k] = (float)mean[k];
    hsi_pool_run((int)items, backward_item, &job);
    for (size_t k = 0; k < channels; k++) {
        double sum = 0, product = 0;
        for (size_t i = 0; i < items; i++) {
            sum += job.partials[2 * i * channels + k];
            product += job.partials[(2 * i + 1) * channels + k];
        }
        // m is the mean rounded to fp32; the difference shifts the products by a multiple of the sum.
        product = (product - (mean[k] - (double)m[k]) * sum) * inverse_std[k];
        double scale = gamma[k] * inverse_std[k], slope = -scale * inverse_std[k] * product / (double)rows;
        dgamma[k] += (float)product;
        dbeta[k] += (float)sum;
        a[k] = (float)scale;
        b[k] = (float)slope;
        c[k] = (float)(-scale * sum / (double)rows - slope * (mean[k] - (double)m[k]));
    }
    hsi_pool_run((int)items, affine_item, &job);
}
