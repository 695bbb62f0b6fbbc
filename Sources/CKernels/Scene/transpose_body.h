// Transposes of raw samples for every sample size; compiled once per level. No include guard on purpose.

#define SIZE 1
#define SAMPLE uint8_t
#define LANES 16
#define ROUNDS 4
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define SWAPPED(v) (v)
#include "transpose_size_body.h"

#define SIZE 2
#define SAMPLE uint16_t
#define LANES 16
#define ROUNDS 4
#define LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define SWAPPED(v) ((v) << 8 | (v) >> 8)
#include "transpose_size_body.h"

#define SIZE 4
#define SAMPLE uint32_t
#define LANES 8
#define ROUNDS 3
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#define SWAPPED(v) ((v) << 24 | ((v) & 0xff00u) << 8 | ((v) >> 8 & 0xff00u) | (v) >> 24)
#include "transpose_size_body.h"

#define SIZE 8
#define SAMPLE uint64_t
#define LANES 8
#define ROUNDS 3
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#define SWAPPED(v)                                                                                            \
    ((v) << 56 | ((v) & 0xff00ull) << 40 | ((v) & 0xff0000ull) << 24 | ((v) & 0xff000000ull) << 8 |            \
     ((v) >> 8 & 0xff000000ull) | ((v) >> 24 & 0xff0000ull) | ((v) >> 40 & 0xff00ull) | (v) >> 56)
#include "transpose_size_body.h"
