// Rows of any number of channels as runs of whole vectors. Private.
#ifndef HSI_PERIODS_H
#define HSI_PERIODS_H

#include "simd_types.h"

enum {
    HSI_PERIOD_CHANNELS = 128, // up to here several rows make one period
    HSI_PERIOD_FLOATS = 2048   // no period is longer
};

/// Up to 128 channels, the fewest rows that fill whole vectors and at least 128 floats are treated as one row of
/// `length` floats whose channel is index % channels. More channels are taken in strips of 128.
typedef struct {
    size_t strip, strips;   // channels per strip, number of strips
    size_t length, rows;    // of one period
    size_t stride;          // floats from one period to the next
} hsi_periods;

static inline hsi_periods hsi_periods_of(size_t channels) {
    if (channels > HSI_PERIOD_CHANNELS)
        return (hsi_periods){HSI_PERIOD_CHANNELS, (channels + HSI_PERIOD_CHANNELS - 1) / HSI_PERIOD_CHANNELS,
                             HSI_PERIOD_CHANNELS, 1, channels};
    size_t base = channels;
    while (base % 16) base *= 2;
    size_t length = base * ((127 + base) / base);
    return (hsi_periods){channels, 1, length, length / channels, length};
}

/// Channels of strip s, and with them the length of a period there.
static inline size_t hsi_strip_width(const hsi_periods *p, size_t s, size_t channels) {
    size_t left = channels - s * p->strip;
    return left < p->strip ? left : p->strip;
}
static inline size_t hsi_strip_length(const hsi_periods *p, size_t s, size_t channels) {
    return p->strips == 1 ? p->length : hsi_strip_width(p, s, channels);
}

/// table[i] = values[i % width].
static inline void hsi_repeat(const float *values, size_t width, size_t length, float *table) {
    for (size_t i = 0; i < length; i += width)
        for (size_t k = 0; k < width && i + k < length; k++) table[i + k] = values[k];
}

/// sums[i % width] += table[i].
static inline void hsi_fold(const float *table, size_t width, size_t length, double *sums) {
    for (size_t i = 0; i < length; i += width)
        for (size_t k = 0; k < width && i + k < length; k++) sums[k] += table[i + k];
}

#endif
