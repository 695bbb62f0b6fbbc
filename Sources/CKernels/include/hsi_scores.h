// Scores of pixels: quadratic and linear forms, distances to centres, information divergence.
#ifndef HSI_SCORES_H
#define HSI_SCORES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Products of centred pixels with a matrix, and the lengths of parts of what comes out.
///
///     d = x - shift,   y = d W   (W: bands x columns)
///     norms[n, 0] = sum_l d_l^2,   norms[n, 1 + g] = sum of y_c^2 over the columns of group g
///
/// Groups take the columns in order: group g ends before column group_ends[g]; the columns behind the last group go to
/// values[n, .]. With W = C^(-1/2) the norm of a group is a Mahalanobis distance, and a column W s of its own a matched filter.
typedef struct {
    size_t bands, columns, groups;
    const float *shift;        ///< one value per band; null for 0
    const float *packed;       ///< hsi_gemm_pack of W
    const size_t *group_ends;  ///< ascending, the last at most `columns`
} hsi_score_plan;

/// Floats of scratch for hsi_score_pixels and hsi_score_mixtures, for that many threads of the pool.
size_t hsi_score_scratch_size(const hsi_score_plan *plan, int threads);

/// norms: count x (1 + groups), values: count x (columns - last group end); either may be null. fp32; the same bits for a pixel
/// whatever pixels share the call and however many threads. Cost 2 * count * bands * columns flops.
void hsi_score_pixels(const hsi_score_plan *plan, const float *pixels, size_t stride, size_t count, float *norms,
                      float *values, float *scratch, int threads);

/// Matched filter and infeasibility of mixtures, K targets: z = (x - shift) W has unit noise and signal variances v_c >= 0 beyond it.
///
///     a_k = <z, f_k>,   spread_c = (1 - b) sqrt(1 + v_c) + b with b = a_k brought into [0, 1]
///     out[n, 2k] = a_k,   out[n, 2k + 1] = sqrt(mean_c ((z_c - a_k t_kc) / spread_c)^2)
///
/// filters, targets: K x columns; deviations: sqrt(1 + v_c). All columns of the plan are used, its groups are not.
void hsi_score_mixtures(const hsi_score_plan *plan, const float *pixels, size_t stride, size_t count, const float *filters,
                        const float *targets, const float *deviations, size_t target_count, float *out, float *scratch,
                        int threads);

/// Spectral information divergence of every pixel from K spectra p_k (K x bands, of sum 1, with their logarithms):
/// q = max(x, 0) / sum, floored at 1e-12 and of sum 1 again; out[n, k] = sum_l (q_l - p_kl) (ln q_l - ln p_kl). fp32 logarithms.
/// A pixel without a value above 0 is no distribution: NaN.
void hsi_score_divergence(const float *pixels, size_t stride, size_t count, size_t bands, const float *spectra,
                          const float *logarithms, size_t target_count, float *out);

/// Nearest of K centres (row-major K x bands, packed as hsi_gemm_pack of their transpose) by Euclidean distance, the lowest index
/// where several are: labels[n], and distances[n] = |x - c|^2 from (x - shift) and centres of the same shift, norms = |c|^2.
/// `shift` may be null. distances may be null. Scratch: (bands + K) * 256 floats per thread.
void hsi_nearest_centres(const float *pixels, size_t stride, size_t count, size_t bands, const float *shift,
                         const float *packed, const float *norms, size_t centre_count, int32_t *labels, float *distances,
                         float *scratch, int threads);

/// sums[k, .] += x - shift and counts[k] += 1 for the pixels of every label k; labels below 0 are left out. Serial, fp64, in order:
/// meant for one block of a pool item.
void hsi_sums_by_label(const float *pixels, size_t stride, size_t count, size_t bands, const float *shift,
                       const int32_t *labels, double *sums, int64_t *counts);

#ifdef __cplusplus
}
#endif
#endif
