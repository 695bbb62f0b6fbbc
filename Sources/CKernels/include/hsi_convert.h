// Stored samples <-> float32 pixel-major scenes.
#ifndef HSI_CONVERT_H
#define HSI_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    HSI_U8 = 0,
    HSI_I8 = 1,
    HSI_I16 = 2,
    HSI_U16 = 3,
    HSI_I32 = 4,
    HSI_U32 = 5,
    HSI_I64 = 6,
    HSI_U64 = 7,
    HSI_F32 = 8,
    HSI_F64 = 9
};

/// Bytes of one sample, 0 for an unknown type.
size_t hsi_sample_size(int type);

enum {
    HSI_NODATA_ANY = 0, ///< a pixel is invalid when any checked band holds its nodata value
    HSI_NODATA_ALL = 1  ///< when all checked bands that have a nodata value hold it
};

/// Reading. The sample of pixel n, band b is at source + n * pixel_stride + b * band_stride (bytes, any alignment):
/// planar (BSQ)  pixel_stride = size,          band_stride = pixels * size
/// line (BIL)    pixel_stride = size,          band_stride = line pixels * size, one call per line
/// pixel (BIP)   pixel_stride = bands * size,  band_stride = size
typedef struct {
    const void *source;
    int type;
    int swap_bytes;
    ptrdiff_t pixel_stride, band_stride;
    size_t pixels;

    size_t bands;           ///< number of bands to produce
    const int32_t *band_list; ///< their indices in the source, or null for 0..<bands

    // One value per PRODUCED band; null = absent.
    const double *scale;  ///< null = 1
    const double *offset; ///< null = 0
    const double *nodata; ///< raw value; NaN marks NaN samples of float types
    const uint8_t *has_nodata; ///< which bands have one; null = all when nodata is given
    const uint8_t *checked;    ///< bands that decide about validity; null = all
    int policy;                ///< HSI_NODATA_...

    float *out;        ///< out[n * out_stride + i], i < bands
    size_t out_stride; ///< floats, >= bands
    uint8_t *valid;    ///< one byte per pixel, 1 = valid; null = not wanted
} hsi_read_job;

/// Numbers of this magnitude and above are no data.
#define HSI_LARGEST 1e30f

/// out = (float)(raw * scale + offset), computed in fp64 (directly (float)raw where scale is 1 and offset 0 for all
/// bands). Nodata values are compared with the raw sample in its own type (a value that the type cannot hold matches
/// nothing; for f32 the nodata value is rounded to float first). A pixel is also invalid when a checked band is NaN,
/// infinite, or of a magnitude of HSI_LARGEST or more after conversion: fill values of files (-3.4e38 in any spelling,
/// 9.97e36, -1.23e34) and no measurement. Invalid pixels are converted like the others.
/// Same bits at every kernel level and for every split. Runs on the pool. Returns 0, or -1 for an unknown type.
int hsi_convert_to_float(const hsi_read_job *job);

/// Writing: the inverse, from float32 pixel-major rows to stored samples with strides as above.
typedef struct {
    const float *source; ///< source[n * source_stride + i], i < bands
    size_t source_stride, pixels, bands;

    void *out;
    int type;
    int swap_bytes;
    ptrdiff_t pixel_stride, band_stride; ///< bytes
    const double *scale;                 ///< raw = (value - offset) / scale; null = 1
    const double *offset;                ///< null = 0
    double nan_value; ///< raw value stored for NaN by integer types (clipped to the type)
} hsi_write_job;

/// Integer types: rounded to nearest (ties to even) and clipped to the range of the type. Float types: converted,
/// NaN and infinities kept. Same bits at every level and split. Returns 0, or -1 for an unknown type.
int hsi_convert_from_float(const hsi_write_job *job);

#ifdef __cplusplus
}
#endif
#endif
