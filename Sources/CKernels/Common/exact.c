// Sums over pixels without rounding. See include/hsi_exact.h.
#include "hsi_exact.h"

#include <float.h>
#include <math.h>

enum { EXACT_CHUNK = 256 };

#define HSI_BODY "exact_body.h"
#include "instantiate.h"

void hsi_exact_begin(const float *scene, size_t pixels, size_t channels, float *minimum, float *maximum, int32_t *exponents,
                     uint8_t *bad, double *rest) {
    HSI_SELECT(exact_begin)(scene, pixels, channels, minimum, maximum, exponents, bad, rest);
}

size_t hsi_exact_slice(double *rest, size_t pixels, size_t channels, double *digits, double *sums, uint8_t *left) {
    return HSI_SELECT(exact_slice)(rest, pixels, channels, digits, sums, left);
}

void hsi_exact_add(const double *values, size_t count, double scale, const double *scales, double *planes, size_t stride,
                   int lowest, int first, int depth) {
    HSI_SELECT(exact_add)(values, count, scale, scales, planes, stride, lowest, first, depth);
}

void hsi_exact_add_triangle(const double *products, size_t channels, double scale, const double *scales, double *planes,
                            size_t stride, int lowest, int first, int depth) {
    HSI_SELECT(exact_add_triangle)(products, channels, scale, scales, planes, stride, lowest, first, depth);
}

void hsi_exact_add_pairs(const double *products, const uint32_t *rows, size_t row_count, const uint32_t *columns,
                         size_t column_count, int halves, size_t channels, double scale, const double *scales, double *planes,
                         size_t stride, int lowest, int first, int depth) {
    HSI_SELECT(exact_add_pairs)(products, rows, row_count, columns, column_count, halves, channels, scale, scales, planes, stride,
                                lowest, first, depth);
}

void hsi_exact_carry(double *planes, size_t depth, size_t stride, size_t count) {
    HSI_SELECT(exact_carry)(planes, depth, stride, count);
}

void hsi_exact_round(const double *planes, size_t depth, size_t stride, size_t count, int lowest, double *high, double *low) {
    HSI_SELECT(exact_round)(planes, depth, stride, count, lowest, high, low);
}

void hsi_exact_moments(double n, size_t channels, const double *sum_high, const double *sum_low, const double *high,
                       const double *low, double *mean, double *covariance) {
    HSI_SELECT(exact_moments)(n, channels, sum_high, sum_low, high, low, mean, covariance);
}
