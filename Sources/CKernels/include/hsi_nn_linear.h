// Linear layers on rows, forward and weight gradient.
#ifndef HSI_NN_LINEAR_H
#define HSI_NN_LINEAR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// y = x W^T + bias + residual: y[n, o] = sum_i x[n, i] W[o, i] + bias[o] + residual[n, o].
///
/// packed: hsi_gemm_pack of W^T (input x output); bias and residual (rows x output, may be y) may be null. y must not
/// be x. A row has the same bits whatever rows share the call. Cost 2 * rows * input * output flops.
/// The gradient of x is the same call with dy and W (output x input) packed.
void hsi_linear_forward(const float *x, size_t rows, size_t input, const float *packed, const float *bias,
                        size_t output, const float *residual, float *y);

/// Floats of scratch for hsi_linear_forward_unpacked, for that many threads of the pool.
size_t hsi_linear_unpacked_scratch_size(size_t input, int threads);

/// The same with a matrix as it lies, `output` x `input` when `transposed` (y = x W^T), else input x output (y = x W); the
/// same bits. Columns are packed as they are needed, which costs some 10 % at 64 rows: for large matrices, of which a
/// packed copy would be memory for nothing, and for weights that change with every call.
void hsi_linear_forward_unpacked(const float *x, size_t rows, size_t input, const float *weights, int transposed,
                                 const float *bias, size_t output, const float *residual, float *y, float *scratch,
                                 int threads);

/// hsi_gemm_pack of the transpose of a row-major `output` x `input` matrix, without making the transpose.
void hsi_gemm_pack_transposed(const float *weights, size_t output, size_t input, float *packed);

/// Floats of scratch (8-byte aligned) for hsi_linear_weight_gradient.
size_t hsi_linear_weight_gradient_scratch_size(size_t rows, size_t input, size_t output);

/// dw[o, i] += sum_n dy[n, o] x[n, i]; db[o] += sum_n dy[n, o] unless db is null.
///
/// Rows are split by their number alone; fp32 within blocks of 96 rows and within an item, fp64 between items.
void hsi_linear_weight_gradient(const float *x, const float *dy, size_t rows, size_t input, size_t output, float *dw,
                                float *db, float *scratch);

#ifdef __cplusplus
}
#endif
#endif
