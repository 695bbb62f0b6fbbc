// Sparse regression on a library by ADMM (SUnSAL, Bioucas-Dias & Figueiredo 2010), many pixels at once.
#ifndef HSI_SUNSAL_H
#define HSI_SUNSAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Doubles of the packed system for `atoms` library spectra.
size_t hsi_sunsal_system_size(size_t atoms);

/// Doubles of scratch for hsi_sunsal_prepare.
size_t hsi_sunsal_prepare_scratch_size(size_t atoms);

/// Builds F = (G + mu I)^-1 from G = D^T D (atoms x atoms, fp64) and packs it into `system` (fp64 for the constant
/// part of the iteration, fp32 for the rest). With sum_to_one the projection on sum x = 1 is folded in:
/// F' = F - F 1 1^T F / (1^T F 1), and the constant F 1 / (1^T F 1) is kept beside it.
/// Cost about 4/3 atoms^3. Returns 0, or -1 when G + mu I is not positive definite.
///
/// Choice of mu: ADMM converges for any mu > 0, at a speed that depends on it; too small is worse than too large
/// (slow, and less accurate in fp32). hsi_sunsal_default_mu is a good start.
int hsi_sunsal_prepare(const double *gram, size_t atoms, double mu, int sum_to_one, double *system, double *scratch);

/// 0.02 * trace(G) / atoms. Measured on a library of 30 spectra with eigenvalues 0.003 to 509 and lambda 0.001 to 0.1:
/// 300 relaxed iterations bring the objective within 1e-7 relative, 1000 within 1e-11; a third of it or three times it
/// still reach 1e-4 and 1e-6 at 300.
double hsi_sunsal_default_mu(const double *gram, size_t atoms);

typedef struct {
    size_t atoms, pixels;
    const double *system;       ///< from hsi_sunsal_prepare
    double mu;                  ///< the value given to hsi_sunsal_prepare
    const float *products;      ///< D^T y_n, pixel-major pixels x atoms, or null and
    const double *products_f64; ///< the same in fp64 (hsi_project_f64), more exact for ill-conditioned libraries
    float *x;                   ///< result, pixel-major pixels x atoms
    double lambda;              ///< weight of ||X||_1
    const float *atom_weights;  ///< threshold of atom i is lambda * atom_weights[i]; null = 1
    const float *weights;       ///< further factor per pixel and atom, pixel-major (spatial weights); null = 1
    int nonnegative;            ///< X >= 0
    double relaxation;          ///< 1 = plain ADMM, 1.5 to 1.8 usually converge faster; 0 means 1
    double tolerance;           ///< per pixel, see below; 0 = run max_iterations
    int max_iterations;
    int iterations;             ///< out: largest number any pixel needed
    int64_t unconverged;        ///< out: pixels that met max_iterations before the tolerance
} hsi_sunsal_job;

/// Floats of scratch for hsi_sunsal_solve, for that many threads of the pool.
size_t hsi_sunsal_scratch_size(size_t atoms, int threads);

/// min 1/2 ||D x - y||^2 + lambda ||w x||_1 for every pixel:
///     X <- F (D^T y + mu (U + V)),  U <- soft(X - V, lambda w / mu), then max(., 0),  V <- V - (X - U)
/// Result is U. Every 10 iterations a pixel is done when ||X - U|| and mu ||U - U_before|| are both at most
/// tolerance * sqrt(atoms); its result is fixed then, so it does not depend on the pixels it shares a block with.
/// Blocks of 32 pixels stay in cache for all iterations. Cost 2 * pixels * atoms^2 flops per iteration.
/// F D^T y is computed once in fp64, the iterations are fp32. Per-pixel deterministic; runs on the pool.
void hsi_sunsal_solve(hsi_sunsal_job *job, float *scratch, int threads);

#ifdef __cplusplus
}
#endif
#endif
