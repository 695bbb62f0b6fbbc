// Exact per-pixel constrained least squares from normal equations.
#ifndef HSI_SIMPLEX_H
#define HSI_SIMPLEX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HSI_SIMPLEX_MAX_ENDMEMBERS = 64 };

enum {
    HSI_NNLS = 0, ///< a >= 0
    HSI_FCLS = 1  ///< a >= 0 and sum a = 1
};

/// For every pixel n: minimise 1/2 a^T G a - b_n^T a under the constraints of `kind`.
///
/// gram: G = M^T M (or M^T W M), endmembers x endmembers, fp64, symmetric. products: b_n = M^T y_n, pixel-major
/// pixels x endmembers (hsi_project or, better when M is ill-conditioned, hsi_project_f64: the error of b is
/// multiplied by the condition of G). abundances: pixel-major, same shape, may alias products of the same type.
///
/// Active-set method with an incremental Cholesky factor, all in fp64; the first guess is the solution without
/// signs, so a pixel inside the simplex costs one substitution. FCLS works on G + c 1 1^T, which changes nothing on
/// the simplex and makes a zero (shade) endmember legal. A singular G is handled by refusing dependent endmembers.
/// Cost about endmembers^2 flops per step, endmembers / 2 steps typically. Per-pixel deterministic; runs on the pool.
///
/// Returns the number of pixels that stopped at the iteration bound (0 in practice) or hold NaN (their abundances
/// become NaN), or -1 when endmembers is 0 or too large.
int64_t hsi_simplex_f32(int kind, const double *gram, size_t endmembers, const float *products, size_t pixels,
                        float *abundances);
int64_t hsi_simplex_f64(int kind, const double *gram, size_t endmembers, const double *products, size_t pixels,
                        double *abundances);
int64_t hsi_simplex_f64_f32(int kind, const double *gram, size_t endmembers, const double *products, size_t pixels,
                            float *abundances);

#ifdef __cplusplus
}
#endif
#endif
