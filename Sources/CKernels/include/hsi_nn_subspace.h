// Optimiser steps in a subspace whose directions have ages of their own.
#ifndef HSI_NN_SUBSPACE_H
#define HSI_NN_SUBSPACE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// For a matrix a of `rows` x `columns` (a gradient in a subspace), with age[n] = ages[n * row_step + j * column_step] updates of
/// the direction of an entry, this one included:
///     m = b1 m + (1 - b1) a,  v = b2 v + (1 - b2) a^2,  a = (m / (1 - b1^age)) / (sqrt(v / (1 - b2^age)) + eps)
/// Steps are 0 or 1. Cost: five passes over memory.
void hsi_adam_subspace(float *a, size_t rows, size_t columns, const float *ages, size_t row_step, size_t column_step,
                       double beta1, double beta2, double epsilon, float *m, float *v);

#ifdef __cplusplus
}
#endif

#endif
