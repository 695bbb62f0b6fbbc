// The feed-forward layer of HSDT: packing and drivers over the pool. See include/hsi_nn_ffn.h.
#include "hsi_nn_ffn.h"

#include "hsi_nn_linear.h"
#include "hsi_pool.h"
#include "hsi_products.h"
#include "nn_partials.h"

/// Where the parts of the packed weights and of one partial gradient begin.
typedef struct {
    size_t channels;
    size_t expand, expand_bias, contract, contract_bias, expand_back, contract_back, packed_size;
    size_t block;                                       // rows per block
    size_t expand_lanes, contract_lanes;                // of the partial gradients [C][4C] and [C][2C]
    size_t contract_gradient, expand_bias_gradient, contract_bias_gradient, gradient_size;
} ffn_layout;

typedef struct {
    void (*forward)(const ffn_layout *, const float *, size_t, const float *, float *, float *);
    void (*backward)(const ffn_layout *, const float *, const float *, size_t, const float *, float *, float *, float *);
} ffn_table;

#define HSI_BODY "nn_ffn_body.h"
#include "instantiate.h"

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }
static size_t lanes(size_t n) { return (n + 15) / 16 * 16; }

static ffn_layout layout_of(size_t c) {
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

size_t hsi_smffn_packed_size(size_t channels) { return layout_of(channels).packed_size; }

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
    ffn_layout l = layout_of(channels);
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
static size_t forward_work(const ffn_layout *l) { return l->block * 4 * l->channels + 16; }
static size_t backward_work(const ffn_layout *l) { return l->block * 8 * l->channels + 48; }

size_t hsi_smffn_forward_scratch_size(size_t channels) {
    ffn_layout l = layout_of(channels);
    return (size_t)hsi_pool_threads() * forward_work(&l);
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
    job->table->forward(&job->layout, job->x + first * c, smaller(job->rows_per_item, job->rows - first), job->packed,
                        job->y + first * c,
                        job->work + (size_t)hsi_pool_thread_index() * forward_work(&job->layout));
}

void hsi_smffn_forward(const float *x, size_t rows, size_t channels, const float *packed, float *y, float *scratch) {
    if (rows == 0 || channels == 0) return;
    ffn_layout l = layout_of(channels);
    size_t blocks = 400000 / (l.block * (12 * channels * channels + 300 * channels)) + 1;
    ffn_job job = {.table = HSI_SELECT(ffn), .layout = l, .x = x, .packed = packed, .y = y, .work = scratch,
                   .rows = rows, .rows_per_item = blocks * l.block};
    hsi_pool_run((int)((rows + job.rows_per_item - 1) / job.rows_per_item), forward_item, &job);
}

// MARK: - Backward

static size_t backward_pieces(const ffn_layout *l, size_t rows, size_t *rows_per_item) {
    *rows_per_item = (hsi_pixels_per_block(rows) + l->block - 1) / l->block * l->block;
    return (rows + *rows_per_item - 1) / *rows_per_item;
}

size_t hsi_smffn_backward_scratch_size(size_t rows, size_t channels) {
    ffn_layout l = layout_of(channels);
    size_t per_item;
    return backward_pieces(&l, rows, &per_item) * l.gradient_size + (size_t)hsi_pool_threads() * backward_work(&l);
}

static void backward_item(void *context, int index) {
    const ffn_job *job = context;
    size_t c = job->layout.channels, first = (size_t)index * job->rows_per_item;
    float *gradients = job->partials + (size_t)index * job->layout.gradient_size;
    memset(gradients, 0, job->layout.gradient_size * sizeof(float));
    job->table->backward(&job->layout, job->x + first * c, job->dy + first * c,
                         smaller(job->rows_per_item, job->rows - first), job->packed, job->y + first * c, gradients,
                         job->work + (size_t)hsi_pool_thread_index() * backward_work(&job->layout));
}

void hsi_smffn_backward(const float *x, const float *dy, size_t rows, size_t channels, const float *packed, float *dx,
                        float *dw1, float *db1, float *dw2, float *db2, float *dw3, float *db3, float *scratch) {
    if (rows == 0 || channels == 0) return;
    ffn_layout l = layout_of(channels);
    size_t c = channels, per_item, pieces = backward_pieces(&l, rows, &per_item), stride = l.gradient_size;
    ffn_job job = {.table = HSI_SELECT(ffn), .layout = l, .x = x, .dy = dy, .packed = packed, .y = dx,
                   .work = scratch + pieces * stride, .partials = scratch, .rows = rows, .rows_per_item = per_item};
    hsi_pool_run((int)pieces, backward_item, &job);
    // The partial sums are [in][out] for w1 and w3, [out][in] for w2.
    hsi_add_partials(scratch, pieces, stride, c, l.expand_lanes, 2 * c, dw1, 1, c);
    hsi_add_partials(scratch + 2 * c, pieces, stride, c, l.expand_lanes, 2 * c, dw3, 1, c);
    hsi_add_partials(scratch + l.contract_gradient, pieces, stride, c, l.contract_lanes, 2 * c, dw2, 2 * c, 1);
    hsi_add_partials(scratch + l.expand_bias_gradient, pieces, stride, 1, 0, 2 * c, db1, 0, 1);
    hsi_add_partials(scratch + l.expand_bias_gradient + 2 * c, pieces, stride, 1, 0, 2 * c, db3, 0, 1);
    hsi_add_partials(scratch + l.contract_bias_gradient, pieces, stride, 1, 0, c, db2, 0, 1);
}
