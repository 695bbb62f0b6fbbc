// Orthogonal wavelet transforms of planes, and thresholds for them.
#ifndef HSI_WAVELET_H
#define HSI_WAVELET_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HSI_WAVELET_TAPS = 32, ///< longest filter
    HSI_SURE_BINS = 256    ///< thresholds that are compared
};

/// Floats of scratch for one level on a plane of at most `lines` x `samples`.
size_t hsi_wavelet_scratch_size(size_t lines, size_t samples);

/// One level of the periodic transform of plane[line * stride + sample], in place: `lines` and `samples` even.
/// Row analysis: low[k] = sum_i h[i] x[2k + i mod n], high[k] = sum_i g[i] x[2k + i mod n] with
/// g[i] = (-1)^i h[taps - 1 - i]; then columns alike. Low parts end up at the top and left. `taps` even, at most 32.
/// Runs on the calling thread.
void hsi_wavelet_analyse(
    float *plane, size_t stride, size_t lines, size_t samples, const float *h, size_t taps, float *scratch);

/// The adjoint of hsi_wavelet_analyse, which for an orthogonal filter is its inverse.
void hsi_wavelet_synthesise(
    float *plane, size_t stride, size_t lines, size_t samples, const float *h, size_t taps, float *scratch);

/// The soft threshold t with the least unbiased risk estimate for coefficients with noise of unit variance,
/// SURE(t) = n - 2 #{|x| <= t} + sum min(|x|, t)^2, among t = limit * k / HSI_SURE_BINS for 0 <= k <= HSI_SURE_BINS.
/// Writes the risk to *risk.
float hsi_sure_threshold(
    const float *x, size_t stride, size_t lines, size_t samples, float limit, double *risk);

/// x <- sign(x) max(|x| - threshold, 0).
void hsi_soft_threshold(float *x, size_t stride, size_t lines, size_t samples, float threshold);

#ifdef __cplusplus
}
#endif
#endif
