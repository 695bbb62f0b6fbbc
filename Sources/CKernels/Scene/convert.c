// Stored samples <-> float32. See include/hsi_convert.h.
#include "hsi_convert.h"

#include <float.h>
#include <math.h>

#include "hsi_pool.h"
#include "simd_types.h"

typedef struct {
    const hsi_read_job *job;
    int scaled;       // some band has a scale or offset
    int check_finite; // values can be NaN or infinite
    int any_nodata;   // some checked band has a nodata value
    int checks;       // validity is wanted and not certain
    size_t pixels_per_item;
} read_plan;

typedef struct {
    void (*read_planar)(const read_plan *, size_t, size_t);
    void (*read_turned)(const read_plan *, size_t, size_t);
    void (*read_interleaved)(const read_plan *, size_t, size_t);
    void (*write_planar)(const hsi_write_job *, int, size_t, size_t);
    void (*write_interleaved)(const hsi_write_job *, int, size_t, size_t);
} convert_table;

enum { HSI_TABLE_CHUNKS = 32 };     // 512 bands
enum { HSI_TURNED_BYTES = 1 << 16 }; // raw samples of 16 or 32 pixels

// MARK: - Nodata

static int has_nodata(const hsi_read_job *job, size_t band) {
    return job->nodata && (!job->has_nodata || job->has_nodata[band]);
}

/// Nodata value of a band in the sample type. 0 when there is none or the type cannot hold it.
/// band_never_matches: there is one, but the type cannot hold it.
#define INTEGER_NODATA(name, type, low, high)                                                   \
    static inline int band_nodata_##name(const hsi_read_job *job, size_t band, type *value) {   \
        if (!has_nodata(job, band)) return 0;                                                   \
        double wanted = job->nodata[band];                                                      \
        if (!(wanted >= (low) && wanted < (high)) || wanted != floor(wanted)) return 0;         \
        *value = (type)wanted;                                                                  \
        return 1;                                                                               \
    }                                                                                           \
    static inline int band_never_matches_##name(const hsi_read_job *job, size_t band) {         \
        type value;                                                                             \
        return has_nodata(job, band) && !band_nodata_##name(job, band, &value);                 \
    }
INTEGER_NODATA(u8, uint8_t, 0.0, 256.0)
INTEGER_NODATA(i8, int8_t, -128.0, 128.0)
INTEGER_NODATA(i16, int16_t, -32768.0, 32768.0)
INTEGER_NODATA(u16, uint16_t, 0.0, 65536.0)
INTEGER_NODATA(i32, int32_t, -2147483648.0, 2147483648.0)
INTEGER_NODATA(u32, uint32_t, 0.0, 4294967296.0)
INTEGER_NODATA(i64, int64_t, -9223372036854775808.0, 9223372036854775808.0)
INTEGER_NODATA(u64, uint64_t, 0.0, 18446744073709551616.0)

// A NaN nodata value of a float type is covered by the test for finite values under `any`; under `all` it can only
// match where that test already fails, so it needs no comparison of its own.
#define FLOAT_NODATA(name, type)                                                                \
    static inline int band_nodata_##name(const hsi_read_job *job, size_t band, type *value) {   \
        if (!has_nodata(job, band) || isnan(job->nodata[band])) return 0;                       \
        *value = (type)job->nodata[band];                                                       \
        return 1;                                                                               \
    }                                                                                           \
    static inline int band_never_matches_##name(const hsi_read_job *job, size_t band) {         \
        return has_nodata(job, band) && isnan(job->nodata[band]);                               \
    }
FLOAT_NODATA(f32, float)
FLOAT_NODATA(f64, double)

#define HSI_BODY "convert_body.h"
#include "instantiate.h"

// MARK: - Drivers

size_t hsi_sample_size(int type) {
    static const uint8_t sizes[10] = {1, 1, 2, 2, 4, 4, 8, 8, 4, 8};
    return type >= 0 && type < 10 ? sizes[type] : 0;
}

/// Pixels per pool item: about 1 MiB of float rows.
static size_t pixels_per_item(size_t bands) {
    size_t pixels = (size_t)262144 / (bands ? bands : 1) / 64 * 64;
    return pixels < 64 ? 64 : pixels > 8192 ? 8192 : pixels;
}

/// Bands contiguous and ascending by one from the first.
static int bands_in_order(const int32_t *list, size_t bands) {
    if (list)
        for (size_t i = 1; i < bands; i++)
            if (list[i] != list[0] + (int32_t)i) return 0;
    return 1;
}

typedef struct {
    read_plan plan;
    void (*run)(const read_plan *, size_t, size_t);
} read_context;

static void read_item(void *context, int index) {
    const read_context *c = context;
    size_t first = (size_t)index * c->plan.pixels_per_item, left = c->plan.job->pixels - first;
    c->run(&c->plan, first, left < c->plan.pixels_per_item ? left : c->plan.pixels_per_item);
}

int hsi_convert_to_float(const hsi_read_job *job) {
    static const double largest[10] = {255, 128, 32768, 65535, 2147483648.0, 4294967295.0, 9.3e18, 1.9e19, INFINITY, INFINITY};
    size_t size = hsi_sample_size(job->type);
    if (size == 0) return -1;
    if (job->pixels == 0 || job->bands == 0) return 0;
    read_context context = {.plan = {.job = job, .pixels_per_item = pixels_per_item(job->bands)}};
    read_plan *plan = &context.plan;
    plan->check_finite = job->type >= HSI_F32;
    for (size_t i = 0; i < job->bands; i++) {
        double scale = job->scale ? job->scale[i] : 1, offset = job->offset ? job->offset[i] : 0;
        if (scale != 1 || offset != 0) {
            plan->scaled = 1;
            if (!(largest[job->type] * fabs(scale) + fabs(offset) < 3.4e38)) plan->check_finite = 1;
        }
        if (has_nodata(job, i) && (!job->checked || job->checked[i])) plan->any_nodata = 1;
    }
    const convert_table *table = &(*HSI_SELECT(converters))[job->type];
    int interleaved = job->band_stride == (ptrdiff_t)size && bands_in_order(job->band_list, job->bands);
    plan->checks = job->valid && (plan->check_finite || plan->any_nodata);
    context.run = interleaved                               ? table->read_interleaved
                  : job->pixel_stride == (ptrdiff_t)size ? table->read_turned
                                                            : table->read_planar;
    hsi_pool_run((int)((job->pixels + plan->pixels_per_item - 1) / plan->pixels_per_item), read_item, &context);
    return 0;
}

typedef struct {
    const hsi_write_job *job;
    int scaled;
    size_t pixels_per_item;
    void (*run)(const hsi_write_job *, int, size_t, size_t);
} write_context;

static void write_item(void *context, int index) {
    const write_context *c = context;
    size_t first = (size_t)index * c->pixels_per_item, left = c->job->pixels - first;
    c->run(c->job, c->scaled, first, left < c->pixels_per_item ? left : c->pixels_per_item);
}

int hsi_convert_from_float(const hsi_write_job *job) {
    size_t size = hsi_sample_size(job->type);
    if (size == 0) return -1;
    if (job->pixels == 0 || job->bands == 0) return 0;
    write_context context = {.job = job, .pixels_per_item = pixels_per_item(job->bands)};
    for (size_t i = 0; i < job->bands; i++)
        if ((job->scale && job->scale[i] != 1) || (job->offset && job->offset[i] != 0)) context.scaled = 1;
    const convert_table *table = &(*HSI_SELECT(converters))[job->type];
    context.run = job->band_stride == (ptrdiff_t)size ? table->write_interleaved : table->write_planar;
    hsi_pool_run((int)((job->pixels + context.pixels_per_item - 1) / context.pixels_per_item), write_item, &context);
    return 0;
}
