// Mixing of planes: drivers over the pool. See include/hsi_nn_mixing.h.
#include "hsi_nn_mixing.h"

#include "hsi_pool.h"
#include "periods.h"

enum {
    MIX_CHUNK = 16384,     // floats of x that one block of values brings to the stack
    PRODUCT_CHUNK = 32768, // the same for each factor of the products
};

typedef struct {
    void (*mix)(const float *, int, const float *, size_t, size_t, size_t, int, float *, size_t);
    void (*products)(const float *, size_t, const float *, size_t, size_t, size_t, double *);
    void (*sums)(const float *, size_t, size_t, size_t, float *);
    void (*affine)(const float *, size_t, size_t, size_t, const float *, const float *, float *);
} mixing_table;

#define HSI_BODY "nn_mixing_body.h"
#include "instantiate.h"

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

typedef struct {
    const mixing_table *table;
    const float *a, *x, *v;
    float *y;
    double *partials;
    size_t planes, values, per_item, width, pixels, channels;
    int transposed, accumulate;
    float scale;
} mixing_job;

// MARK: - Mixing

static void mix_item(void *context, int index) {
    const mixing_job *job = context;
    size_t first = (size_t)index * job->per_item, end = smaller(first + job->per_item, job->values);
    float chunk[MIX_CHUNK] __attribute__((aligned(64)));
    for (size_t n = first; n < end; n += job->width) {
        size_t count = smaller(job->width, end - n);
        const float *x = job->x + n;
        size_t stride = job->values;
        // Planes are often a power of two apart, and would share the same few lines of the cache.
        if (job->planes * job->width <= MIX_CHUNK) {
            for (size_t d = 0; d < job->planes; d++) memcpy(chunk + d * job->width, x + d * stride, count * sizeof(float));
            x = chunk;
            stride = job->width;
        }
        job->table->mix(job->a, job->transposed, x, stride, job->planes, count, job->accumulate, job->y + n, job->values);
    }
}

void hsi_mix_planes(const float *a, const float *x, size_t planes, size_t values, int transposed, int accumulate,
                    float *y) {
    if (planes == 0 || values == 0) return;
    size_t width = MIX_CHUNK / planes / 32 * 32;
    width = width < 32 ? 32 : width > 128 ? 128 : width;
    size_t chunks = 2000000 / (planes * planes * width) + 1;
    mixing_job job = {.table = HSI_SELECT(mixing), .a = a, .x = x, .y = y, .planes = planes, .values = values,
                      .per_item = chunks * width, .width = width, .transposed = transposed, .accumulate = accumulate};
    hsi_pool_run((int)((values + job.per_item - 1) / job.per_item), mix_item, &job);
}

// MARK: - Products

static size_t product_width(size_t planes) {
    size_t width = PRODUCT_CHUNK / planes / 16 * 16;
    return width < 16 ? 16 : width > 512 ? 512 : width;
}

/// At most 64 items, fewer where their sums would take more than 64 MiB.
static size_t product_items(size_t planes, size_t values, size_t *per_item) {
    size_t most = ((size_t)8 << 20) / (planes * planes), width = product_width(planes);
    most = most < 2 ? 2 : most > 64 ? 64 : most;
    size_t chunks = (values + width - 1) / width, each = (chunks + most - 1) / most;
    if (each < 4) each = 4;
    *per_item = each * width;
    return (values + *per_item - 1) / *per_item;
}

size_t hsi_plane_products_scratch_size(size_t planes, size_t values) {
    if (planes == 0) return 0;
    size_t per_item;
    return 2 * product_items(planes, values, &per_item) * planes * planes;
}

static void products_item(void *context, int index) {
    const mixing_job *job = context;
    size_t d = job->planes, first = (size_t)index * job->per_item, end = smaller(first + job->per_item, job->values);
    double *sums = job->partials + (size_t)index * d * d;
    memset(sums, 0, d * d * sizeof(double));
    float left[PRODUCT_CHUNK] __attribute__((aligned(64))), right[PRODUCT_CHUNK] __attribute__((aligned(64)));
    for (size_t n = first; n < end; n += job->width) {
        size_t count = smaller(job->width, end - n);
        const float *u = job->x + n, *v = job->v + n;
        size_t stride = job->values;
        if (d * job->width <= PRODUCT_CHUNK) {
            // Zeros up to a whole vector.
            size_t padded = (count + 15) / 16 * 16;
            for (int side = 0; side < (u == v ? 1 : 2); side++) {
                float *chunk = side ? right : left;
                const float *source = side ? v : u;
                for (size_t j = 0; j < d; j++) {
                    memcpy(chunk + j * job->width, source + j * stride, count * sizeof(float));
                    memset(chunk + j * job->width + count, 0, (padded - count) * sizeof(float));
                }
            }
            v = u == v ? left : right;
            u = left;
            stride = job->width;
            count = padded;
        }
        job->table->products(u, stride, v, stride, d, count, sums);
    }
}

void hsi_plane_products(const float *u, const float *v, size_t planes, size_t values, float *products, float *scratch) {
    if (planes == 0) return;
    mixing_job job = {.table = HSI_SELECT(mixing), .x = u, .v = v, .partials = (double *)scratch, .planes = planes,
                      .values = values, .width = product_width(planes)};
    size_t items = product_items(planes, values, &job.per_item);
    hsi_pool_run((int)items, products_item, &job);
    for (size_t i = 0; i < planes * planes; i++) {
        double total = 0;
        for (size_t b = 0; b < items; b++) total += job.partials[b * planes * planes + i];
        products[i] = (float)total;
    }
}

// MARK: - Means

enum { MEAN_PERIODS = 32 }; // summed in fp32

static void means_item(void *context, int index) {
    const mixing_job *job = context;
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
    mixing_job job = {.table = HSI_SELECT(mixing), .x = x, .y = means, .planes = planes, .values = pixels * channels,
                      .pixels = pixels, .channels = channels};
    hsi_pool_run((int)planes, means_item, &job);
}

static void vectors_item(void *context, int index) {
    const mixing_job *job = context;
    size_t channels = job->channels;
    hsi_periods p = hsi_periods_of(channels);
    float *x = job->y + (size_t)index * job->values, ones[HSI_PERIOD_FLOATS], table[HSI_PERIOD_FLOATS];
    const float *vector = job->a + (size_t)index * channels;
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
    mixing_job job = {.table = HSI_SELECT(mixing), .a = vectors, .y = x, .planes = planes, .values = pixels * channels,
                      .pixels = pixels, .channels = channels, .scale = scale};
    hsi_pool_run((int)planes, vectors_item, &job);
}
