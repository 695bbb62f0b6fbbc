// Products between a scene and small matrices, and sums over pixels.
#ifndef HSI_PRODUCTS_H
#define HSI_PRODUCTS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: - Projection: out[n, k] = sum_l scene[n, l] * w[l, k]

/// Doubles of scratch for hsi_project and hsi_project_f64 (packed weights, and short rows when channels < 16).
size_t hsi_project_scratch_size(size_t channels, size_t columns);

/// out[n * out_stride + k] = sum_l scene[n * stride + l] * weights[l * columns + k], k < columns.
///
/// weights: channels x columns row-major, fp64 (rounded to fp32 while packing). out_stride >= columns. Any sizes.
/// Cost 2 * pixels * channels * columns flops, one pass over the scene; memory-bound up to 8 columns.
/// Deterministic per pixel: same bits whatever pixels share the call.
void hsi_project(const float *scene, size_t stride, size_t pixels, size_t channels, const double *weights,
                 size_t columns, float *out, size_t out_stride, double *scratch);

/// The same with fp64 weights, accumulation and output: error about 1e-16 relative to sum |y w|.
/// About twice the arithmetic of hsi_project; still near memory speed up to 4 columns.
void hsi_project_f64(const float *scene, size_t stride, size_t pixels, size_t channels, const double *weights,
                     size_t columns, double *out, size_t out_stride, double *scratch);

// MARK: - Sums over pixels

/// Doubles of scratch for hsi_outer.
size_t hsi_outer_scratch_size(size_t pixels, size_t channels, size_t columns);

/// sums[l * columns + k] = sum_n scene[n * stride + l] * a[n * columns + k]  (Y A^T of unmixing; fp64 output,
/// fp32 inside 64 pixels). One pass over the scene.
void hsi_outer(const float *scene, size_t stride, size_t pixels, size_t channels, const float *a, size_t columns,
               double *sums, double *scratch);

/// Doubles of scratch for hsi_gram: partial sums per block.
size_t hsi_gram_scratch_size(size_t pixels, size_t columns);

/// gram[i * columns + j] = sum_n a[n * stride + i] * a[n * stride + j], both triangles. Products and sums in fp64
/// (exact products of fp32 numbers). For covariance of a whole scene use it with a = scene, columns = channels:
/// pixels * channels^2 flops in fp64.
void hsi_gram(const float *a, size_t stride, size_t pixels, size_t columns, double *gram, double *scratch);

/// Doubles of scratch for hsi_channel_sums.
size_t hsi_channel_sums_scratch_size(size_t pixels, size_t channels);

/// sums[l] = sum_n y, squares[l] = sum_n y^2 per channel in fp64 (products exact). Either output may be null.
/// `shift` (one value per channel, or null = 0) is subtracted first, in fp64: pass the mean for a stable variance.
void hsi_channel_sums(const float *scene, size_t stride, size_t pixels, size_t channels, const double *shift,
                      double *sums, double *squares, double *scratch);

/// centred = scene - shift for consecutive rows, with the fp32 sums of the result and the extremes of the scene per
/// channel (NaN is never an extreme). Serial: meant for one block of a pool item.
void hsi_centre(const float *scene, size_t pixels, size_t channels, const float *shift, float *centred, float *sums,
                float *minimum, float *maximum);

/// out[n] = sum_l scene[n, l]^2 * weights[l] in fp64 (weights null = 1). Per-pixel deterministic.
void hsi_pixel_norms(const float *scene, size_t stride, size_t pixels, size_t channels, const double *weights,
                     double *out);

// MARK: - Skinny matrix product

/// Floats that hsi_gemm_pack writes for a depth x columns matrix: columns rounded up to 16, times depth.
size_t hsi_gemm_packed_size(size_t depth, size_t columns);

/// Packs B (depth x columns row-major, row stride ldb) into panels of 32 columns. Pack once, use many times.
void hsi_gemm_pack(const float *b, size_t ldb, size_t depth, size_t columns, float *packed);

/// C[i, j] = sum_k A[i, k] * B[k, j] (+ C[i, j] when accumulate != 0).
/// A rows x depth with row stride lda, C rows x columns with row stride ldc, both row-major; B packed as above.
/// Meant for many rows and 16 to some hundred columns. Every element is one fp32 chain over k in ascending order,
/// so a row has the same bits whatever rows share the call.
void hsi_gemm(const float *a, size_t lda, const float *packed, float *c, size_t ldc, size_t rows, size_t columns,
              size_t depth, int accumulate);

// MARK: - Searches for endmember extraction

/// Index of the largest |sum_k p[n * columns + k] * f[k]| over n (fp64), lowest index on ties; its signed value
/// goes to `value` when not null. pixels > 0. VCA step. NaN rows never win.
size_t hsi_argmax_abs_projection(const float *p, size_t pixels, size_t columns, const double *f, double *value);

/// The same for fp64 rows.
size_t hsi_argmax_abs_projection_f64(const double *p, size_t pixels, size_t columns, const double *f, double *value);

/// SPA / ATGP step: residual[n] = max(0, residual[n] - (sum_l scene[n, l] * q[l])^2) for a unit vector q that is
/// orthogonal to the earlier ones, then returns the index of the largest residual, lowest on ties.
/// q null: only the search. residual starts as hsi_pixel_norms. One pass over the scene, fp64.
size_t hsi_deflate_and_argmax(const float *scene, size_t stride, size_t pixels, size_t channels, const double *q,
                              double *residual);

#ifdef __cplusplus
}
#endif
#endif
