// Sums over pixels without rounding: of values, and of products of two channels.
//
// A single-precision value is split into signed digits of SLICE bits relative to the largest magnitude of its channel in the block:
// y = sum over s of digit_s * 2^(e - SLICE (s + 1)), |digit_0| <= 2^SLICE, |digit_s| <= 2^(SLICE-1). Products of digits summed over at most
// HSI_EXACT_PIXELS pixels stay below 2^53, so that a product of matrices in double precision, in whatever order, has them exactly. The
// totals are kept as planes of digits to the base 2^32 in doubles: total[i] = sum over k of plane[k][i] * 2^(32 (lowest + k)). Every total
// is thus a whole number of a unit, and neither the order nor the cut of a sum changes it.
#ifndef HSI_EXACT_H
#define HSI_EXACT_H

#include <stddef.h>
#include <stdint.h>

enum {
    HSI_EXACT_PIXELS = 512, // of a block
    HSI_EXACT_SLICE = 22,   // bits of a digit of a value
    HSI_EXACT_PLANE = 32,   // bits of a digit of a total
};

// Looks at a block: extremes per channel, exponents e (|y| < 2^e; INT32_MIN for a channel that is 0 throughout or has a value that is
// not finite) and bad[l] = 1 where a value is not finite; rest = y * 2^(SLICE - e), 0 in such channels. pixels <= HSI_EXACT_PIXELS,
// pixel-major without gaps. 20 flops a value.
void hsi_exact_begin(const float *scene, size_t pixels, size_t channels, float *minimum, float *maximum, int32_t *exponents,
                     uint8_t *bad, double *rest);

// Takes the next digit: digits = the whole number next to rest, sums[l] = its sum over pixels, rest = (rest - digits) * 2^SLICE, and
// left[l] = 1 where something is left in a channel. Returns the number of such channels.
size_t hsi_exact_slice(double *rest, size_t pixels, size_t channels, double *digits, double *sums, uint8_t *left);

// Adds values[i] * scale * scales[i], i < count, to the planes first ... first + depth - 1 of totals at i: planes[k * stride + i] with
// the unit 2^(32 (lowest + k)). The values must be multiples of the unit of the first plane, and below 2^32 units of the last one.
void hsi_exact_add(const double *values, size_t count, double scale, const double *scales, double *planes, size_t stride,
                   int lowest, int first, int depth);

// The same for the upper triangle of products of all channels (channels x channels, row-major): totals are packed by rows, (i, j) with
// i <= j at i * channels - i (i - 1) / 2 + j - i.
void hsi_exact_add_triangle(const double *products, size_t channels, double scale, const double *scales, double *planes,
                            size_t stride, int lowest, int first, int depth);

// The same for products of some channels with others (rows x columns, row-major; a pair of channels may come in either order). With
// `halves` rows and columns are the same list, rising, and the upper triangle is added.
void hsi_exact_add_pairs(const double *products, const uint32_t *rows, size_t row_count, const uint32_t *columns,
                         size_t column_count, int halves, size_t channels, double scale, const double *scales, double *planes,
                         size_t stride, int lowest, int first, int depth);

// Brings digits into [0, 2^32), those of the last plane excepted, which has the sign.
void hsi_exact_carry(double *planes, size_t depth, size_t stride, size_t count);

// The totals rounded to the sum of two doubles. Planes as hsi_exact_carry leaves them, at most 64.
void hsi_exact_round(const double *planes, size_t depth, size_t stride, size_t count, int lowest, double *high, double *low);

// Mean and covariance (L x L) of n pixels from rounded sums and packed products: S / n - mean mean^T in the arithmetic of two doubles.
void hsi_exact_moments(double n, size_t channels, const double *sum_high, const double *sum_low, const double *high,
                       const double *low, double *mean, double *covariance);

#endif
