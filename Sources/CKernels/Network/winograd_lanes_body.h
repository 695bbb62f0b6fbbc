// Tile transforms and register blocks of the products for vectors of LANES floats (16 or 8). Private.

// MARK: - Transforms in one direction

/// Rows 0 and 5, 1 and 2, 3 and 4 of B^T d.
HSI_INLINE void L(input_ends)(const VECTOR d[6], VECTOR *first, VECTOR *last) {
    *first = 4.0f * d[0] - 5.0f * d[2] + d[4];
    *last = 4.0f * d[1] - 5.0f * d[3] + d[5];
}
HSI_INLINE void L(input_ones)(const VECTOR d[6], VECTOR *plus, VECTOR *minus) {
    const VECTOR a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1];
    *plus = a + b;
    *minus = a - b;
}
HSI_INLINE void L(input_twos)(const VECTOR d[6], VECTOR *plus, VECTOR *minus) {
    const VECTOR a = d[4] - d[2], b = 2.0f * (d[3] - d[1]);
    *plus = a + b;
    *minus = a - b;
}
HSI_INLINE void L(input_line)(const VECTOR d[6], float *v, size_t point) {
    VECTOR out[6];
    L(input_ends)(d, &out[0], &out[5]);
    L(input_ones)(d, &out[1], &out[2]);
    L(input_twos)(d, &out[3], &out[4]);
    HSI_UNROLL for (int j = 0; j < 6; j++) L(write)(v + (size_t)j * point, out[j], LANES);
}

/// A^T m
HSI_INLINE void L(output_line)(const VECTOR m[6], VECTOR out[4]) {
    const VECTOR p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];
    out[0] = m[0] + p + r;
    out[1] = q + 2.0f * s;
    out[2] = p + 4.0f * r;
    out[3] = q + 8.0f * s + m[5];
}

/// A d
HSI_INLINE void L(spread_line)(const VECTOR d[4], VECTOR out[6]) {
    const VECTOR a = d[0] + d[2], b = d[1] + d[3], c = d[0] + 4.0f * d[2], e = 2.0f * d[1] + 8.0f * d[3];
    out[0] = d[0];
    out[1] = a + b;
    out[2] = a - b;
    out[3] = c + e;
    out[4] = c - e;
    out[5] = d[3];
}

/// G g
HSI_INLINE void L(pack_line)(const VECTOR g[3], VECTOR out[6]) {
    const VECTOR a = (g[0] + g[2]) * (-1.0f / 6), b = g[1] * (-1.0f / 6);
    const VECTOR c = g[0] * (1.0f / 24) + g[2] * (1.0f / 6), d = g[1] * (1.0f / 12);
    out[0] = 0.25f * g[0];
    out[1] = a + b;
    out[2] = a - b;
    out[3] = c + d;
    out[4] = c - d;
    out[5] = g[2];
}

/// G^T m
HSI_INLINE void L(gather_line)(const VECTOR m[6], VECTOR out[3]) {
    const VECTOR p = m[1] + m[2], q = m[2] - m[1], r = m[3] + m[4], s = m[3] - m[4];
    out[0] = 0.25f * m[0] - p * (1.0f / 6) + r * (1.0f / 24);
    out[1] = q * (1.0f / 6) + s * (1.0f / 12);
    out[2] = r * (1.0f / 6) - p * (1.0f / 6) + m[5];
}

// MARK: - Tiles

/// Pixel (i, j) from the tile's corner; zero outside the plane when `edge`, and in lanes from `count` on.
HSI_INLINE VECTOR L(pixel)(const float *plane, winograd_place at, int i, int j, size_t count, const int edge) {
    const int row = at.top + i, column = at.left + j;
    if (edge && ((unsigned)row >= (unsigned)at.rows || (unsigned)column >= (unsigned)at.columns)) return (VECTOR)(0.0f);
    return L(read)(plane + ((ptrdiff_t)row * at.columns + column) * (ptrdiff_t)at.channels, edge ? count : LANES);
}

/// B^T d B in three passes over d, two lines of B^T each: so the lines stay in registers.
HSI_INLINE void L(input)(const float *d, size_t row, size_t pixel, float *v, size_t point) {
    VECTOR first[6], second[6], line[6];
    HSI_UNROLL for (int j = 0; j < 6; j++) {
        HSI_UNROLL for (int i = 0; i < 6; i++) line[i] = L(read)(d + (size_t)i * row + (size_t)j * pixel, LANES);
        L(input_ends)(line, &first[j], &second[j]);
    }
    L(input_line)(first, v, point);
    L(input_line)(second, v + 30 * point, point);
    HSI_UNROLL for (int j = 0; j < 6; j++) {
        HSI_UNROLL for (int i = 1; i < 5; i++) line[i] = L(read)(d + (size_t)i * row + (size_t)j * pixel, LANES);
        L(input_ones)(line, &first[j], &second[j]);
    }
    L(input_line)(first, v + 6 * point, point);
    L(input_line)(second, v + 12 * point, point);
    HSI_UNROLL for (int j = 0; j < 6; j++) {
        HSI_UNROLL for (int i = 1; i < 5; i++) line[i] = L(read)(d + (size_t)i * row + (size_t)j * pixel, LANES);
        L(input_twos)(line, &first[j], &second[j]);
    }
    L(input_line)(first, v + 18 * point, point);
    L(input_line)(second, v + 24 * point, point);
}

/// One vector of channels of a tile; through a copy with zeros when the tile or the vector is not full.
HSI_INLINE void L(input_at)(const float *plane, winograd_place at, size_t count, int inside, float *v, size_t point) {
    float patch[36 * LANES];
    const float *d = patch;
    size_t row = 6 * LANES, pixel = LANES;
    if (inside && count >= LANES) {
        row = (size_t)at.columns * at.channels;
        pixel = at.channels;
        d = plane + (size_t)at.top * row + (size_t)at.left * pixel;
    } else if (count >= LANES) {
        const int top = at.top < 0 ? -at.top : 0, bottom = at.rows - at.top < 6 ? at.rows - at.top : 6;
        const int left = at.left < 0 ? -at.left : 0, right = at.columns - at.left < 6 ? at.columns - at.left : 6;
        HSI_UNROLL for (int i = 0; i < 36; i++) L(write)(patch + i * LANES, (VECTOR)(0.0f), LANES);
        for (int i = top; i < bottom; i++) {
            const float *line = plane + ((ptrdiff_t)(at.top + i) * at.columns + at.left) * (ptrdiff_t)at.channels;
            for (int j = left; j < right; j++)
                L(write)(patch + (6 * i + j) * LANES, L(read)(line + (ptrdiff_t)j * (ptrdiff_t)at.channels, LANES), LANES);
        }
    } else {
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 6; j++)
                L(write)(patch + (6 * i + j) * LANES, L(pixel)(plane, at, i, j, count, 1), LANES);
    }
    L(input)(d, row, pixel, v, point);
}

HSI_INLINE void L(spread)(const float *plane, winograd_place at, size_t count, float *m, size_t point, const int edge) {
    VECTOR rows[6][4];
    HSI_UNROLL for (int j = 0; j < 4; j++) {
        VECTOR d[4], out[6];
        HSI_UNROLL for (int i = 0; i < 4; i++) d[i] = L(pixel)(plane, at, i, j, count, edge);
        L(spread_line)(d, out);
        HSI_UNROLL for (int i = 0; i < 6; i++) rows[i][j] = out[i];
    }
    HSI_UNROLL for (int i = 0; i < 6; i++) {
        VECTOR out[6];
        L(spread_line)(rows[i], out);
        HSI_UNROLL for (int j = 0; j < 6; j++) L(write)(m + (size_t)(6 * i + j) * point, out[j], LANES);
    }
}

HSI_INLINE void L(output)(const float *m, size_t point, winograd_place at, const float *bias, float leak, int accumulate,
                          size_t count, float *plane, const int edge) {
    VECTOR rows[4][6];
    HSI_UNROLL for (int j = 0; j < 6; j++) {
        VECTOR d[6], out[4];
        HSI_UNROLL for (int i = 0; i < 6; i++) d[i] = L(read)(m + (size_t)(6 * i + j) * point, LANES);
        L(output_line)(d, out);
        HSI_UNROLL for (int i = 0; i < 4; i++) rows[i][j] = out[i];
    }
    const VECTOR shift = bias ? L(read)(bias, edge ? count : LANES) : (VECTOR)(0.0f);
    HSI_UNROLL for (int i = 0; i < 4; i++) {
        VECTOR out[4];
        if (edge && at.top + i >= at.rows) return;
        L(output_line)(rows[i], out);
        HSI_UNROLL for (int j = 0; j < 4; j++) {
            if (edge && at.left + j >= at.columns) break;
            float *y = plane + ((size_t)(at.top + i) * (size_t)at.columns + (size_t)(at.left + j)) * at.channels;
            VECTOR sum = out[j] + shift;
            if (leak != 1.0f) sum = sum > 0.0f ? sum : sum * leak;
            if (accumulate) sum += L(read)(y, edge ? count : LANES);
            L(write)(y, sum, edge ? count : LANES);
        }
    }
}

/// Nine taps from the sum of all parts, for one vector of outputs.
HSI_INLINE void L(gather)(const float *partials, size_t point, size_t part_size, int parts, float *result, size_t stride) {
    VECTOR rows[3][6];
    for (int j = 0; j < 6; j++) {
        VECTOR m[6], out[3];
        for (int i = 0; i < 6; i++) {
            const float *p = partials + (size_t)(6 * i + j) * point;
            m[i] = L(read)(p, LANES);
            for (int part = 1; part < parts; part++) m[i] += L(read)(p + (size_t)part * part_size, LANES);
        }
        L(gather_line)(m, out);
        for (int i = 0; i < 3; i++) rows[i][j] = out[i];
    }
    for (int i = 0; i < 3; i++) {
        VECTOR out[3];
        L(gather_line)(rows[i], out);
        for (int j = 0; j < 3; j++) L(write)(result + (size_t)(3 * i + j) * stride, out[j], LANES);
    }
}

// MARK: - Products

/// Tiles x (vectors * LANES) outputs at one point. Rows of v are `chunk` floats long, known when compiled: one address
/// serves all rows. The panel has rows of `width` floats.
HSI_INLINE void L(multiply_tile)(const winograd_plan *p, const float *v, const float *panel, size_t width, float *m,
                                 const int rows, const int vectors, const size_t chunk) {
    VECTOR acc[12][2];
    HSI_UNROLL for (int i = 0; i < rows; i++) HSI_UNROLL for (int n = 0; n < vectors; n++) acc[i][n] = (VECTOR)(0.0f);
    for (size_t first = 0; first < p->inputs; first += chunk, v += p->chunk_step) {
        const size_t left = p->inputs - first, count = left < chunk ? left : chunk;
        for (int tap = 0; tap < p->depth_taps; tap++) {
            const float *a = v + (size_t)(tap * p->block_tiles) * chunk;
            const float *w = panel + ((size_t)tap * p->inputs + first) * width;
            for (size_t k = 0; k < count; k++, w += width, a++) {
                VECTOR b[2];
                HSI_UNROLL for (int n = 0; n < vectors; n++) b[n] = L(read)(w + LANES * n, LANES);
                HSI_UNROLL for (int i = 0; i < rows; i++) {
                    const float factor = a[(size_t)i * chunk];
                    HSI_UNROLL for (int n = 0; n < vectors; n++) acc[i][n] += b[n] * factor;
                }
            }
        }
    }
    HSI_UNROLL for (int i = 0; i < rows; i++) HSI_UNROLL for (int n = 0; n < vectors; n++)
        L(write)(m + (size_t)i * p->padded_outputs + LANES * n, acc[i][n], LANES);
}

#if HSI_LEVEL == 4
enum { L(TILES) = 12, L(TILES_LESS) = 4, L(TILE_VECTORS) = 2 };
#elif HSI_LEVEL == 3
enum { L(TILES) = 6, L(TILES_LESS) = 2, L(TILE_VECTORS) = 1 };
#else
enum { L(TILES) = 2, L(TILES_LESS) = 1, L(TILE_VECTORS) = 1 };
#endif

HSI_INLINE void L(multiply_panel)(const winograd_plan *p, const float *v, size_t rows, const float *panel, float *m,
                                  const int vectors, winograd_ahead *ahead, size_t lines, const size_t chunk) {
    const int together = vectors < L(TILE_VECTORS) ? vectors : L(TILE_VECTORS);
    const size_t width = (size_t)(LANES * vectors);
    for (int n = 0; n < vectors; n += together) {
        const float *w = panel + LANES * n;
        float *target = m + LANES * n;
        size_t row = 0;
        for (; row + L(TILES) <= rows; row += L(TILES)) {
            if (n == 0) hsi_winograd_ask(ahead, lines);
            L(multiply_tile)(p, v + row * chunk, w, width, target + row * p->padded_outputs, L(TILES), together, chunk);
        }
        for (; row + L(TILES_LESS) <= rows; row += L(TILES_LESS))
            L(multiply_tile)(p, v + row * chunk, w, width, target + row * p->padded_outputs, L(TILES_LESS), together, chunk);
        for (; row < rows; row++)
            L(multiply_tile)(p, v + row * chunk, w, width, target + row * p->padded_outputs, 1, together, chunk);
    }
}

HSI_INLINE void L(multiply)(const winograd_plan *p, const float *v, size_t rows, const float *panel, float *m,
                            const int vectors, winograd_ahead *ahead, size_t lines) {
    if (p->chunk == 64) L(multiply_panel)(p, v, rows, panel, m, vectors, ahead, lines, 64);
    else if (p->chunk == 32) L(multiply_panel)(p, v, rows, panel, m, vectors, ahead, lines, 32);
    else if (p->chunk == 16) L(multiply_panel)(p, v, rows, panel, m, vectors, ahead, lines, 16);
    else L(multiply_panel)(p, v, rows, panel, m, vectors, ahead, lines, 8);
}
