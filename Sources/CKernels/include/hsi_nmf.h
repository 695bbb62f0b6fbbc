// One iteration of the multiplicative unmixing family (NMF, l1/2-NMF, l2,1-NMF on channels or samples, GLNMF,
// DgS-NMF, RRLbS) in one pass over the scene.
//
// Model  Y ~ M A,  Y channels x pixels, M channels x endmembers, A endmembers x pixels (stored pixel-major).
// One iteration is
//     hsi_nmf_update_endmembers   M and channel weights d from the sums of the current A   (L x K, microseconds)
//     hsi_nmf_sweep               A, h and the sums of the new A                           (one pass over Y)
// and the loss of the point reached follows from hsi_nmf_row_residuals with the new sums. The first sums come
// from hsi_outer and hsi_gram on the initial A.
#ifndef HSI_NMF_H
#define HSI_NMF_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { HSI_NMF_MAX_ENDMEMBERS = 64 };

enum {
    HSI_SPARSITY_NONE = 0,
    /// lambda * sum (A + epsilon)^(1 - h_n): DgS and RRLbS.
    HSI_SPARSITY_MAP = 1,
    /// lambda * sum A^(1/2); A floored at epsilon in the gradient.
    HSI_SPARSITY_HALF = 2,
    /// lambda * sum A.
    HSI_SPARSITY_ONE = 3
};

/// Input and output of one sweep. Zero-initialise, then set what is needed.
typedef struct {
    // Scene: pixel-major, scene[n * stride + l].
    const float *scene;
    size_t stride, pixels, channels, endmembers;

    // Current endmembers, channels x endmembers row-major, and channel weights d (null = 1).
    const double *endmember_matrix;
    const double *channel_weights;

    // Abundances, pixel-major pixels x endmembers. May be the same array unless graph_weight != 0.
    const float *a_old;
    float *a_new;

    double soft_sum_weight; ///< delta of delta/2 sum_n (1 - sum_k A_kn)^2
    int sparsity;           ///< HSI_SPARSITY_...
    double lambda;          ///< sparsity weight
    double epsilon;         ///< eps_a of the map form, floor of the half form; > 0

    // Guidance map of HSI_SPARSITY_MAP. h_new null keeps the map fixed (DgS). h_new must not alias h_old.
    const float *h_old;
    float *h_new;
    const float *prior; ///< s
    double h_max, beta, gamma;

    // Graph: for direction d in 0..<neighbours, the neighbour of pixel n is neighbour_index[d * pixels + n]
    // (-1 = none) with weight neighbour_weight[d * pixels + n]. Must be symmetric. Used by gamma and graph_weight.
    size_t neighbours;
    const int32_t *neighbour_index;
    const float *neighbour_weight;
    double graph_weight; ///< mu of mu/2 sum_{i<j} w_ij ||a_i - a_j||^2 (GLNMF); 0 = none

    // l2,1 norm over samples: sample_weights[n] = 1 / sqrt(||y_n - M a_n||^2 + sample_epsilon^2), read in the A
    // update and rewritten for the new A, which then weighs both sums. Null = not used. Costs one more product.
    float *sample_weights;
    double sample_epsilon;

    // Sums of the new A (with sample weights if any).
    double *scene_abundance; ///< channels x endmembers: sum_n y_nl a_nk
    double *abundance_gram;  ///< endmembers x endmembers: sum_n a_ni a_nk

    int objective; ///< 0 skips the terms below that cost something (sparsity_sum, coupling_sum, graph_sum)

    // Terms at (M, new A, new h), without their weights.
    double sparsity_sum; ///< map: sum (A + epsilon)^(1 - h); half: sum sqrt(A); one: sum A
    double soft_sum_sum; ///< sum_n (1 - sum_k A_kn)^2
    double prior_sum;    ///< sum_n (h_n - s_n)^2
    double coupling_sum; ///< sum_{i<j} w_ij (h_i - h_j)^2
    double graph_sum;    ///< sum_{i<j} w_ij ||a_i - a_j||^2
    double sample_loss;  ///< sum_n sqrt(||y_n - M a_n||^2 + sample_epsilon^2)
} hsi_nmf_sweep_job;

/// Doubles of scratch for hsi_nmf_sweep.
size_t hsi_nmf_sweep_scratch_size(size_t pixels, size_t channels, size_t endmembers);

/// A <- A * (M^T D Y + delta + mu A W) / (M^T D M A + delta 1 1^T A + mu A deg + sparsity gradient), then, for the
/// map form with h_new, one Jacobi step of the guidance map:
///     g = -lambda sum_k x^(1-h) log x + beta (h - s) + gamma sum_j w_nj (h_n - h_j),     x = A_new + epsilon
///     c =  lambda sum_k max(x, x^(1-h_max)) log(x)^2 + beta + 2 gamma sum_j w_nj,        h <- clip(h - g/c, 0, h_max)
/// then the sums. Denominators are floored at 1e-30, A at 1e-30 (nothing locks at zero).
///
/// Cost 4 * pixels * channels * endmembers flops and about six powers of two and logarithms per abundance; the scene is read once.
/// A and h are bit-identical for any split of the pixels (given the same neighbours); the sums are split by size
/// only, fp32 within 64 pixels and fp64 beyond. Returns 0, or -1 when endmembers is 0 or above the maximum.
int hsi_nmf_sweep(hsi_nmf_sweep_job *job, double *scratch);

/// M <- M * S / (M G) with S = scene_abundance, G = abundance_gram, denominators floored at 1e-30; then, when
/// channel_weights is not null, d_l = 1 / sqrt(||y_l - m_l A||^2 + epsilon_r^2) with the new M.
/// channel_energy[l] = ||y_l||^2 (only read for the weights; may be null without them).
void hsi_nmf_update_endmembers(size_t channels, size_t endmembers, const double *scene_abundance,
                               const double *abundance_gram, const double *channel_energy, double epsilon_r,
                               double *endmember_matrix, double *channel_weights);

/// residuals[l] = ||y_l - m_l A||^2 = ||y_l||^2 - 2 m_l S_l + m_l G m_l^T, floored at 0.
void hsi_nmf_row_residuals(size_t channels, size_t endmembers, const double *scene_abundance,
                           const double *abundance_gram, const double *channel_energy,
                           const double *endmember_matrix, double *residuals);

/// The same sweep in double, plain and serial: oracle for tests and the exact path for small scenes. Fields as
/// above; no sample weights, no floor on A.
typedef struct {
    const double *scene;
    size_t stride, pixels, channels, endmembers;
    const double *endmember_matrix, *channel_weights;
    const double *a_old;
    double *a_new;
    double soft_sum_weight;
    int sparsity;
    double lambda, epsilon;
    const double *h_old;
    double *h_new;
    const double *prior;
    double h_max, beta, gamma;
    size_t neighbours;
    const int32_t *neighbour_index;
    const double *neighbour_weight;
    double graph_weight;
    double *scene_abundance, *abundance_gram;
    double sparsity_sum, soft_sum_sum, prior_sum, coupling_sum, graph_sum;
} hsi_nmf_sweep_job_f64;

int hsi_nmf_sweep_reference_f64(hsi_nmf_sweep_job_f64 *job);

#ifdef __cplusplus
}
#endif
#endif
