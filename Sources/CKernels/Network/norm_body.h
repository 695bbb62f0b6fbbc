// Batch normalisation; compiled once per level.
#include "columns_body.h"

static const norm_table K(norm) = {K(column_sums), K(column_products), K(column_affine), K(column_combine)};
