// What the drivers of a convolution and its kernels have in common. Private.
#ifndef HSI_CONVOLUTION_TYPES_H
#define HSI_CONVOLUTION_TYPES_H

#include "hsi_convolution.h"
#include "simd_types.h"

/// Names and vectors of bodies that are compiled for vectors of 16 and of 8 floats (LANES).
#define L(name) K(HSI_JOIN(HSI_JOIN(name, _), LANES))
#define VECTOR HSI_JOIN(f32x, LANES)
#define INTEGERS HSI_JOIN(i32x, LANES)
typedef int32_t i32x8 __attribute__((ext_vector_type(8)));

/// Columns of packed weights are cut into panels of 32, the rest into 16 and 8. Panel at column o of a matrix of
/// `depth` rows: o * depth floats from its start, [depth][width].
HSI_INLINE size_t hsi_panel_width(size_t left) { return left > 24 ? 32 : left > 8 ? 16 : 8; }
/// Columns after padding.
HSI_INLINE size_t hsi_panel_columns(size_t columns) { return (columns + 7) / 8 * 8; }

enum { HSI_MAX_TAPS = 9 * HSI_CONVOLUTION_MAX_DEPTH_TAPS };

/// One tap of one output row: pixel q reads x[offset + q * x_step ...], which lies inside the input for
/// first <= q < end.
typedef struct {
    ptrdiff_t offset;
    int index; ///< of the packed weights
    int first, end;
} hsi_tap;

/// A run of output pixels of one row, with all taps that any of them uses.
typedef struct {
    const float *x, *packed, *bias;
    float *y;
    size_t x_step, y_step;    ///< floats between neighbouring pixels
    size_t inputs, outputs;   ///< channels
    int all_taps, taps;       ///< in the packed weights, in the list
    int first, end;           ///< pixels
    int accumulate;
    int threes;               ///< taps come in threes that read neighbouring pixels, as do neighbouring outputs
    float leak;
    ptrdiff_t ahead;          ///< floats from what a pixel reads to what it will read in a band to come; 0 for nothing
    hsi_tap tap[HSI_MAX_TAPS];
} hsi_tap_row;

/// Values of pixels for sums over them: pixel n of line i starts at p + i * line + n * step.
typedef struct {
    const float *p;
    size_t step, line;
} hsi_rows;

typedef struct {
    void (*taps)(const hsi_tap_row *);
    void (*dots)(const hsi_tap_row *);
    void (*outer)(hsi_rows, hsi_rows, size_t, size_t, size_t, size_t, float *, size_t);
} convolution_table;

#endif
