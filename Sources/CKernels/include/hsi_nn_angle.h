// The spectral angle as a loss.
#ifndef HSI_NN_ANGLE_H
#define HSI_NN_ANGLE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// angles[n] = arccos(c) with c = sum w x t / sqrt(sum w x^2 sum w t^2), kept 1e-6 away from +-1, for rows of `bands` values, and
/// dx = scale * (derivative of angles[n] by x), unless dx is null. w are weights of the bands, all 1 where null. Lengths below 1e-12 count as that;
/// a target of zeros gets pi / 2 and no gradient. dx may be x. 10 bands flops per row, sums in fp64.
void hsi_spectral_angle(const float *x, const float *target, const float *w, size_t rows, size_t bands, double scale, float *dx,
                        double *angles);

#ifdef __cplusplus
}
#endif
#endif
