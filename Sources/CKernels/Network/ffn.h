// The feed-forward layer of HSDT on blocks of rows, for the drivers that use it. Private.
#ifndef HSI_NN_FFN_PRIVATE_H
#define HSI_NN_FFN_PRIVATE_H

#include "hsi_nn_ffn.h"

/// Where the parts of the packed weights and of one partial gradient begin.
typedef struct {
    size_t channels;
    size_t expand, expand_bias, contract, contract_bias, expand_back, contract_back, packed_size;
    size_t block;                                       // rows per block
    size_t expand_lanes, contract_lanes;                // of the partial gradients [C][4C] and [C][2C]
    size_t contract_gradient, expand_bias_gradient, contract_bias_gradient, gradient_size;
} ffn_layout;

typedef struct {
    /// x, rows, packed, what is added (may be null), y, work.
    void (*forward)(const ffn_layout *, const float *, size_t, const float *, const float *, float *, float *);
    /// x, dy, rows, packed, dx, sums of the gradients of the weights, work.
    void (*backward)(const ffn_layout *, const float *, const float *, size_t, const float *, float *, float *, float *);
} ffn_table;

const ffn_table *hsi_ffn_table(void);
ffn_layout hsi_ffn_layout(size_t channels);

/// Floats of `work`, one per thread.
size_t hsi_ffn_forward_work(const ffn_layout *l);
size_t hsi_ffn_backward_work(const ffn_layout *l);

/// Adds `pieces` partial sums of gradients, `stride` floats apart, to the gradients.
void hsi_ffn_add_gradients(const ffn_layout *l, const float *partials, size_t pieces, size_t stride,
                           const hsi_smffn_gradients *g);

#endif
