// Choice of the kernel level at run time. See include/hsi_levels.h.
#include "hsi_levels.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_int current_level;          // the automatic choice; 0 = not made yet
static _Thread_local int forced_level;    // 0 = none

int hsi_kernel_level_supported(int level) {
    if (level == HSI_LEVEL_BASELINE) return 1;
#if defined(__x86_64__)
    __builtin_cpu_init();
    int v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
             __builtin_cpu_supports("bmi2");
    if (level == HSI_LEVEL_V3) return v3;
    if (level == HSI_LEVEL_V4)
        return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#endif
    return 0;
}

static int automatic_level(void) {
    const char *text = getenv("HSI_KERNEL_LEVEL");
    int asked = text ? (int)strtol(text, NULL, 10) : 0;
    if (asked && hsi_kernel_level_supported(asked)) return asked;
    if (hsi_kernel_level_supported(HSI_LEVEL_V4)) return HSI_LEVEL_V4;
    if (hsi_kernel_level_supported(HSI_LEVEL_V3)) return HSI_LEVEL_V3;
    return HSI_LEVEL_BASELINE;
}

int hsi_kernel_level(void) {
    if (forced_level) return forced_level;
    int level = atomic_load_explicit(&current_level, memory_order_relaxed);
    if (level == 0) {
        level = automatic_level();
        atomic_store(&current_level, level);
    }
    return level;
}

int hsi_kernel_set_level(int level) {
    if (level != 0 && !hsi_kernel_level_supported(level)) return -1;
    forced_level = level;
    return 0;
}

int hsi_kernel_forced_level(void) { return forced_level; }

int hsi_kernel_supported_levels(int *levels, int capacity) {
    static const int all[3] = {HSI_LEVEL_BASELINE, HSI_LEVEL_V3, HSI_LEVEL_V4};
    int count = 0;
    for (int i = 0; i < 3; i++) {
        if (!hsi_kernel_level_supported(all[i])) continue;
        if (count < capacity) levels[count] = all[i];
        count++;
    }
    return count;
}
