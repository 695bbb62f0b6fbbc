// Standard deviations of least-squares abundances through the active set of the constrained solution.
#ifndef HSI_SIGMA_H
#define HSI_SIGMA_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    size_t endmembers, channels, pixels;
    const double *gram;      ///< G = M^T M, endmembers x endmembers
    const double *noise;     ///< N = M^T S M for the noise covariance S of a pixel; null for one from the residual
    const float *abundances; ///< pixels x endmembers, the solution
    const float *rmse;       ///< root-mean-square residual per pixel; needed where noise is null
    int nonnegative;         ///< a = 0 is a bound that holds: such variables are not free
    int sum_to_one;          ///< 1^T a = 1
    float *sigma;            ///< out: pixels x endmembers
} hsi_sigma_job;

/// Doubles of scratch for hsi_sigma, for that many threads of the pool.
size_t hsi_sigma_scratch_size(size_t endmembers, int threads);

/// With F the free variables (all, or those above 0), B = G_FF^-1 and H = B - B 1 1^T B / (1^T B 1) where the sum is one, H = B else:
///     a_F = H M_F^T y + constant,   Cov a_F = H N_FF H,   or s^2 H with s^2 = L rmse^2 / (L - |F| + [sum is one]).
/// sigma is the square root of the diagonal, 0 for variables that a constraint holds, NaN where the free endmembers depend on each other or
/// no degree of freedom is left. Cost |F|^3 for every set F that differs from that of the pixel before, in blocks of 256 pixels.
/// Per-pixel deterministic; runs on the pool.
void hsi_sigma(const hsi_sigma_job *job, double *scratch, int threads);

#ifdef __cplusplus
}
#endif
#endif
