// Conversion between stored samples and float32; compiled once per level, and inside once per sample type.

/// 16 x 16 transpose in registers: four rounds of interleaving.
HSI_INLINE void K(transpose16)(f32x16 v[16]) {
    f32x16 t[16];
#define HSI_ROUND(from, to)                                                                              \
    HSI_UNROLL for (int i = 0; i < 8; i++) {                                                             \
        to[2 * i] = __builtin_shufflevector(from[i], from[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5,   \
                                            21, 6, 22, 7, 23);                                           \
        to[2 * i + 1] = __builtin_shufflevector(from[i], from[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12,   \
                                                28, 13, 29, 14, 30, 15, 31);                             \
    }
    HSI_ROUND(v, t)
    HSI_ROUND(t, v)
    HSI_ROUND(v, t)
    HSI_ROUND(t, v)
#undef HSI_ROUND
}

#include "transpose_body.h"

#define NAME u8
#define SAMPLE uint8_t
#define SAMPLE_SIZE 1
#define UNSIGNED uint8_t
#define IS_FLOAT 0
#define LOWEST 0.0
#define HIGHEST 255.0
#define HSI_SWAP(bits) ((void)0)
#include "convert_type_body.h"

#define NAME i8
#define SAMPLE int8_t
#define SAMPLE_SIZE 1
#define UNSIGNED uint8_t
#define IS_FLOAT 0
#define LOWEST -128.0
#define HIGHEST 127.0
#define HSI_SWAP(bits) ((void)0)
#include "convert_type_body.h"

#define NAME i16
#define SAMPLE int16_t
#define SAMPLE_SIZE 2
#define UNSIGNED uint16_t
#define IS_FLOAT 0
#define LOWEST -32768.0
#define HIGHEST 32767.0
#define HSI_SWAP(bits) (bits = bits << 8 | bits >> 8)
#include "convert_type_body.h"

#define NAME u16
#define SAMPLE uint16_t
#define SAMPLE_SIZE 2
#define UNSIGNED uint16_t
#define IS_FLOAT 0
#define LOWEST 0.0
#define HIGHEST 65535.0
#define HSI_SWAP(bits) (bits = bits << 8 | bits >> 8)
#include "convert_type_body.h"

#define NAME i32
#define SAMPLE int32_t
#define SAMPLE_SIZE 4
#define UNSIGNED uint32_t
#define IS_FLOAT 0
#define LOWEST -2147483648.0
#define HIGHEST 2147483647.0
#define HSI_SWAP(bits) (bits = bits << 24 | (bits & 0xff00u) << 8 | (bits >> 8 & 0xff00u) | bits >> 24)
#include "convert_type_body.h"

#define NAME u32
#define SAMPLE uint32_t
#define SAMPLE_SIZE 4
#define UNSIGNED uint32_t
#define IS_FLOAT 0
#define LOWEST 0.0
#define HIGHEST 4294967295.0
#define HSI_SWAP(bits) (bits = bits << 24 | (bits & 0xff00u) << 8 | (bits >> 8 & 0xff00u) | bits >> 24)
#include "convert_type_body.h"

#define NAME i64
#define SAMPLE int64_t
#define SAMPLE_SIZE 8
#define UNSIGNED uint64_t
#define IS_FLOAT 0
#define LOWEST -9223372036854775808.0
#define HIGHEST 9223372036854774784.0
#define HSI_SWAP(bits) (bits = bits << 56 | (bits & 0xff00ull) << 40 | (bits & 0xff0000ull) << 24 | (bits & 0xff000000ull) << 8 | (bits >> 8 & 0xff000000ull) | (bits >> 24 & 0xff0000ull) | (bits >> 40 & 0xff00ull) | bits >> 56)
#include "convert_type_body.h"

#define NAME u64
#define SAMPLE uint64_t
#define SAMPLE_SIZE 8
#define UNSIGNED uint64_t
#define IS_FLOAT 0
#define LOWEST 0.0
#define HIGHEST 18446744073709549568.0
#define HSI_SWAP(bits) (bits = bits << 56 | (bits & 0xff00ull) << 40 | (bits & 0xff0000ull) << 24 | (bits & 0xff000000ull) << 8 | (bits >> 8 & 0xff000000ull) | (bits >> 24 & 0xff0000ull) | (bits >> 40 & 0xff00ull) | bits >> 56)
#include "convert_type_body.h"

#define NAME f32
#define SAMPLE float
#define SAMPLE_SIZE 4
#define UNSIGNED uint32_t
#define IS_FLOAT 1
#define HSI_SWAP(bits) (bits = bits << 24 | (bits & 0xff00u) << 8 | (bits >> 8 & 0xff00u) | bits >> 24)
#include "convert_type_body.h"

#define NAME f64
#define SAMPLE double
#define SAMPLE_SIZE 8
#define UNSIGNED uint64_t
#define IS_FLOAT 1
#define HSI_SWAP(bits) (bits = bits << 56 | (bits & 0xff00ull) << 40 | (bits & 0xff0000ull) << 24 | (bits & 0xff000000ull) << 8 | (bits >> 8 & 0xff000000ull) | (bits >> 24 & 0xff0000ull) | (bits >> 40 & 0xff00ull) | bits >> 56)
#include "convert_type_body.h"

static const convert_table K(converters)[10] = {
    {K(HSI_JOIN(read_planar, u8)), K(HSI_JOIN(read_turned, u8)), K(HSI_JOIN(read_interleaved, u8)), K(HSI_JOIN(write_planar, u8)), K(HSI_JOIN(write_interleaved, u8))},
    {K(HSI_JOIN(read_planar, i8)), K(HSI_JOIN(read_turned, i8)), K(HSI_JOIN(read_interleaved, i8)), K(HSI_JOIN(write_planar, i8)), K(HSI_JOIN(write_interleaved, i8))},
    {K(HSI_JOIN(read_planar, i16)), K(HSI_JOIN(read_turned, i16)), K(HSI_JOIN(read_interleaved, i16)), K(HSI_JOIN(write_planar, i16)), K(HSI_JOIN(write_interleaved, i16))},
    {K(HSI_JOIN(read_planar, u16)), K(HSI_JOIN(read_turned, u16)), K(HSI_JOIN(read_interleaved, u16)), K(HSI_JOIN(write_planar, u16)), K(HSI_JOIN(write_interleaved, u16))},
    {K(HSI_JOIN(read_planar, i32)), K(HSI_JOIN(read_turned, i32)), K(HSI_JOIN(read_interleaved, i32)), K(HSI_JOIN(write_planar, i32)), K(HSI_JOIN(write_interleaved, i32))},
    {K(HSI_JOIN(read_planar, u32)), K(HSI_JOIN(read_turned, u32)), K(HSI_JOIN(read_interleaved, u32)), K(HSI_JOIN(write_planar, u32)), K(HSI_JOIN(write_interleaved, u32))},
    {K(HSI_JOIN(read_planar, i64)), K(HSI_JOIN(read_turned, i64)), K(HSI_JOIN(read_interleaved, i64)), K(HSI_JOIN(write_planar, i64)), K(HSI_JOIN(write_interleaved, i64))},
    {K(HSI_JOIN(read_planar, u64)), K(HSI_JOIN(read_turned, u64)), K(HSI_JOIN(read_interleaved, u64)), K(HSI_JOIN(write_planar, u64)), K(HSI_JOIN(write_interleaved, u64))},
    {K(HSI_JOIN(read_planar, f32)), K(HSI_JOIN(read_turned, f32)), K(HSI_JOIN(read_interleaved, f32)), K(HSI_JOIN(write_planar, f32)), K(HSI_JOIN(write_interleaved, f32))},
    {K(HSI_JOIN(read_planar, f64)), K(HSI_JOIN(read_turned, f64)), K(HSI_JOIN(read_interleaved, f64)), K(HSI_JOIN(write_planar, f64)), K(HSI_JOIN(write_interleaved, f64))},
};
