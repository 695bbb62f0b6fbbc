// The transformer block of HSDT (Lai, Yan, Fu, ICCV 2023) on one sample [planes][pixels][channels], one pass over memory:
//
//     r = x + (A x) M^T,   y = smffn(r) + skip
//
// A (planes x planes) mixes the bands and is the same at every pixel, M (channels x channels, [out][in]) is the value and
// output map in one. Without feed-forward weights the block is y = r.
#ifndef HSI_NN_BAND_BLOCK_H
#define HSI_NN_BAND_BLOCK_H

#include "hsi_nn_ffn.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Sizes of a sample.
typedef struct hsi_band_block {
    size_t planes, pixels, channels;
} hsi_band_block;

/// Floats of scratch (8-byte aligned) for hsi_band_block_forward, for that many threads of the pool.
size_t hsi_band_block_forward_scratch_size(const hsi_band_block *b, int has_ffn, int threads);

/// y, and r unless it is null.
///
/// m: hsi_gemm_pack of M^T; ffn: hsi_smffn_pack, or null; skip: added to y, may be null (and is without ffn). A pixel has the
/// same bits whatever pixels share the call. Reads x (and skip) once. Cost per value: 2 planes + 2 C flops, and the ffn's.
void hsi_band_block_forward(const hsi_band_block *b, const float *a, const float *m, const float *ffn, const float *x,
                            const float *skip, float *r, float *y, float *scratch, int threads);

/// Where the gradients of a block go; all but a are added to.
typedef struct hsi_band_block_gradients {
    float *a;                 ///< [planes][planes], written
    float *m;                 ///< [out][in]; may be null
    hsi_smffn_gradients ffn;  ///< used with an ffn
} hsi_band_block_gradients;

/// Floats of scratch (8-byte aligned) for hsi_band_block_backward, for that many threads of the pool.
size_t hsi_band_block_backward_scratch_size(const hsi_band_block *b, int has_ffn, int threads);

/// Gradients given dy and what the forward pass had; dx without what comes through A. r is used with an ffn only.
///
/// m_transposed: hsi_gemm_pack of M. Pixels are split by their number alone; fp32 within an item (for a: within 32 values),
/// fp64 between items. dx may be dy.
void hsi_band_block_backward(const hsi_band_block *b, const float *a, const float *m_transposed, const float *ffn,
                             const float *x, const float *r, const float *dy, float *dx,
                             const hsi_band_block_gradients *gradients, float *scratch, int threads);

#ifdef __cplusplus
}
#endif
#endif
