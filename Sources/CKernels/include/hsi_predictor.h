// The differences that TIFF stores in place of samples before it packs them (its tag Predictor), undone.
#ifndef HSI_PREDICTOR_H
#define HSI_PREDICTOR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Turns the unpacked bytes of a block into samples, in place: `rows` rows of `pixels` pixels of `bands` samples, packed, in the byte
/// order of this machine.
///
/// Predictor 1: nothing to do. 2: every sample is the difference from that of the pixel before it in its row, modulo 2^(8 size);
/// sample_size 1, 2, 4 or 8. 3 (little-endian machines): floats of 4 or 8 bytes; a row holds the most significant bytes of all its
/// samples, then the next ones, and every byte is the difference from the one `bands` bytes before it.
///
/// `scratch` (3 only): pixels * bands * sample_size bytes. Cost: a pass over the block; runs on the calling thread.
/// Returns 0, or -1 for another predictor or size.
int hsi_undo_predictor(
    int predictor, void *samples, size_t rows, size_t pixels, size_t bands, size_t sample_size, void *scratch);

#ifdef __cplusplus
}
#endif
#endif
