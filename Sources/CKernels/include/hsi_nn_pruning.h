// Which weights are kept when a matrix is made sparse.
#ifndef HSI_NN_PRUNING_H
#define HSI_NN_PRUNING_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Zeroes all but the `kept` largest magnitudes of every `group` neighbours along the inputs of w [out, in, inner] (`inner` is the
/// extent of a kernel: neighbours have the same place in it); y may be w. What is left over of the inputs is kept whole. Between
/// equals the first is kept. Cost: out · in · inner · group comparisons.
void hsi_keep_largest_of_groups(
    const float *w, size_t out, size_t in, size_t inner, size_t kept, size_t group, float *y);

/// Zeroes all but the `kept` largest magnitudes of `count` values; y may be w. Between equals the first is kept. `scratch` holds
/// `count` values. Cost: about 4 · count comparisons.
void hsi_keep_largest(const float *w, size_t count, size_t kept, float *scratch, float *y);

/// The gradient of SR-STE: y = scale · g + penalty · w where mask is 0, scale · g elsewhere (`mask`: the kept weights, any zero of which
/// stands for one that is not kept); y may be g.
void hsi_add_pruning_penalty(
    const float *g, const float *w, const float *mask, size_t count, float scale, float penalty, float *y);

#ifdef __cplusplus
}
#endif

#endif
