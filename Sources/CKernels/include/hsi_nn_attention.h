// Multi-head attention inside windows, without a score tensor in memory.
#ifndef HSI_NN_ATTENTION_H
#define HSI_NN_ATTENTION_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// out[w][i][h] = sum_j softmax_j(scale q_i k_j + bias[h][i][j] + mask[w % masks][i][j]) v_j
///
/// One more key and value may stand at the end of every window: the shared key of padded positions. Several slots with
/// the same key are one slot whose bias is the logarithm of the sum of the exponentials of theirs.
typedef struct {
    size_t windows, tokens, heads, width; ///< width = values per head
    const float *qkv;                     ///< [windows][tokens][3][heads][width]
    float scale;                          ///< usually width^-1/2
    const float *bias;                    ///< [heads][tokens][tokens] or null
    const float *mask;                    ///< [masks][tokens][tokens] or null
    size_t masks;
    const float *extra_key, *extra_value; ///< [heads][width] each, or both null
    const float *extra_bias;              ///< [heads][tokens] or null
} hsi_attention;

/// Floats of scratch for hsi_attention_forward, for that many threads of the pool.
size_t hsi_attention_forward_scratch_size(const hsi_attention *attention, int threads);

/// out: [windows][tokens][heads][width]. A window has the same bits whatever windows share the call. Any sizes; 64
/// tokens and widths of 16 or 32 are what it is tuned for. Cost 4 tokens^2 width flops per window and head.
void hsi_attention_forward(const hsi_attention *attention, float *out, float *scratch, int threads);

/// Where the gradients go. dqkv (as qkv) is written, the others are added to; they may be null.
typedef struct {
    float *dqkv, *dbias, *dextra_key, *dextra_value, *dextra_bias;
} hsi_attention_gradients;

/// Floats of scratch for hsi_attention_backward, for that many threads of the pool.
size_t hsi_attention_backward_scratch_size(const hsi_attention *attention, int threads);

/// Gradients given dout; the probabilities are computed again. Windows are split by their number alone, at most 32
/// partial sums of the shared gradients. Cost 14 tokens^2 width flops per window and head.
void hsi_attention_backward(const hsi_attention *attention, const float *dout, const hsi_attention_gradients *gradients,
                            float *scratch, int threads);

#ifdef __cplusplus
}
#endif
#endif
