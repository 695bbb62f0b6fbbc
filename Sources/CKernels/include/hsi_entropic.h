// Steps of entropic descent for archetypal analysis: multiplicative steps that stay on the simplex.
#ifndef HSI_ENTROPIC_H
#define HSI_ENTROPIC_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// `steps` times a[n, :] <- a[n, :] * exp(eta (c[n, :] - a[n, :] G)) / sum for every row of a on the simplex: entropic descent on
/// 1/2 a G a - c a, which falls for eta <= 1 / max |G|. a and c are pixels x columns, G columns x columns, fp64. columns <= 64.
/// Cost columns^2 flops and columns exponentials per row and step. Per-row deterministic; runs on the pool.
void hsi_entropic_rows(double *a, const double *c, size_t pixels, size_t columns, const double *gram, double eta, int steps);

/// Doubles of scratch for hsi_entropic_columns.
size_t hsi_entropic_columns_scratch_size(size_t pixels, size_t columns);

/// b[:, k] <- b[:, k] * exp(eta[k] g[:, k]) / sum for every column: b and g are pixels x columns, fp64.
/// Sums are cut at fixed numbers of pixels. Runs on the pool.
void hsi_entropic_columns(double *b, const double *g, size_t pixels, size_t columns, const double *eta, double *scratch);

#ifdef __cplusplus
}
#endif
#endif
