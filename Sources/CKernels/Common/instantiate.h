// Compiles one body file for every kernel level of the platform.
//
//     #define HSI_BODY "products_body.h"
//     #include "instantiate.h"
//
// In the body every file-scope name goes through K(name), and HSI_LEVEL is the level being compiled. No include
// guard: each family includes this once, in one .c file. Choose at run time with HSI_SELECT(name).
#include "hsi_levels.h"
#include "simd_types.h"

#pragma STDC FP_CONTRACT ON
// Vectors are only passed between functions that are always inlined, so their calling convention is moot.
#pragma clang diagnostic ignored "-Wpsabi"

#define K(name) HSI_JOIN(name, _baseline)
#define HSI_LEVEL 1
#include "simd_body.h"
#include HSI_BODY
#undef HSI_LEVEL
#undef K

#if defined(__x86_64__)

#define K(name) HSI_JOIN(name, _v3)
#define HSI_LEVEL 3
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))), apply_to = function)
#include "simd_body.h"
#include HSI_BODY
#pragma clang attribute pop
#undef HSI_LEVEL
#undef K

#define K(name) HSI_JOIN(name, _v4)
#define HSI_LEVEL 4
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#include "simd_body.h"
#include HSI_BODY
#pragma clang attribute pop
#undef HSI_LEVEL
#undef K

#define HSI_SELECT(name)                                    \
    (hsi_kernel_level() >= HSI_LEVEL_V4   ? &name##_v4      \
     : hsi_kernel_level() >= HSI_LEVEL_V3 ? &name##_v3      \
                                          : &name##_baseline)

#else

#define HSI_SELECT(name) (&name##_baseline)

#endif
