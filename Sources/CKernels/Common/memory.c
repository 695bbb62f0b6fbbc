// Settings of the allocator. See include/hsi_memory.h.
#include "hsi_memory.h"

#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

void hsi_return_large_blocks(void) {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 128 << 10); // a fixed value also stops the limit from rising
#endif
}
