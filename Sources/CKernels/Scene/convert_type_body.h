// Conversions of one sample type; included once per type and level. Needs SAMPLE (C type), SAMPLE_SIZE (its
// bytes), NAME (suffix), and UNSIGNED (unsigned type of the same size). T(name) makes the name of a function of this type and level.
#define T(name) K(HSI_JOIN(name, NAME))

typedef SAMPLE T(v) __attribute__((ext_vector_type(16)));
typedef UNSIGNED T(u) __attribute__((ext_vector_type(16)));

HSI_INLINE T(v) T(swapped)(T(v) value, int swap) {
    if (!swap || sizeof(SAMPLE) == 1) return value;
    T(u) bits;
    memcpy(&bits, &value, sizeof bits);
    HSI_SWAP(bits);
    memcpy(&value, &bits, sizeof bits);
    return value;
}

/// 16 samples `stride` bytes apart; `count` of them exist, the others repeat the first.
HSI_INLINE T(v) T(load16)(const uint8_t *p, ptrdiff_t stride, size_t count, int swap) {
    T(v) value;
    if (count == 16 && stride == (ptrdiff_t)sizeof(SAMPLE)) {
        memcpy(&value, p, sizeof value);
    } else {
        SAMPLE lanes[16];
        for (size_t i = 0; i < 16; i++) memcpy(&lanes[i], p + (ptrdiff_t)(i < count ? i : 0) * stride, sizeof(SAMPLE));
        memcpy(&value, lanes, sizeof value);
    }
    return T(swapped)(value, swap);
}

/// Lanes equal to the nodata value, as -1 / 0 in 32 bits.
HSI_INLINE i32x16 T(matches)(T(v) raw, T(v) nodata) {
    return __builtin_convertvector(raw == nodata, i32x16);
}

/// One 16 pixels x 16 bands tile at a time: lanes are pixels while reading, then a transpose. For any strides.
static void T(read_planar)(const read_plan *plan, size_t first, size_t count) {
    const hsi_read_job *job = plan->job;
    const uint8_t *base = (const uint8_t *)job->source + (ptrdiff_t)first * job->pixel_stride;
    for (size_t n = 0; n < count; n += 16) {
        size_t pixels = count - n < 16 ? count - n : 16;
        i32x16 bad = (i32x16)(0), all_nodata = (i32x16)(-1);
        for (size_t b = 0; b < job->bands; b += 16) {
            size_t bands = job->bands - b < 16 ? job->bands - b : 16;
            f32x16 tile[16];
            for (size_t i = 0; i < bands; i++) {
                size_t band = b + i;
                ptrdiff_t index = job->band_list ? job->band_list[band] : (ptrdiff_t)band;
                const uint8_t *source = base + (ptrdiff_t)n * job->pixel_stride + index * job->band_stride;
                hsi_prefetch(source, 96); // too many bands for the hardware to follow
                T(v) raw = T(load16)(source, job->pixel_stride, pixels, job->swap_bytes);
                f32x16 value;
                if (plan->scaled) {
                    f64x16 wide = __builtin_convertvector(raw, f64x16);
                    wide = wide * (job->scale ? job->scale[band] : 1.0);
                    wide = wide + (job->offset ? job->offset[band] : 0.0);
                    value = __builtin_convertvector(wide, f32x16);
                } else {
                    value = __builtin_convertvector(raw, f32x16);
                }
                tile[i] = value;
                if (job->valid && (!job->checked || job->checked[band])) {
                    if (plan->check_finite) bad |= ~(K(abs)(value) < (f32x16)(HSI_LARGEST));
                    SAMPLE nodata;
                    if (HSI_JOIN(band_nodata_, NAME)(job, band, &nodata)) {
                        i32x16 hit = T(matches)(raw, (T(v))(nodata));
                        if (job->policy == HSI_NODATA_ANY) bad |= hit;
                        else all_nodata &= hit;
                    } else if (HSI_JOIN(band_never_matches_, NAME)(job, band)) {
                        all_nodata = (i32x16)(0);
                    }
                }
            }
            float *target = job->out + (first + n) * job->out_stride + b;
            if (bands == 16) {
                K(transpose16)(tile);
                for (size_t i = 0; i < pixels; i++) K(store)(target + i * job->out_stride, tile[i]);
            } else {
                const float *lanes = (const float *)tile;
                for (size_t i = 0; i < pixels; i++)
                    for (size_t j = 0; j < bands; j++) target[i * job->out_stride + j] = lanes[16 * j + i];
            }
        }
        if (job->valid) {
            if (plan->any_nodata && job->policy == HSI_NODATA_ALL) bad |= all_nodata;
            for (size_t i = 0; i < pixels; i++) job->valid[first + n + i] = bad[i] == 0;
        }
    }
}

/// What the chunks of at most 512 bands need, prepared once for many pixels. Lanes: -1 = yes, 0 = no.
typedef struct {
    T(v) nodata[HSI_TABLE_CHUNKS];
    i32x16 use[HSI_TABLE_CHUNKS];     // exists and decides about validity
    i32x16 present[HSI_TABLE_CHUNKS]; // has a nodata value of the sample type
    i32x16 never[HSI_TABLE_CHUNKS];   // has one that the sample type cannot hold
} T(band_table);

static void T(fill_table)(const hsi_read_job *job, size_t first_band, T(band_table) *table) {
    for (size_t c = 0; c < HSI_TABLE_CHUNKS; c++) {
        table->nodata[c] = (T(v))(0);
        table->use[c] = table->present[c] = table->never[c] = (i32x16)(0);
        for (size_t i = 0; i < 16; i++) {
            size_t band = first_band + 16 * c + i;
            if (band >= job->bands || (job->checked && !job->checked[band])) continue;
            table->use[c][i] = -1;
            SAMPLE value;
            if (HSI_JOIN(band_nodata_, NAME)(job, band, &value)) {
                table->nodata[c][i] = value;
                table->present[c][i] = -1;
            } else if (HSI_JOIN(band_never_matches_, NAME)(job, band)) {
                table->never[c][i] = -1;
            }
        }
    }
}

/// Bands contiguous in the source and taken in order: lanes are bands, memory is walked in its order.
/// `table` is that of the first bands.
HSI_INLINE void T(read_rows)(const read_plan *plan, T(band_table) *table, size_t first, size_t count) {
    const hsi_read_job *job = plan->job;
    const int check = plan->checks;
    const int wants_all = plan->any_nodata && job->policy == HSI_NODATA_ALL;
    const uint8_t *base = (const uint8_t *)job->source + (job->band_list ? job->band_list[0] : 0) * job->band_stride;
    const size_t table_bands = 16 * HSI_TABLE_CHUNKS;
    i32x16 bad[64], missed[64]; // missed: some band is not nodata
    for (size_t n = first; n < first + count; n += 64) {
        size_t pixels = first + count - n < 64 ? first + count - n : 64;
        if (check)
            for (size_t i = 0; i < pixels; i++) bad[i] = missed[i] = (i32x16)(0);
        for (size_t group = 0; group < job->bands; group += table_bands) {
            size_t group_end = job->bands - group < table_bands ? job->bands : group + table_bands;
            if (check && job->bands > table_bands) T(fill_table)(job, group, table);
            for (size_t i = 0; i < pixels; i++) {
                const uint8_t *source = base + (ptrdiff_t)(n + i) * job->pixel_stride;
                float *target = job->out + (n + i) * job->out_stride;
                i32x16 bad_here = (i32x16)(0), missed_here = (i32x16)(0);
                for (size_t b = group; b < group_end; b += 16) {
                    size_t bands = group_end - b < 16 ? group_end - b : 16, c = (b - group) / 16;
                    T(v) raw = T(load16)(source + b * sizeof(SAMPLE), sizeof(SAMPLE), bands, job->swap_bytes);
                    f32x16 value;
                    if (plan->scaled) {
                        f64x16 wide = __builtin_convertvector(raw, f64x16);
                        f64x16 scale = (f64x16)(1.0), offset = (f64x16)(0.0);
                        if (bands == 16) {
                            if (job->scale) memcpy(&scale, job->scale + b, sizeof scale);
                            if (job->offset) memcpy(&offset, job->offset + b, sizeof offset);
                        } else {
                            if (job->scale) memcpy(&scale, job->scale + b, bands * sizeof(double));
                            if (job->offset) memcpy(&offset, job->offset + b, bands * sizeof(double));
                        }
                        wide = wide * scale;
                        wide = wide + offset;
                        value = __builtin_convertvector(wide, f32x16);
                    } else {
                        value = __builtin_convertvector(raw, f32x16);
                    }
                    if (bands == 16) K(store)(target + b, value);
                    else K(store_partial)(target + b, value, bands);
                    if (!check) continue;
                    if (plan->check_finite) bad_here |= ~(K(abs)(value) < (f32x16)(HSI_LARGEST)) & table->use[c];
                    if (!plan->any_nodata) continue;
                    i32x16 hit = T(matches)(raw, table->nodata[c]);
                    if (wants_all) missed_here |= (table->present[c] & ~hit) | table->never[c];
                    else bad_here |= hit & table->present[c];
                }
                if (check) {
                    bad[i] |= bad_here;
                    missed[i] |= missed_here;
                }
            }
        }
        if (job->valid)
            for (size_t i = 0; i < pixels; i++)
                job->valid[n + i] = !check || !(__builtin_reduce_or(bad[i]) || (wants_all && !__builtin_reduce_or(missed[i])));
    }
}

static void T(read_interleaved)(const read_plan *plan, size_t first, size_t count) {
    T(band_table) table;
    if (plan->checks && plan->job->bands <= 16 * HSI_TABLE_CHUNKS) T(fill_table)(plan->job, 0, &table);
    T(read_rows)(plan, &table, first, count);
}

/// Pixels contiguous in the source: a few pixels at a time are turned into rows of raw samples that stay in the first
/// level, and converted from there, so that memory is written in its order. Few or very many bands go by `read_planar`.
static void T(read_turned)(const read_plan *plan, size_t first, size_t count) {
    const hsi_read_job *job = plan->job;
    const size_t row = job->bands * sizeof(SAMPLE);
    if (job->bands < 16 || 16 * row > HSI_TURNED_BYTES) {
        T(read_planar)(plan, first, count);
        return;
    }
    uint8_t rows[HSI_TURNED_BYTES] __attribute__((aligned(64)));
    T(band_table) table;
    if (plan->checks && job->bands <= 16 * HSI_TABLE_CHUNKS) T(fill_table)(job, 0, &table);
    hsi_read_job part = *job;
    read_plan turned = *plan;
    turned.job = &part;
    part.source = rows;
    part.pixel_stride = (ptrdiff_t)row;
    part.band_stride = sizeof(SAMPLE);
    part.band_list = NULL;
    const size_t most = 32 * row > HSI_TURNED_BYTES ? 16 : 32;
    for (size_t n = first; n < first + count;) {
        size_t pixels = first + count - n < most ? first + count - n : most;
        K(HSI_JOIN(transpose, SAMPLE_SIZE))(
            (const uint8_t *)job->source + n * sizeof(SAMPLE), job->band_stride, job->band_list, job->bands, pixels, rows,
            (ptrdiff_t)row);
        part.out = job->out + n * job->out_stride;
        part.valid = job->valid ? job->valid + n : NULL;
        T(read_rows)(&turned, &table, 0, pixels);
        n += pixels;
    }
}

/// float -> sample, lanes in one direction; scale and offset are vectors.
HSI_INLINE T(v) T(from_float)(f32x16 value, int scaled, f64x16 scale, f64x16 offset, double nan_value, int swap) {
    T(v) raw;
#if IS_FLOAT
    (void)nan_value;
    if (scaled) raw = __builtin_convertvector((__builtin_convertvector(value, f64x16) - offset) / scale, T(v));
    else raw = __builtin_convertvector(value, T(v));
#else
    f64x16 wide = __builtin_convertvector(value, f64x16);
    if (scaled) wide = (wide - offset) / scale;
    wide = wide == wide ? wide : (f64x16)(nan_value);
    // LOWEST and HIGHEST are the ends of the type as doubles that convert back without overflow.
    wide = wide < (f64x16)(LOWEST) ? (f64x16)(LOWEST) : wide;
    wide = wide > (f64x16)(HIGHEST) ? (f64x16)(HIGHEST) : wide;
    // Adding 2^52 to the magnitude rounds it to an integer; numbers from there on are integers already.
    f64x16 size = __builtin_elementwise_abs(wide);
    f64x16 rounded = (size + 4503599627370496.0) - 4503599627370496.0;
    rounded = wide < (f64x16)(0.0) ? -rounded : rounded;
    wide = size < (f64x16)(4503599627370496.0) ? rounded : wide;
    raw = __builtin_convertvector(wide, T(v));
#endif
    return T(swapped)(raw, swap);
}

static void T(write_planar)(const hsi_write_job *job, int scaled, size_t first, size_t count) {
    uint8_t *base = (uint8_t *)job->out + (ptrdiff_t)first * job->pixel_stride;
    for (size_t n = 0; n < count; n += 16) {
        size_t pixels = count - n < 16 ? count - n : 16;
        for (size_t b = 0; b < job->bands; b += 16) {
            size_t bands = job->bands - b < 16 ? job->bands - b : 16;
            const float *source = job->source + (first + n) * job->source_stride + b;
            f32x16 tile[16];
            for (size_t i = 0; i < 16; i++) {
                const float *row = source + (i < pixels ? i : 0) * job->source_stride;
                tile[i] = bands == 16 ? K(load)(row) : K(load_partial)(row, bands, 0.0f);
            }
            K(transpose16)(tile);
            for (size_t i = 0; i < bands; i++) {
                size_t band = b + i;
                T(v) raw = T(from_float)(tile[i], scaled, (f64x16)(job->scale ? job->scale[band] : 1.0),
                                         (f64x16)(job->offset ? job->offset[band] : 0.0), job->nan_value, job->swap_bytes);
                uint8_t *target = base + (ptrdiff_t)n * job->pixel_stride + (ptrdiff_t)band * job->band_stride;
                __builtin_prefetch((const void *)((uintptr_t)target + 384), 1, 3);
                if (pixels == 16 && job->pixel_stride == (ptrdiff_t)sizeof(SAMPLE)) {
                    memcpy(target, &raw, sizeof raw);
                } else {
                    SAMPLE lanes[16];
                    memcpy(lanes, &raw, sizeof lanes);
                    for (size_t j = 0; j < pixels; j++)
                        memcpy(target + (ptrdiff_t)j * job->pixel_stride, &lanes[j], sizeof(SAMPLE));
                }
            }
        }
    }
}

static void T(write_interleaved)(const hsi_write_job *job, int scaled, size_t first, size_t count) {
    for (size_t n = first; n < first + count; n++) {
        const float *source = job->source + n * job->source_stride;
        uint8_t *target = (uint8_t *)job->out + (ptrdiff_t)n * job->pixel_stride;
        for (size_t b = 0; b < job->bands; b += 16) {
            size_t bands = job->bands - b < 16 ? job->bands - b : 16;
            f32x16 value = bands == 16 ? K(load)(source + b) : K(load_partial)(source + b, bands, 0.0f);
            f64x16 scale = (f64x16)(1.0), offset = (f64x16)(0.0);
            if (job->scale) memcpy(&scale, job->scale + b, bands * sizeof(double));
            if (job->offset) memcpy(&offset, job->offset + b, bands * sizeof(double));
            T(v) raw = T(from_float)(value, scaled, scale, offset, job->nan_value, job->swap_bytes);
            memcpy(target + b * sizeof(SAMPLE), &raw, bands * sizeof(SAMPLE));
        }
    }
}

#undef T
#undef SAMPLE
#undef UNSIGNED
#undef NAME
#undef IS_FLOAT
#undef SAMPLE_SIZE
#undef LOWEST
#undef HIGHEST
#undef HSI_SWAP
