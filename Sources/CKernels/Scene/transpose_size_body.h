// One sample size. Needs SIZE, SAMPLE, LANES (tile edge), ROUNDS (its logarithm), LOW and HIGH (lanes of the two
// interleavings), SWAPPED. B(name) makes the name of a function of this size and level.
#define B(name) K(HSI_JOIN(name, SIZE))

typedef SAMPLE B(tile_row) __attribute__((ext_vector_type(LANES)));

/// One LANES x LANES tile: rounds of interleaving row i with row i + LANES / 2.
HSI_INLINE void B(transpose_tile)(
    const uint8_t *source, ptrdiff_t stride, const int32_t *list, size_t row, uint8_t *target, ptrdiff_t target_stride,
    int swap) {
    B(tile_row) v[LANES], t[LANES];
    HSI_UNROLL for (int i = 0; i < LANES; i++) {
        ptrdiff_t index = list ? list[row + i] : (ptrdiff_t)row + i;
        const uint8_t *p = source + index * stride;
        __builtin_prefetch((const void *)((uintptr_t)p + 64), 0, 3); // too many rows for the hardware to follow
        memcpy(&v[i], p, sizeof v[i]);
        if (swap) v[i] = SWAPPED(v[i]);
    }
    HSI_UNROLL for (int round = 0; round < ROUNDS; round++) {
        HSI_UNROLL for (int i = 0; i < LANES / 2; i++) {
            t[2 * i] = __builtin_shufflevector(v[i], v[i + LANES / 2], LOW);
            t[2 * i + 1] = __builtin_shufflevector(v[i], v[i + LANES / 2], HIGH);
        }
        HSI_UNROLL for (int i = 0; i < LANES; i++) v[i] = t[i];
    }
    HSI_UNROLL for (int i = 0; i < LANES; i++) memcpy(target + i * target_stride, &v[i], sizeof v[i]);
}

/// target(column, row) = source(list[row], column): rows lie `stride` bytes apart with packed columns, and columns of
/// the target `target_stride` bytes apart with packed rows. Tiles at the ends overlap the ones before.
HSI_INLINE void B(transpose_blocks)(
    const uint8_t *source, ptrdiff_t stride, const int32_t *list, size_t rows, size_t columns, uint8_t *target,
    ptrdiff_t target_stride, int swap) {
    if (rows < LANES || columns < LANES) {
        for (size_t c = 0; c < columns; c++) {
            for (size_t r = 0; r < rows; r++) {
                SAMPLE value;
                memcpy(&value, source + (list ? list[r] : (ptrdiff_t)r) * stride + c * SIZE, SIZE);
                if (swap) value = (SAMPLE)SWAPPED(value);
                memcpy(target + (ptrdiff_t)c * target_stride + r * SIZE, &value, SIZE);
            }
        }
        return;
    }
    // 64 rows by 64 bytes: whole cache lines on both sides while they are in the first level.
    const size_t across = 64 / SIZE;
    for (size_t top = 0; top < rows; top += 64) {
        size_t bottom = rows - top < 64 ? rows : top + 64;
        for (size_t left = 0; left < columns; left += across) {
            size_t right = columns - left < across ? columns : left + across;
            for (size_t r = top; r < bottom; r += LANES) {
                size_t row = r + LANES <= rows ? r : rows - LANES;
                for (size_t c = left; c < right; c += LANES) {
                    size_t column = c + LANES <= columns ? c : columns - LANES;
                    B(transpose_tile)(
                        source + column * SIZE, stride, list, row,
                        target + (ptrdiff_t)column * target_stride + row * SIZE, target_stride, swap);
                }
            }
        }
    }
}

static void B(transpose)(
    const uint8_t *source, ptrdiff_t stride, const int32_t *list, size_t rows, size_t columns, uint8_t *target,
    ptrdiff_t target_stride) {
    if (list) B(transpose_blocks)(source, stride, list, rows, columns, target, target_stride, 0);
    else B(transpose_blocks)(source, stride, NULL, rows, columns, target, target_stride, 0);
}

#ifdef HSI_TRANSPOSE_SWAPS
static void B(transpose_swapped)(
    const uint8_t *source, ptrdiff_t stride, size_t rows, size_t columns, uint8_t *target, ptrdiff_t target_stride) {
    B(transpose_blocks)(source, stride, NULL, rows, columns, target, target_stride, 1);
}

/// Copies `count` samples, bytes of each reversed.
static void B(copy_swapped)(const uint8_t *source, size_t count, uint8_t *target) {
    for (size_t i = 0; i < count; i++) {
        SAMPLE value;
        memcpy(&value, source + i * SIZE, SIZE);
        value = (SAMPLE)SWAPPED(value);
        memcpy(target + i * SIZE, &value, SIZE);
    }
}
#endif

#undef B
#undef SIZE
#undef SAMPLE
#undef LANES
#undef ROUNDS
#undef LOW
#undef HIGH
#undef SWAPPED
