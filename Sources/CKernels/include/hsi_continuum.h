// Continuum (upper convex hull over wavelength) of spectra, and the absorption features below it.
#ifndef HSI_CONTINUUM_H
#define HSI_CONTINUUM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HSI_CONTINUUM_QUOTIENT = 0,   ///< r / c
    HSI_CONTINUUM_DEPTH = 1,      ///< 1 - r / c
    HSI_CONTINUUM_DIFFERENCE = 2, ///< c - r
    HSI_CONTINUUM_HULL = 3        ///< c
};

/// Values per pixel that hsi_absorption writes: depth, position, width, asymmetry, area.
enum { HSI_ABSORPTION_VALUES = 5 };

/// Doubles of scratch for one call with `count` bands.
size_t hsi_continuum_scratch_size(size_t count);

/// out[n * out_stride + order[k]] = what `form` says of r = scene[n * stride + order[k]] and the continuum c there.
///
/// c is the upper convex hull of the points (x[k], r), 0 <= k < count, between the first and the last finite one: the
/// smallest concave function that no point lies above. x ascends and may repeat (the higher of two points at one place
/// counts). Values that are not finite are no points; they become NaN. r / c is NaN where c <= 0. Cost O(count) per
/// pixel (a monotone chain), in fp64. Returns the number of pixels with such a quotient or without any finite value.
/// Runs on the calling thread.
size_t hsi_continuum(const float *scene, size_t stride, size_t pixels, const uint32_t *order, const double *x,
                     size_t count, int form, float *out, size_t out_stride, double *scratch);

/// One absorption feature per pixel: the continuum of the points (x[k], scene[n * stride + order[k]]) as above, and with
/// the band depth d = 1 - r / c
///
///   out[n * out_stride + 0]  depth: the largest d, at band m (the first of equals)
///                       + 1  position: vertex of the parabola through d at m and its finite neighbours, between them
///                       + 2  width: distance of the places nearest to m on both sides where d, linear between bands,
///                            falls to half the depth
///                       + 3  asymmetry: (A2 - A1) / (A2 + A1) of the areas before and behind the position of band m
///                       + 4  area: the integral of d over x, by the trapezoid rule
///
/// Without absorption (no d above 0) depth and area are 0 and the others NaN; all are NaN where c <= 0 anywhere or
/// fewer than three values are finite. Returns the number of pixels that are all NaN. Runs on the calling thread.
size_t hsi_absorption(const float *scene, size_t stride, size_t pixels, const uint32_t *order, const double *x,
                      size_t count, float *out, size_t out_stride, double *scratch);

#ifdef __cplusplus
}
#endif
#endif
