// The feed-forward layer of HSDT: packing and drivers over the pool. See include/hsi_nn_ffn.h.
#include "ffn.h"

#include "hsi_nn_linear.h"
#include "hsi_pool.h"
#include "hsi_products.h"
#include "partials.h"

#define HSI_BODY "ffn_body.h"
#include "instantiate.h"

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t lanes(size_t n) { return (n + 15) / 16 * 16; }

const ffn_table *hsi_ffn_table(void) { return HSI_SELECT(ffn); }

ffn_layout hsi_ffn_layout(size_t c) {
    ffn_layout l = {.channels = c};
    l.expand_bias = hsi_gemm_packed_size(c, 4 * c);
    l.contract = l.expand_bias + lanes(4 * c);
    l.contract_bias = l.contract + hsi_gemm_packed_size(2 * c, c);
    l.contract_back = l.contract_bias + lanes(c);
    l.expand_back = l.contract_back + hsi_gemm_packed_size(c, 2 * c);
    l.packed_size = l.expand_back + hsi_gemm_packed_size(4 * c, c);
    l.block = c <= 32 ? 96 : c <= 64 ? 48 : 24;
    l.expand_lanes = lanes(4 * c);
    l.contract_lanes = lanes(2 * c);
    l.contract_gradient = c * l.expand_lanes;
    l.expand_bias_gradient = l.contract_gradient + c * l.contract_lanes;
    l.contract_bias_gradient = l.expand_bias_gradient + l.expand_lanes;
    l.gradient_size = l.contract_bias_gradient + lanes(c);
    return l;
}

// MARK: - Packing

size_t hsi_smffn_packed_size(size_t channels) { return hsi_ffn_layout(channels).packed_size; }

/// Packs the vertical stack of w1 and w3 (4C x C), or its transpose.
static void pack_stack(size_t c, const float *w1, const float *w3, int transposed, float *packed) {
    size_t depth = transposed ? c : 4 * c, columns = transposed ? 4 * c : c;
    for (size_t j = 0; j < columns; j += 32) {
        size_t left = columns - j, width = left > 16 ? 32 : 16;
        float *panel = packed + j * depth;
        for (size_t k = 0; k < depth; k++)
            for (size_t i = 0; i < width; i++) {
                size_t out = transposed ? j + i : k, in = transposed ? k : j + i;
                panel[k * width + i] = i >= left ? 0.0f : out < 2 * c ? w1[out * c + in] : w3[(out - 2 * c) * c + in];
            }
    }
}

void hsi_smffn_pack(size_t channels, const float *w1, const float *b1, const float *w2, const float *b2,
                    const float *w3, const float *b3, float *packed) {
    ffn_layout l = hsi_ffn_layout(channels);
    size_t c = channels;
    pack_stack(c, w1, w3, 1, packed + l.expand);
    pack_stack(c, w1, w3, 0, packed + l.expand_back);
    hsi_gemm_pack_transposed(w2, c, 2 * c, packed + l.contract);
    hsi_gemm_pack(w2, 2 * c, c, 2 * c, packed + l.contract_back);
    for (size_t i = 0; i < 2 * c; i++) {
        packed[l.expand_bias + i] = b1[i];
        packed[l.expand_bias + 2 * c + i] = b3[i];
    }
    for (size_t i = 0; i < c; i++) packed[l.contract_bias + i] = b2[i];
}

// MARK: - Forward

/// Values of one row of hidden activations of both directions, and what full vectors may touch beyond.
size_t hsi_ffn_forward_work(const ffn_layout *l) { return l->block * 4 * l->channels + 16; }
size_t hsi_ffn_backward_work(const ffn_layout *l) { return l->block * 8 * l->channels + 48; }

size_t hsi_smffn_forward_scratch_size(size_t channels, int threads) {
    ffn_layout l = hsi_ffn_layout(channels);
    return (size_t)threads * hsi_ffn_forward_work(&l);
}

typedef struct {
    const ffn_table *table;
    ffn_layout layout;
    const float *x, *dy, *packed;
    float *y, *work, *partials;
    size_t rows, rows_per_item;
} ffn_job;

static void forward_item(void *context, int index) {
    const ffn_job *job = context;
    size_t c = job->layout.channels, first = (size_t)index * job->rows_per_item;
    job->table->forward(&job->layout, job->x + first * c, smaller(job->rows_per_item, job->rows - first), job->packed, NULL,
                        job->y + first * c,
                        job->work + (size_t)hsi_pool_thread_index() * hsi_ffn_forward_work(&job->layout));
}

void hsi_smffn_forward(const float *x, size_t rows, size_t channels, const float *packed, float *y, float *scratch,
                       int threads) {
    if (rows == 0 || channels == 0) return;
    ffn_layout l = hsi_ffn_layout(channels);
    size_t blocks = 400000 / (l.block * (12 * channels * channels + 300 * channels)) + 1;
    ffn_job job = {.table = HSI_SELECT(ffn), .layout = l, .x = x, .packed = packed, .y = y, .work = scratch,
                   .rows = rows, .rows_per_item = blocks * l.block};
    hsi_pool_run_on(threads, (int)((rows + job.rows_per_item - 1) / job.rows_per_item), forward_item, &job);
}

// MARK: - Backward

static size_t backward_pieces(const ffn_layout *l, size_t rows, size_t *rows_per_item) {
    *rows_per_item = (hsi_pixels_per_block(rows) + l->block - 1) / l->block * l->block;
    return (rows + *rows_per_item - 1) / *rows_per_item;
}

size_t hsi_smffn_backward_scratch_size(size_t rows, size_t channels, int threads) {
    ffn_layout l = hsi_ffn_layout(channels);
    size_t per_item;
    return backward_pieces(&l, rows, &per_item) * l.gradient_size + (size_t)threads * hsi_ffn_backward_work(&l);
}

static void backward_item(void *context, int index) {
    const ffn_job *job = context;
    size_t c = job->layout.channels, first = (size_t)index * job->rows_per_item;
    float *gradients = job->partials + (size_t)index * job->layout.gradient_size;
    memset(gradients, 0, job->layout.gradient_size * sizeof(float));
    job->table->backward(&job->layout, job->x + first * c, job->dy + first * c,
                         smaller(job->rows_per_item, job->rows - first), job->packed, job->y + first * c, gradients,
                         job->work + (size_t)hsi_pool_thread_index() * hsi_ffn_backward_work(&job->layout));
}

void hsi_ffn_add_gradients(const ffn_layout *l, const float *partials, size_t pieces, size_t stride,
                           const hsi_smffn_gradients *g) {
    const size_t c = l->channels;
    // The partial sums are [in][out] for w1 and w3, [out][in] for w2.
    hsi_add_partials(partials, pieces, stride, c, l->expand_lanes, 2 * c, g->w1, 1, c);
    hsi_add_partials(partials + 2 * c, pieces, stride, c, l->expand_lanes, 2 * c, g->w3, 1, c);
    hsi_add_partials(partials + l->contract_gradient, pieces, stride, c, l->contract_lanes, 2 * c, g->w2, 2 * c, 1);
    hsi_add_partials(partials + l->expand_bias_gradient, pieces, stride, 1, 0, 2 * c, g->b1, 0, 1);
    hsi_add_partials(partials + l->expand_bias_gradient + 2 * c, pieces, stride, 1, 0, 2 * c, g->b3, 0, 1);
    hsi_add_partials(partials + l->contract_bias_gradient, pieces, stride, 1, 0, c, g->b2, 0, 1);
}

void hsi_smffn_backward(const float *x, const float *dy, size_t rows, size_t channels, const float *packed, float *dx,
                        const hsi_smffn_gradients *gradients, float *scratch, int threads) {
    if (rows == 0 || channels == 0) return;
    ffn_layout l = hsi_ffn_layout(channels);
    size_t per_item, pieces = backward_pieces(&l, rows, &per_item), stride = l.gradient_size;
    ffn_job job = {.table = HSI_SELECT(ffn), .layout = l, .x = x, .dy = dy, .packed = packed, .y = dx,
                   .work = scratch + pieces * stride, .partials = scratch, .rows = rows, .rows_per_item = per_item};
    hsi_pool_run_on(threads, (int)pieces, backward_item, &job);
    hsi_ffn_add_gradients(&l, scratch, pieces, stride, gradients);
}
