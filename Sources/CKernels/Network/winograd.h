// Winograd's F(4 x 4, 3 x 3) for planes of 3 x 3 taps, with any odd number of depth taps. Private.
#ifndef HSI_WINOGRAD_H
#define HSI_WINOGRAD_H

#include "convolution_types.h"

/// Sizes of one convolution as the transformed products see it. A tile is 4 x 4 output pixels; the 6 x 6 input pixels
/// under it become 36 points. Rows of a product are tiles: a block of tiles on a group of successive bands.
typedef struct {
    int depth, rows, columns, depth_taps;
    size_t inputs, outputs, padded_outputs;
    int tile_columns, tiles; ///< per plane
    int block_tiles, group_bands;
    int units; ///< blocks of tiles; with one depth tap blocks run on across planes, else they walk through all bands
    size_t chunk, chunks; ///< input channels that lie together: 8, 16, 32 or 64, and how often
    size_t chunk_step, input_point, output_point; ///< floats between chunks, between points
} winograd_plan;

/// A tile of a unit: plane of the volume (of the unit's first band), first output pixel.
typedef struct {
    int plane, top, left;
} winograd_tile;

/// Memory that the next steps will touch, as runs of bytes; the products ask for it a few lines at a time.
typedef struct {
    uintptr_t *runs, *end; ///< pairs of first and end address
    uintptr_t line, line_end;
    size_t lines; ///< in all
} winograd_ahead;

HSI_INLINE void hsi_winograd_ask(winograd_ahead *ahead, size_t lines) {
    for (; lines > 0; lines--, ahead->line += 64) {
        if (ahead->line >= ahead->line_end) {
            if (ahead->runs == ahead->end) return;
            ahead->line = ahead->runs[0];
            ahead->line_end = ahead->runs[1];
            ahead->runs += 2;
        }
        __builtin_prefetch((const void *)ahead->line, 0, 2);
    }
}

/// Where a tile lies in a plane [rows][columns][channels].
typedef struct {
    int rows, columns, top, left;
    size_t channels;
} winograd_place;

typedef struct {
    /// Points of the input tile whose 6 x 6 pixels start at (top, left), possibly outside: B^T d B.
    void (*input)(const winograd_plan *, const float *, winograd_place, float *);
    /// out[point] = in[point] times the packed weights of the point, for `rows` tiles.
    void (*multiply)(const winograd_plan *, const float *, size_t, const float *, float *, winograd_ahead *);
    /// A^T m A, bias, leak and sum for the 4 x 4 pixels at (top, left), as far as they exist.
    void (*output)(const winograd_plan *, const float *, winograd_place, const float *, float, int, float *);
    /// Points of a tile of the output's gradient: A dy A^T.
    void (*spread)(const winograd_plan *, const float *, winograd_place, float *);
    /// sums[point][depth tap][input][padded output] += products of input points and gradient points over `rows` tiles.
    void (*outer)(const winograd_plan *, const float *, const float *, size_t, float *, winograd_ahead *);
    /// G^T of the sum of `parts` partial sums G, of one depth tap and input: result[9][padded outputs].
    void (*gather)(const winograd_plan *, const float *, size_t, int, size_t, float *);
    /// G g G^T of nine taps [9][8] of eight outputs, the points `size_t` floats apart.
    void (*pack)(const float *, float *, size_t);
} winograd_table;

int hsi_uses_winograd(const hsi_convolution *c, int exact);

size_t hsi_winograd_packed_size(size_t depth_taps, size_t inputs, size_t outputs);

/// Weight of tap t from input k to output o: weights[o * output_stride + k * input_stride + t], t reversed if flipped.
void hsi_winograd_pack(const float *weights, size_t depth_taps, size_t inputs, size_t outputs, size_t input_stride,
                       size_t output_stride, int flipped, float *packed);

/// Scratch for the forward pass of c, and for its weight gradient.
size_t hsi_winograd_scratch_size(const hsi_convolution *c, int threads);
size_t hsi_winograd_gradient_scratch_size(const hsi_convolution *c, int threads);

/// As hsi_convolution_forward. The data gradient is the forward pass with channels exchanged.
void hsi_winograd_forward(const hsi_convolution *c, const float *x, const float *packed, const float *bias, float leak,
                          int accumulate, float *y, float *scratch, int threads);

/// dw as hsi_convolution_weight_gradient.
void hsi_winograd_weight_gradient(const hsi_convolution *c, const float *x, const float *dy, float *dw, float *scratch,
                                  int threads);

#endif
