// Multiple endmember spectral mixture analysis (Roberts et al. 1998): of all models with one spectrum from each of some classes, the one that
// explains a pixel best and keeps the limits. Many pixels at once.
#ifndef HSI_MESMA_H
#define HSI_MESMA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Most spectra in a model.
enum { HSI_MESMA_MEMBERS = 6 };

typedef struct {
    size_t spectra, classes, bands;
    const size_t *class_start;  ///< classes + 1 places: class c holds the spectra class_start[c] ..< class_start[c + 1]
    const double *gram;         ///< D^T D, spectra x spectra
    int members;                ///< spectra per model, 1 ... HSI_MESMA_MEMBERS, at most `classes`
    double min_fraction, max_fraction; ///< limits of every fraction; infinite for none
    double min_shade, max_shade;       ///< limits of 1 - sum of the fractions
    double residual_limit;      ///< |residual| from which a band counts as not explained
    size_t residual_run;        ///< models with so many bands in a row that count so are not taken; 0 for no such limit
    const double *library;      ///< spectra x bands; needed where residual_run > 0
    size_t pixels;
    const double *products;     ///< D^T y_n, pixels x spectra (hsi_project_f64)
    const double *energy;       ///< |y_n|^2 (hsi_pixel_norms)
    const float *scene;         ///< y_n, consecutive rows of `bands`; needed where residual_run > 0
    double *rss;                ///< in: models are taken whose residual sum of squares is below it; out: that of the best, or as it was
    int32_t *model;             ///< out: pixels x members, the spectra of the best model by class; -1 where there is none
    double *fractions;          ///< out: pixels x members, their fractions; 0 where there is none
} hsi_mesma_job;

/// Doubles of scratch for hsi_mesma_solve, for that many threads of the pool.
size_t hsi_mesma_scratch_size(size_t spectra, int members, int threads);

/// min over models S of |y - D_S a|^2 with a = (D_S^T D_S)^-1 D_S^T y, for models whose fractions keep the limits.
///
/// Models are visited in the order of itertools.combinations(classes) and, inside, itertools.product(members); of equal ones the first
/// stays. The least-squares problems are nested: eliminating spectrum i leaves G_jk - G_ij G_ik / G_ii and b_j - G_ij b_i / G_ii for the
/// spectra of the later classes, so a model of s spectra costs one multiply-add per pixel beyond the models of s - 1 that it contains,
/// and the elimination of G is shared by 32 pixels. A whole class is passed over where even the longest of its spectra at the largest
/// fraction that is allowed would leave more than the best model so far. Spectra that depend on those before them (squared length
/// 1e-10 of what it was) are in no model.
///
/// Cost about 5 flops per pixel and model, fp64, in cache. Per-pixel deterministic; runs on the pool.
void hsi_mesma_solve(const hsi_mesma_job *job, double *scratch, int threads);

#ifdef __cplusplus
}
#endif
#endif
