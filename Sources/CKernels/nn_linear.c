// Linear layers: drivers over the pool. See include/hsi_nn_linear.h.
#include "nn_linear.h"

#include "hsi_pool.h"
#include "nn_partials.h"

#define HSI_BODY "nn_linear_body.h"
#include "instantiate.h"

const linear_table *hsi_linear_table(void) { return HSI_SELECT(linear); }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// MARK: - Forward

typedef struct {
    const linear_table *table;
    const float *x, *packed, *bias, *residual;
    float *y;
    size_t rows, input, output, rows_per_item;
} forward_job;

static void forward_item(void *context, int index) {
    const forward_job *job = context;
    size_t first = (size_t)index * job->rows_per_item, end = smaller(first + job->rows_per_item, job->rows);
    job->table->gemm(job->x + first * job->input, job->input, job->packed, job->bias,
                     job->residual ? job->residual + first * job->output : NULL, job->output,
                     job->y + first * job->output, job->output, end - first, job->output, job->input);
}

void hsi_linear_forward(const float *x, size_t rows, size_t input, const float *packed, const float *bias,
                        size_t output, const float *residual, float *y) {
    if (rows == 0 || output == 0) return;
    // About 4 Mflop (some 40 us) per item, a multiple of the 12-row tile.
    size_t per_item = (size_t)2000000 / (output * (input ? input : 1));
    per_item = per_item < 12 ? 12 : per_item > 1536 ? 1536 : per_item / 12 * 12;
    forward_job job = {HSI_SELECT(linear), x, packed, bias, residual, y, rows, input, output, per_item};
    hsi_pool_run((int)((rows + per_item - 1) / per_item), forward_item, &job);
}

void hsi_gemm_pack_transposed(const float *weights, size_t output, size_t input, float *packed) {
    for (size_t j = 0; j < output; j += 32) {
        size_t left = output - j, width = left > 16 ? 32 : 16;
        float *panel = packed + j * input;
        for (size_t k = 0; k < input; k++)
            for (size_t i = 0; i < width; i++) panel[k * width + i] = i < left ? weights[(j + i) * input + k] : 0.0f;
    }
}

// MARK: - Weight gradient

enum { ROW_BLOCK = 96, LARGE_MATRIX = 65536 };

/// Rows are split into pieces with a partial sum each, unless the matrix is so large that its own rows are split.
typedef struct {
    const linear_table *table;
    const float *a, *b; // a rows x count, broadcast; b rows x columns, in vectors
    size_t rows, count, columns, lanes;
    size_t row_pieces, rows_per_piece, count_pieces, count_per_piece;
    const float *dy;
    size_t output;
    int wants_bias;
    float *partials;
    size_t stride;
} gradient_job;

static void plan(gradient_job *job, size_t rows, size_t input, size_t output) {
    job->rows = rows;
    job->output = output;
    // The longer side in vectors, unless that would leave more lanes empty.
    size_t padded_input = (input + 15) / 16 * 16, padded_output = (output + 15) / 16 * 16;
    int input_in_lanes = input == output || (padded_input * output == padded_output * input
                                                 ? input > output
                                                 : padded_input * output < padded_output * input);
    job->columns = input_in_lanes ? input : output;
    job->count = input_in_lanes ? output : input;
    job->lanes = (job->columns + 15) / 16 * 16;
    if (input * output <= LARGE_MATRIX) {
        job->rows_per_piece = (hsi_pixels_per_block(rows) + ROW_BLOCK - 1) / ROW_BLOCK * ROW_BLOCK;
        job->count_per_piece = job->count;
    } else {
        job->rows_per_piece = rows ? rows : 1;
        job->count_per_piece = 48;
    }
    job->row_pieces = (rows + job->rows_per_piece - 1) / job->rows_per_piece;
    job->count_pieces = (job->count + job->count_per_piece - 1) / job->count_per_piece;
    job->stride = job->count * job->lanes + (output + 15) / 16 * 16;
}

static void gradient_item(void *context, int index) {
    const gradient_job *job = context;
    size_t piece = (size_t)index / job->count_pieces, part = (size_t)index % job->count_pieces;
    size_t first = piece * job->rows_per_piece, end = smaller(first + job->rows_per_piece, job->rows);
    size_t i = part * job->count_per_piece, count = smaller(job->count_per_piece, job->count - i);
    float *sums = job->partials + piece * job->stride, *bias = sums + job->count * job->lanes;
    memset(sums + i * job->lanes, 0, count * job->lanes * sizeof(float));
    int wants_bias = job->wants_bias && part == 0;
    if (wants_bias) memset(bias, 0, job->output * sizeof(float));
    for (size_t n = first; n < end; n += ROW_BLOCK) {
        size_t rows = smaller(ROW_BLOCK, end - n);
        job->table->row_products(rows, job->a + n * job->count + i, job->count, count, job->b + n * job->columns,
                                 job->columns, job->columns, sums + i * job->lanes, job->lanes,
                                 (job->rows - n - rows) * job->columns >= 15);
        if (wants_bias) job->table->row_sums(rows, job->dy + n * job->output, job->output, job->output, bias);
    }
}

size_t hsi_linear_weight_gradient_scratch_size(size_t rows, size_t input, size_t output) {
    gradient_job job;
    plan(&job, rows, input, output);
    return job.row_pieces * job.stride;
}

void hsi_linear_weight_gradient(const float *x, const float *dy, size_t rows, size_t input, size_t output, float *dw,
                                float *db, float *scratch) {
    if (rows == 0 || input == 0 || output == 0) return;
    gradient_job job = {.table = HSI_SELECT(linear), .dy = dy, .wants_bias = db != NULL, .partials = scratch};
    plan(&job, rows, input, output);
    int lanes_are_input = job.columns == input && job.count == output;
    job.a = lanes_are_input ? dy : x;
    job.b = lanes_are_input ? x : dy;
    hsi_pool_run((int)(job.row_pieces * job.count_pieces), gradient_item, &job);
    hsi_add_partials(scratch, job.row_pieces, job.stride, job.count, job.lanes, job.columns, dw,
                     lanes_are_input ? input : 1, lanes_are_input ? 1 : input);
    if (db) hsi_add_partials(scratch + job.count * job.lanes, job.row_pieces, job.stride, 1, 0, output, db, 0, 1);
}
