// The transformer block of HSDT: drivers over the pool. See include/hsi_nn_band_block.h.
#include "hsi_nn_band_block.h"

#include "hsi_pool.h"
#include "ffn.h"
#include "linear.h"
#include "mixing.h"
#include "partials.h"

enum {
    CHUNK_FLOATS = 24 << 10, // of x on all planes, about: several such arrays share the second-level cache
    MOST_PIXELS = 96,        // of a chunk
    SUM_ROWS = 96,           // of a fp32 sum of products of rows
    MIX_VALUES = 128,        // that are mixed at once: on all planes they stay in the first-level cache
    PRODUCT_VALUES = 512,    // of a fp32 sum of products of planes (32 per lane)
    ITEMS = 32,              // of the backward pass, each with its own sums
};

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t lanes(size_t n) { return (n + 15) / 16 * 16; }

/// How pixels are cut into chunks, and what one thread works in.
typedef struct {
    size_t planes, pixels, channels;
    size_t chunk, chunks, per_item, items; // pixels of a chunk; chunks; chunks of an item
    size_t array; // floats of a chunk, [plane][pixel][channel]
} block_plan;

static block_plan plan_of(const hsi_band_block *b, int backward) {
    block_plan p = {.planes = b->planes, .pixels = b->pixels, .channels = b->channels};
    if (b->planes == 0 || b->pixels == 0 || b->channels == 0) return p;
    // Whole register tiles of 12 rows.
    p.chunk = CHUNK_FLOATS / (b->planes * b->channels) / 12 * 12;
    p.chunk = p.chunk < 12 ? 12 : p.chunk > MOST_PIXELS ? MOST_PIXELS : p.chunk;
    p.chunk = smaller(p.chunk, b->pixels);
    p.chunks = (b->pixels + p.chunk - 1) / p.chunk;
    p.per_item = backward ? (p.chunks + ITEMS - 1) / ITEMS : p.chunks / 32 < 1 ? 1 : smaller(p.chunks / 32, 4);
    p.items = (p.chunks + p.per_item - 1) / p.per_item;
    p.array = lanes(p.planes * p.chunk * b->channels) + 16; // full vectors may reach beyond the end
    return p;
}

typedef struct {
    block_plan plan;
    const linear_table *linear;
    const mixing_table *mixing;
    const ffn_table *ffn;
    ffn_layout layout;
    const float *a, *m, *weights, *x, *skip, *r, *dy;
    float *kept, *y, *work, *partials;
    size_t work_size;
    size_t part_size, matrix_sums, ffn_sums; // floats of one item's sums, where those of M and of the ffn begin
    int wants_matrix;
} block_job;

static block_job job_of(const hsi_band_block *b, int backward, const float *ffn) {
    block_job job = {.plan = plan_of(b, backward), .linear = hsi_linear_table(), .mixing = hsi_mixing_table(),
                     .ffn = ffn ? hsi_ffn_table() : NULL, .weights = ffn};
    if (ffn) job.layout = hsi_ffn_layout(b->channels);
    return job;
}

/// Copies `count` values of every plane.
static void bring(const block_plan *p, const float *x, size_t count, float *local) {
    for (size_t d = 0; d < p->planes; d++)
        memcpy(local + d * count, x + d * p->pixels * p->channels, count * sizeof(float));
}

/// mixed = A x or A^T x on a chunk of `count` values per plane; adds to what is there with `accumulate`.
static void mix(const block_job *job, int transposed, const float *x, size_t count, int accumulate, float *mixed) {
    for (size_t n = 0; n < count; n += MIX_VALUES)
        job->mixing->mix(job->a, transposed, x + n, count, job->plan.planes, smaller(MIX_VALUES, count - n), accumulate,
                         mixed + n, count);
}

// MARK: - Forward

static size_t forward_work(const block_plan *p, const ffn_layout *l) {
    return 2 * p->array + lanes(p->chunk * p->channels) + 16 + (l ? lanes(hsi_ffn_forward_work(l)) : 0);
}

/// Asks for `count` floats from p.
static void ask(const float *p, size_t count) {
    for (size_t i = 0; i < count; i += 16) __builtin_prefetch(p + i, 0, 2);
}

static void forward_item(void *context, int index) {
    const block_job *job = context;
    const block_plan *p = &job->plan;
    const size_t c = p->channels, values = p->pixels * c;
    float *x = job->work + (size_t)hsi_pool_thread_index() * job->work_size, *mixed = x + p->array;
    float *rows = mixed + p->array, *hidden = rows + lanes(p->chunk * c) + 16;
    const size_t last = smaller(((size_t)index + 1) * p->per_item, p->chunks);
    for (size_t chunk = (size_t)index * p->per_item; chunk < last; chunk++) {
        const size_t first = chunk * p->chunk, pixels = smaller(p->chunk, p->pixels - first), start = first * c;
        const size_t count = pixels * c, next = chunk + 1 < last ? smaller(p->chunk * c, values - start - count) : 0;
        bring(p, job->x + start, count, x);
        mix(job, 0, x, count, 0, mixed);
        for (size_t d = 0; d < p->planes; d++) {
            const size_t at = d * values + start;
            float *r = !job->ffn ? job->y + at : job->kept ? job->kept + at : rows;
            ask(job->x + at + count, next);
            if (job->skip) ask(job->skip + at + count, next);
            job->linear->gemm(mixed + d * count, c, job->m, NULL, x + d * count, c, r, c, pixels, c, c);
            if (job->ffn)
                job->ffn->forward(&job->layout, r, pixels, job->weights, job->skip ? job->skip + at : NULL, job->y + at,
                                  hidden);
        }
    }
}

size_t hsi_band_block_forward_scratch_size(const hsi_band_block *b, int has_ffn, int threads) {
    const block_plan p = plan_of(b, 0);
    const ffn_layout l = hsi_ffn_layout(b->channels);
    return forward_work(&p, has_ffn ? &l : NULL) * (size_t)threads;
}

void hsi_band_block_forward(const hsi_band_block *b, const float *a, const float *m, const float *ffn, const float *x,
                            const float *skip, float *r, float *y, float *scratch, int threads) {
    if (b->planes == 0 || b->pixels == 0 || b->channels == 0) return;
    block_job job = job_of(b, 0, ffn);
    job.a = a;
    job.m = m;
    job.x = x;
    job.skip = skip;
    job.kept = r;
    job.y = y;
    job.work = scratch;
    job.work_size = forward_work(&job.plan, ffn ? &job.layout : NULL);
    hsi_pool_run_on(threads, (int)job.plan.items, forward_item, &job);
}

// MARK: - Backward

static size_t backward_work(const block_plan *p, const ffn_layout *l) {
    return 4 * p->array + (l ? lanes(hsi_ffn_backward_work(l)) : 0);
}

/// Sums of an item: of A in double precision, of M, of the ffn.
static void plan_sums(block_job *job, int has_ffn) {
    const size_t d = job->plan.planes, c = job->plan.channels;
    job->matrix_sums = 2 * d * d;
    job->ffn_sums = job->matrix_sums + c * lanes(c);
    job->part_size = (job->ffn_sums + (has_ffn ? job->layout.gradient_size : 0) + 1) / 2 * 2;
}

static void backward_item(void *context, int index) {
    const block_job *job = context;
    const block_plan *p = &job->plan;
    const size_t c = p->channels, values = p->pixels * c;
    float *x = job->work + (size_t)hsi_pool_thread_index() * job->work_size, *mixed = x + p->array;
    float *dr = mixed + p->array, *dz = dr + p->array, *hidden = dz + p->array;
    float *sums = job->partials + (size_t)index * job->part_size;
    memset(sums, 0, job->part_size * sizeof(float));
    const size_t last = smaller(((size_t)index + 1) * p->per_item, p->chunks);
    for (size_t chunk = (size_t)index * p->per_item; chunk < last; chunk++) {
        const size_t first = chunk * p->chunk, pixels = smaller(p->chunk, p->pixels - first), start = first * c;
        const size_t count = pixels * c, rows = p->planes * pixels;
        bring(p, job->x + start, count, x);
        bring(p, job->dy + start, count, dr);
        if (job->ffn) bring(p, job->r + start, count, dz);
        if (job->wants_matrix) mix(job, 0, x, count, 0, mixed);
        for (size_t n = 0; n < rows; n += SUM_ROWS) {
            const size_t some = smaller(SUM_ROWS, rows - n), at = n * c;
            if (job->ffn)
                job->ffn->backward(&job->layout, dz + at, dr + at, some, job->weights, dr + at, sums + job->ffn_sums, hidden);
            if (job->wants_matrix)
                job->linear->row_products(some, dr + at, c, c, mixed + at, c, c, sums + job->matrix_sums, lanes(c), 1);
            job->linear->gemm(dr + at, c, job->m, NULL, NULL, 0, dz + at, c, some, c, c);
        }
        for (size_t n = 0; n < count; n += PRODUCT_VALUES)
            job->mixing->products(dz + n, count, x + n, count, p->planes, smaller(PRODUCT_VALUES, count - n), (double *)sums);
        mix(job, 1, dz, count, 1, dr);
        for (size_t d = 0; d < p->planes; d++)
            memcpy(job->y + d * values + start, dr + d * count, count * sizeof(float));
    }
}

size_t hsi_band_block_backward_scratch_size(const hsi_band_block *b, int has_ffn, int threads) {
    block_job job = {.plan = plan_of(b, 1), .layout = hsi_ffn_layout(b->channels)};
    plan_sums(&job, has_ffn);
    return job.part_size * job.plan.items + backward_work(&job.plan, has_ffn ? &job.layout : NULL) * (size_t)threads;
}

void hsi_band_block_backward(const hsi_band_block *b, const float *a, const float *m_transposed, const float *ffn,
                             const float *x, const float *r, const float *dy, float *dx,
                             const hsi_band_block_gradients *gradients, float *scratch, int threads) {
    const size_t d = b->planes, c = b->channels;
    if (d == 0 || b->pixels == 0 || c == 0) return;
    block_job job = job_of(b, 1, ffn);
    plan_sums(&job, ffn != NULL);
    job.a = a;
    job.m = m_transposed;
    job.x = x;
    job.r = r;
    job.dy = dy;
    job.y = dx;
    job.partials = scratch;
    job.work = scratch + job.part_size * job.plan.items;
    job.work_size = backward_work(&job.plan, ffn ? &job.layout : NULL);
    job.wants_matrix = gradients->m != NULL;
    hsi_pool_run_on(threads, (int)job.plan.items, backward_item, &job);
    for (size_t i = 0; i < d * d; i++) {
        double total = 0;
        for (size_t item = 0; item < job.plan.items; item++)
            total += ((const double *)(scratch + item * job.part_size))[i];
        gradients->a[i] = (float)total;
    }
    if (gradients->m)
        hsi_add_partials(scratch + job.matrix_sums, job.plan.items, job.part_size, c, lanes(c), c, gradients->m, c, 1);
    if (ffn)
        hsi_ffn_add_gradients(&job.layout, scratch + job.ffn_sums, job.plan.items, job.part_size, &gradients->ffn);
}
