// The self-modulating feed-forward layer of HSDT (Lai, Yan, Fu, ICCV 2023), fused: hidden activations stay in cache.
//
//     h = w1 x + b1 (2C),  [a; g] = w3 x + b3 (C each),  y = w2 gelu(h) + b2 + a * sigmoid(g)
//
// gelu is the one with erf, within 2e-7 max(1, |h|). Weights are [out][in]: w1 2C x C, w2 C x 2C, w3 2C x C.
#ifndef HSI_NN_FFN_H
#define HSI_NN_FFN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Floats that hsi_smffn_pack writes.
size_t hsi_smffn_packed_size(size_t channels);

/// Packs all weights and biases for both directions. Pack after every change of a weight; costs some 20 C^2 copies.
void hsi_smffn_pack(size_t channels, const float *w1, const float *b1, const float *w2, const float *b2,
                    const float *w3, const float *b3, float *packed);

/// Floats of scratch (8-byte aligned) for hsi_smffn_forward, for that many threads of the pool.
size_t hsi_smffn_forward_scratch_size(size_t channels, int threads);

/// y of rows x channels; y must not be x. Any number of channels, multiples of 16 are fastest. A row has the same bits
/// whatever rows share the call. Cost 12 C^2 flops and 3 C exponentials per row.
void hsi_smffn_forward(const float *x, size_t rows, size_t channels, const float *packed, float *y, float *scratch,
                       int threads);

/// Gradients of the weights and biases, in their order.
typedef struct hsi_smffn_gradients {
    float *w1, *b1, *w2, *b2, *w3, *b3;
} hsi_smffn_gradients;

/// Floats of scratch (8-byte aligned) for hsi_smffn_backward, for that many threads of the pool.
size_t hsi_smffn_backward_scratch_size(size_t rows, size_t channels, int threads);

/// Gradients given dy, recomputing the hidden values: dx is written (it may be dy but not x), the others are added to.
/// Rows are split by their number alone; fp32 within an item, fp64 between items. Cost 32 C^2 flops per row.
void hsi_smffn_backward(const float *x, const float *dy, size_t rows, size_t channels, const float *packed, float *dx,
                        const hsi_smffn_gradients *gradients, float *scratch, int threads);

#ifdef __cplusplus
}
#endif
#endif
