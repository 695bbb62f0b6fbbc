// What a program tells the C library about memory.
#ifndef HSI_MEMORY_H
#define HSI_MEMORY_H

#ifdef __cplusplus
extern "C" {
#endif

/// Makes blocks from 128 KiB on go back to the system when they are freed. Without it glibc raises that limit to the
/// size of what was freed (up to 32 MiB) and keeps such blocks: 16 MiB more at the peak of blind unmixing of
/// 307 x 307 x 162. For programs, once at their start; nothing to do where there is no glibc.
void hsi_return_large_blocks(void);

#ifdef __cplusplus
}
#endif
#endif
