// Products of linear layers; compiled once per level.
#include "gemm_body.h"
#include "row_products_body.h"

/// row_products for rows that come from memory.
static void K(row_products_streamed)(size_t rows, const float *a, size_t lda, size_t count, const float *b, size_t ldb,
                                     size_t columns, float *p, size_t ldp, int padded) {
    K(stream_in)(b, ldb, rows, columns);
    K(row_products)(rows, a, lda, count, b, ldb, columns, p, ldp, padded);
}

static const linear_table K(linear) = {K(gemm), K(row_products_streamed), K(row_sums)};
