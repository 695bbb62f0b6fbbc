// Absorption features of pixels fitted by those of spectra.
#ifndef HSI_FEATURES_H
#define HSI_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A feature of a spectrum: bands in ascending order of wavelength, the first and the last of which carry its continuum.
typedef struct {
    size_t first, count;      ///< where its bands lie in `bands`, `places` and `shape` of the job; count >= 3
    uint32_t spectrum;        ///< whose it is
    float weight;             ///< its share of the area of the features of its spectrum; they sum to 1
    float depth;              ///< 1 - least value of the spectrum without its continuum, > 0
    float norm;               ///< length of the spectrum without its continuum, less its mean, over the bands; > 0
} hsi_feature;

/// What a fit needs.
typedef struct {
    const hsi_feature *features;
    size_t feature_count, spectrum_count;
    const uint32_t *bands;    ///< bands of all features
    const float *places;      ///< (wavelength - that of the first band) / (that of the last - that of the first), of all features
    const float *shape;       ///< the spectrum without its continuum, less its mean, divided by `norm`, of all features
    float least_depth;        ///< features of a pixel that are shallower count as absent
    float most_ratio;         ///< so do those that are so many times as deep as in the spectrum: they are something else's
} hsi_feature_plan;

/// Fits of all spectra to pixels (Clark et al., J. Geophys. Res. 108(E12), 2003).
///
/// For a feature the pixel's continuum is the line through its first and last band, q = x / continuum; its best match q = a + b l to the
/// spectrum without its continuum l has the correlation r and, where b > 0, the depth b * depth. With the weights w of the features of a
/// spectrum
///
///     fit = sum w max(r, 0)^2,   depth = sum w b depth
///
/// A feature that the pixel does not have (b <= 0 or > most_ratio, b * depth < least_depth, a continuum that is not above 0) adds nothing.
/// fits, depths: count x spectrum_count; depths may be null. fp32 sums of some hundred values. Cost about 10 flops per band of a feature.
void hsi_fit_features(const hsi_feature_plan *plan, const float *pixels, size_t stride, size_t count, float *fits,
                      float *depths);

#ifdef __cplusplus
}
#endif
#endif
