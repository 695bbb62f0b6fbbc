// Tiles of pixels x columns dot products, shared by the products and the NMF sweep. Compiled per level.
//
// A tile is 4 pixels x 4 columns. With 32 vector registers (v4, NEON) it is computed at once; with 16 it is done
// as four 2 x 2 tiles. Every (pixel, column) pair has its own accumulator over the chunks, so the grouping does
// not change the bits.
#if HSI_LEVEL == 4
enum { K(TILE_PX) = 4, K(TILE_COL) = 4 };
#else
enum { K(TILE_PX) = 2, K(TILE_COL) = 2 };
#endif

/// acc[p * 4 + c] = products of pixel rows[p] with packed column c, lanes not yet summed.
HSI_INLINE void K(dot_tile)(const float *const *rows, size_t channels, const float *const *columns, const int px,
                            const int col, f32x16 *acc) {
    f32x16 sum[4][4];
    HSI_UNROLL for (int p = 0; p < px; p++) HSI_UNROLL for (int c = 0; c < col; c++) sum[p][c] = (f32x16)(0.0f);
    size_t chunks = hsi_chunk_count(channels);
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        size_t start = hsi_chunk_start(chunk, channels);
        f32x16 y[4];
        HSI_UNROLL for (int p = 0; p < px; p++) y[p] = K(load)(rows[p] + start);
        HSI_UNROLL for (int c = 0; c < col; c++) {
            f32x16 w = K(load)(columns[c] + 16 * chunk);
            HSI_UNROLL for (int p = 0; p < px; p++) sum[p][c] += y[p] * w;
        }
    }
    HSI_UNROLL for (int p = 0; p < px; p++) HSI_UNROLL for (int c = 0; c < col; c++) acc[4 * p + c] = sum[p][c];
}

/// out[n * out_stride + c] for `pixels` rows; packed = columns x (16 * chunks), zero in overlapping lanes.
/// channels >= 16. Tiles that stick out repeat the last row or column and drop the result.
static void K(project_rows)(const float *scene, size_t stride, size_t pixels, size_t channels, const float *packed,
                            size_t columns, float *out, size_t out_stride, hsi_ahead *ahead) {
    size_t packed_stride = 16 * hsi_chunk_count(channels);
    const int lines = (int)(stride / 14); // a quarter to a third of what four rows need
    for (size_t n = 0; n < pixels; n += 4) {
        if (ahead) hsi_ask(ahead, lines);
        size_t px = pixels - n < 4 ? pixels - n : 4;
        const float *rows[4];
        for (size_t p = 0; p < 4; p++) rows[p] = scene + (n + (p < px ? p : px - 1)) * stride;
        for (size_t c = 0; c < columns; c += 4) {
            size_t col = columns - c < 4 ? columns - c : 4;
            const float *w[4];
            for (size_t j = 0; j < 4; j++) w[j] = packed + (c + (j < col ? j : col - 1)) * packed_stride;
            f32x16 acc[16];
            if (col == 1) {
                for (int i = 0; i < 16; i++) acc[i] = (f32x16)(0.0f);
                for (int p = 0; p < 4; p += K(TILE_PX)) K(dot_tile)(rows + p, channels, w, K(TILE_PX), 1, acc + 4 * p);
            } else if (col == 2) {
                for (int i = 0; i < 16; i++) acc[i] = (f32x16)(0.0f);
                for (int p = 0; p < 4; p += K(TILE_PX)) K(dot_tile)(rows + p, channels, w, K(TILE_PX), 2, acc + 4 * p);
            } else {
                for (int p = 0; p < 4; p += K(TILE_PX))
                    for (int j = 0; j < 4; j += K(TILE_COL))
                        K(dot_tile)(rows + p, channels, w + j, K(TILE_PX), K(TILE_COL), acc + 4 * p + j);
            }
            f32x16 result = K(reduce16)(acc);
            float *target = out + n * out_stride + c;
            if (px == 4 && col == 4 && out_stride == 4) {
                K(store)(target, result);
            } else {
                float lanes[16];
                K(store)(lanes, result);
                for (size_t p = 0; p < px; p++)
                    for (size_t j = 0; j < col; j++) target[p * out_stride + j] = lanes[4 * p + j];
            }
        }
    }
}

HSI_INLINE void K(dot_tile_f64)(const float *const *rows, size_t channels, const double *const *columns, const int px,
                                const int col, f64x8 *acc) {
    f64x8 sum[4][4];
    HSI_UNROLL for (int p = 0; p < px; p++) HSI_UNROLL for (int c = 0; c < col; c++) sum[p][c] = (f64x8)(0.0);
    size_t chunks = hsi_chunk_count(channels);
    for (size_t chunk = 0; chunk < chunks; chunk++) {
        size_t start = hsi_chunk_start(chunk, channels);
        HSI_UNROLL for (int half = 0; half < 2; half++) {
            f64x8 y[4];
            HSI_UNROLL for (int p = 0; p < px; p++) {
                f32x8 narrow;
                memcpy(&narrow, rows[p] + start + 8 * half, 32);
                y[p] = __builtin_convertvector(narrow, f64x8);
            }
            HSI_UNROLL for (int c = 0; c < col; c++) {
                f64x8 w = K(load_f64)(columns[c] + 16 * chunk + 8 * half);
                HSI_UNROLL for (int p = 0; p < px; p++) sum[p][c] += y[p] * w;
            }
        }
    }
    HSI_UNROLL for (int p = 0; p < px; p++) HSI_UNROLL for (int c = 0; c < col; c++) acc[4 * p + c] = sum[p][c];
}

__attribute__((unused)) static void K(project_rows_f64)(const float *scene, size_t stride, size_t pixels, size_t channels,
                                const double *packed, size_t columns, double *out, size_t out_stride) {
    size_t packed_stride = 16 * hsi_chunk_count(channels);
    for (size_t n = 0; n < pixels; n += 4) {
        size_t px = pixels - n < 4 ? pixels - n : 4;
        const float *rows[4];
        for (size_t p = 0; p < 4; p++) rows[p] = scene + (n + (p < px ? p : px - 1)) * stride;
        for (size_t c = 0; c < columns; c += 4) {
            size_t col = columns - c < 4 ? columns - c : 4;
            const double *w[4];
            for (size_t j = 0; j < 4; j++) w[j] = packed + (c + (j < col ? j : col - 1)) * packed_stride;
            f64x8 acc[16];
            if (col <= 2) {
                for (int i = 0; i < 16; i++) acc[i] = (f64x8)(0.0);
                for (int p = 0; p < 4; p += K(TILE_PX))
                    K(dot_tile_f64)(rows + p, channels, w, K(TILE_PX), 2, acc + 4 * p);
            } else {
                for (int p = 0; p < 4; p += K(TILE_PX))
                    for (int j = 0; j < 4; j += K(TILE_COL))
                        K(dot_tile_f64)(rows + p, channels, w + j, K(TILE_PX), K(TILE_COL), acc + 4 * p + j);
            }
            double lanes[16];
            K(store_f64)(lanes, K(reduce8_f64)(acc));
            K(store_f64)(lanes + 8, K(reduce8_f64)(acc + 8));
            double *target = out + n * out_stride + c;
            for (size_t p = 0; p < px; p++)
                for (size_t j = 0; j < col; j++) target[p * out_stride + j] = lanes[4 * p + j];
        }
    }
}

// MARK: - Outer sums

/// fp32 sums over `pixels` (at most 64) rows for `vectors` chunks of channels and `col` columns, added to fp64.
/// sums layout: [column][16 * chunks].
HSI_INLINE void K(outer_tile)(const float *scene, size_t stride, size_t pixels, const size_t *starts,
                              const float *a, size_t a_stride, const int vectors, const int col, double *sums,
                              size_t sums_stride, hsi_ahead *ahead) {
    f32x16 acc[4][4];
    HSI_UNROLL for (int v = 0; v < vectors; v++) HSI_UNROLL for (int c = 0; c < col; c++) acc[v][c] = (f32x16)(0.0f);
    for (size_t n = 0; n < pixels; n++) {
        const float *row = scene + n * stride;
        const float *coefficients = a + n * a_stride;
        if (ahead) hsi_ask(ahead, 2);
        f32x16 y[4];
        HSI_UNROLL for (int v = 0; v < vectors; v++) y[v] = K(load)(row + starts[v]);
        HSI_UNROLL for (int c = 0; c < col; c++) {
            float factor = coefficients[c];
            HSI_UNROLL for (int v = 0; v < vectors; v++) acc[v][c] += y[v] * factor;
        }
    }
    HSI_UNROLL for (int c = 0; c < col; c++) HSI_UNROLL for (int v = 0; v < vectors; v++) {
        double *target = sums + (size_t)c * sums_stride + 16 * v;
        f64x16 wide = __builtin_convertvector(acc[v][c], f64x16);
        K(store_f64)(target, K(load_f64)(target) + wide.lo);
        K(store_f64)(target + 8, K(load_f64)(target + 8) + wide.hi);
    }
}

#if HSI_LEVEL == 4
enum { K(OUTER_VECTORS) = 4 };
#else
enum { K(OUTER_VECTORS) = 1 };
#endif

/// All columns for `vectors` chunks of channels.
HSI_INLINE void K(outer_columns)(const float *scene, size_t stride, size_t pixels, const size_t *starts,
                                 const float *a, size_t a_stride, size_t columns, const int vectors, double *sums,
                                 size_t sums_stride, hsi_ahead *ahead) {
    size_t c = 0;
#define HSI_OUTER_TILES(col) \
    for (; c + col <= columns; c += col) \
        K(outer_tile)(scene, stride, pixels, starts, a + c, a_stride, vectors, col, sums + c * sums_stride, sums_stride, ahead);
    HSI_OUTER_TILES(4)
    HSI_OUTER_TILES(3)
    HSI_OUTER_TILES(2)
    HSI_OUTER_TILES(1)
#undef HSI_OUTER_TILES
}

/// sums[c][16 * chunk + j] += sum_n scene[n, start(chunk) + j] * a[n, c], for at most 64 pixels. channels >= 16.
static void K(outer_rows)(const float *scene, size_t stride, size_t pixels, size_t channels, const float *a,
                          size_t a_stride, size_t columns, double *sums, hsi_ahead *ahead) {
    size_t chunks = hsi_chunk_count(channels), sums_stride = 16 * chunks;
    for (size_t chunk = 0; chunk < chunks;) {
        size_t starts[4];
        size_t vectors = chunks - chunk < K(OUTER_VECTORS) ? chunks - chunk : K(OUTER_VECTORS);
        for (size_t v = 0; v < vectors; v++) starts[v] = hsi_chunk_start(chunk + v, channels);
        double *target = sums + 16 * chunk;
#if HSI_LEVEL == 4
        if (vectors == 4) K(outer_columns)(scene, stride, pixels, starts, a, a_stride, columns, 4, target, sums_stride, ahead);
        if (vectors == 3) K(outer_columns)(scene, stride, pixels, starts, a, a_stride, columns, 3, target, sums_stride, ahead);
        if (vectors == 2) K(outer_columns)(scene, stride, pixels, starts, a, a_stride, columns, 2, target, sums_stride, ahead);
        if (vectors == 1)
#endif
            K(outer_columns)(scene, stride, pixels, starts, a, a_stride, columns, 1, target, sums_stride, ahead);
        chunk += vectors;
    }
}
