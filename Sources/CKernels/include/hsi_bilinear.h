// Abundances of bilinear mixing models (GBM, PPNM), pixel by pixel.
#ifndef HSI_BILINEAR_H
#define HSI_BILINEAR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Most endmembers: pairs are held on the stack.
enum { HSI_BILINEAR_ENDMEMBERS = 12 };

/// Terms are the K endmembers and then the products m_i * m_j, band by band: i < j row by row (GBM), or i <= j (PPNM).
typedef struct {
    int polynomial;          ///< 0: y = M a + sum_{i<j} g_ij a_i a_j m_i*m_j with 0 <= g_ij <= 1 (GBM); 1: y = M a + b (M a)*(M a) (PPNM)
    size_t endmembers, pixels;
    const double *gram;      ///< F^T F of the terms F, T x T with T = K + K (K - 1) / 2, or K + K (K + 1) / 2
    const double *products;  ///< F^T y_n, pixels x T
    double low, high;        ///< limits of b
    int iterations;          ///< most steps; 0 leaves a and fits the nonlinear part alone
    double tolerance;        ///< a pixel is done when the objective falls by less than this share of |y|^2-like scale |F^T y . t|
    float *abundances;       ///< pixels x K: in, a start on the simplex; out, the solution
    float *terms;            ///< pixels x T: out, the coefficients of the terms, or null
    float *nonlinearity;     ///< pixels: out, b, or the mean of g; or null
} hsi_bilinear_job;

/// Number of terms.
size_t hsi_bilinear_terms(size_t endmembers, int polynomial);

/// min 1/2 |y - F t(a, g)|^2 over the simplex of a and the limits of the nonlinear part, by damped Gauss-Newton steps in all
/// variables at once (Levenberg 1944, Marquardt 1963), each the solution of a quadratic program under the limits by an active set, damped more
/// until the objective falls by 1e-4 of what the program promises. It ends in a stationary point near its start. Cost about T^3 flops per step,
/// fp64, independent of the bands. Per-pixel deterministic; runs on the pool.
void hsi_bilinear(const hsi_bilinear_job *job);

#ifdef __cplusplus
}
#endif
#endif
