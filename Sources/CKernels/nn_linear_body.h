// Products of linear layers; compiled once per level.
#include "gemm_body.h"
#include "row_products_body.h"

static const linear_table K(linear) = {K(gemm), K(row_products), K(row_sums)};
