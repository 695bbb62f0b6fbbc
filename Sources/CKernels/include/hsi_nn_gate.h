// Gated activations of feed-forward networks: one half of a row lets the other pass.
#ifndef HSI_NN_GATE_H
#define HSI_NN_GATE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// y = v gelu(g), exact form: x is rows x 2 width with the halves [v, g], or [g, v] where gate_first; y is rows x width.
///
/// A row has the same bits whatever rows share the call. Cost 4 * 3 * rows * width bytes.
void hsi_gelu_gate_forward(const float *x, size_t rows, size_t width, int gate_first, float *y);

/// dx (rows x 2 width) from x of the forward pass and dy (rows x width): dv = dy gelu(g), dg = dy v gelu'(g). dx may be x.
void hsi_gelu_gate_backward(const float *x, const float *dy, size_t rows, size_t width, int gate_first, float *dx);

#ifdef __cplusplus
}
#endif
#endif
