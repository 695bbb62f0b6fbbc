// Mixing of planes on blocks of values, for the drivers that use it. Private.
#ifndef HSI_NN_MIXING_PRIVATE_H
#define HSI_NN_MIXING_PRIVATE_H

#include "hsi_nn_mixing.h"

typedef struct {
    /// a, transposed, x, its row stride, planes, values (some hundred at most), accumulate, y, its row stride.
    void (*mix)(const float *, int, const float *, size_t, size_t, size_t, int, float *, size_t);
    /// u, its row stride, v, its row stride, planes, values (at most 512), sums.
    void (*products)(const float *, size_t, const float *, size_t, size_t, size_t, double *);
    void (*sums)(const float *, size_t, size_t, size_t, float *);
    void (*affine)(const float *, size_t, size_t, size_t, const float *, const float *, float *);
} mixing_table;

const mixing_table *hsi_mixing_table(void);

#endif
