// Orders of samples; compiled once per level.
#define HSI_TRANSPOSE_SWAPS
#include "transpose_body.h"
#undef HSI_TRANSPOSE_SWAPS

static const reorder_table K(reorder)[4] = {
    {K(transpose1), K(transpose_swapped1), K(copy_swapped1)},
    {K(transpose2), K(transpose_swapped2), K(copy_swapped2)},
    {K(transpose4), K(transpose_swapped4), K(copy_swapped4)},
    {K(transpose8), K(transpose_swapped8), K(copy_swapped8)},
};
