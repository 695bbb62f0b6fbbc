// Linear layers: drivers over the pool. See include/hsi_nn_linear.h.
#include "linear.h"

#include <limits.h>

#include "hsi_pool.h"
#include "partials.h"

#define HSI_BODY "linear_body.h"
#include "instantiate.h"

const linear_table *hsi_linear_table(void) { return HSI_SELECT(linear); }

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// MARK: - Forward

/// Items are pieces of rows, of columns (whole panels), or both. Every value is one chain over the inputs, so that it is
/// the same however the work is cut.
typedef struct {
    const linear_table *table;
    const float *x, *packed, *weights, *bias, *residual; // packed, or weights
    float *y, *scratch;
    int transposed;
    size_t rows, input, output, rows_per_item, columns_per_item, column_items;
} forward_job;

/// About 2 million products (some 40 us) per item; `least` rows at least where there are as many.
static void cut_forward(forward_job *job, size_t least) {
    enum { PRODUCTS = 2000000, MOST_ROWS = 384 };
    const size_t input = job->input ? job->input : 1;
    size_t rows = (size_t)PRODUCTS / (job->output * input);
    job->columns_per_item = (job->output + 31) / 32 * 32;
    if (rows < least) { // a large matrix: all of the rows (or even parts of many) at a few panels
        const size_t pieces = (job->rows + MOST_ROWS - 1) / MOST_ROWS;
        rows = ((job->rows + pieces - 1) / pieces + 11) / 12 * 12;
        const size_t columns = (size_t)PRODUCTS / (rows * input) / 32 * 32;
        if (columns < job->columns_per_item) job->columns_per_item = columns < 32 ? 32 : columns;
    }
    job->rows_per_item = rows < 12 ? 12 : rows > 1536 ? 1536 : rows / 12 * 12;
    job->column_items = (job->output + job->columns_per_item - 1) / job->columns_per_item;
}

static void forward_item(void *context, int index) {
    const forward_job *job = context;
    const size_t first = (size_t)index / job->column_items * job->rows_per_item;
    const size_t end = smaller(first + job->rows_per_item, job->rows);
    const size_t left = (size_t)index % job->column_items * job->columns_per_item;
    const size_t right = smaller(left + job->columns_per_item, job->output);
    for (size_t j = left; j < right;) {
        // What is packed already is one piece; else a panel at a time.
        const size_t columns = job->packed ? right - j : smaller(32, right - j);
        const float *panels = job->packed ? job->packed + j * job->input : job->scratch;
        if (!job->packed) {
            float *target = job->scratch + (size_t)hsi_pool_thread_index() * 32 * job->input;
            panels = target;
            if (job->transposed) {
                job->table->pack_turned(job->weights + j * job->input, job->input, job->input, columns, target);
            } else {
                const size_t width = columns > 16 ? 32 : 16;
                for (size_t k = 0; k < job->input; k++) {
                    memcpy(target + k * width, job->weights + k * job->output + j, columns * sizeof(float));
                    if (columns < width) memset(target + k * width + columns, 0, (width - columns) * sizeof(float));
                }
            }
        }
        const size_t at = first * job->output + j;
        job->table->gemm(job->x + first * job->input, job->input, panels, job->bias ? job->bias + j : NULL,
                         job->residual ? job->residual + at : NULL, job->output, job->y + at, job->output, end - first,
                         columns, job->input);
        j += columns;
    }
}

static void run_forward(forward_job *job, size_t least, int threads) {
    if (job->rows == 0 || job->output == 0) return;
    cut_forward(job, least);
    hsi_pool_run_on(threads, (int)((job->rows + job->rows_per_item - 1) / job->rows_per_item * job->column_items),
                    forward_item, job);
}

void hsi_linear_forward(const float *x, size_t rows, size_t input, const float *packed, const float *bias,
                        size_t output, const float *residual, float *y) {
    forward_job job = {.table = HSI_SELECT(linear), .x = x, .packed = packed, .bias = bias, .residual = residual, .y = y,
                       .rows = rows, .input = input, .output = output};
    run_forward(&job, 96, INT_MAX);
}

size_t hsi_linear_unpacked_scratch_size(size_t input, int threads) { return (size_t)threads * 32 * input; }

void hsi_linear_forward_unpacked(const float *x, size_t rows, size_t input, const float *weights, int transposed,
                                 const float *bias, size_t output, const float *residual, float *y, float *scratch,
                                 int threads) {
    forward_job job = {.table = HSI_SELECT(linear), .x = x, .weights = weights, .bias = bias, .residual = residual,
                       .y = y, .scratch = scratch, .transposed = transposed, .rows = rows, .input = input,
                       .output = output};
    run_forward(&job, 1536, threads);
}

typedef struct {
    const linear_table *table;
    const float *weights;
    float *packed;
    size_t output, input;
} pack_job;

static void pack_item(void *context, int index) {
    const pack_job *job = context;
    const size_t j = (size_t)index * 32;
    job->table->pack_turned(job->weights + j * job->input, job->input, job->input, smaller(32, job->output - j),
                            job->packed + j * job->input);
}

void hsi_gemm_pack_transposed(const float *weights, size_t output, size_t input, float *packed) {
    pack_job job = {HSI_SELECT(linear), weights, packed, output, input};
    hsi_pool_run((int)((output + 31) / 32), pack_item, &job);
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
