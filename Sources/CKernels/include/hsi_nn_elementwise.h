// Elementwise arithmetic, activations, losses and optimiser steps on flat arrays of `count` floats.
//
// Outputs may be inputs. Every value has the same bits wherever it stands and whatever the number of threads; sums are
// split by count alone, fp32 over 32 values, fp64 beyond.
#ifndef HSI_NN_ELEMENTWISE_H
#define HSI_NN_ELEMENTWISE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// y = a + b.
void hsi_add(const float *a, const float *b, size_t count, float *y);
/// y = a * b.
void hsi_multiply(const float *a, const float *b, size_t count, float *y);
/// y = scale * x + shift.
void hsi_scale(const float *x, size_t count, float scale, float shift, float *y);
/// y += scale * x.
void hsi_axpy(const float *x, size_t count, float scale, float *y);

/// y = a sigmoid(a) b.
void hsi_silu_product(const float *a, const float *b, size_t count, float *y);
/// y = addend + sigmoid(logits) x; addend null = 0.
void hsi_gated_sum(const float *logits, const float *x, const float *addend, size_t count, float *y);

// MARK: - Activations

enum {
    HSI_LEAKY_RELU = 0, ///< x > 0 ? x : slope x; ReLU with slope 0
    HSI_GELU = 1,       ///< x Phi(x), exact form
    HSI_GELU_TANH = 2,  ///< 1/2 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
    HSI_SILU = 3,       ///< x sigmoid(x)
    HSI_SIGMOID = 4,
    HSI_TANH = 5,
    HSI_ERF = 6,
    HSI_EXP = 7 ///< clamped to the exponents -87...88
};

/// y = f(x). `slope` is only read by HSI_LEAKY_RELU. Errors of at most a few ULP of the result, except GELU_TANH and SILU
/// below -10 (relative 1e-5). Returns 0, or -1 for an unknown kind.
int hsi_activation_forward(int kind, const float *x, size_t count, float slope, float *y);

/// dx = f'(x) dy. `known` is the input x for GELU, GELU_TANH, SILU and ERF, the output y for SIGMOID, TANH and EXP, and
/// either of them for LEAKY_RELU (slope >= 0; with the output of slope 0 as with the input).
int hsi_activation_backward(int kind, const float *known, const float *dy, size_t count, float slope, float *dx);

// MARK: - Sums and losses

/// Floats of scratch (8-byte aligned) for the functions below that take it.
size_t hsi_sum_scratch_size(size_t count);

/// sum x^2.
double hsi_sum_of_squares(const float *x, size_t count, float *scratch);

/// sum (x - target)^2, and dx = scale * 2 (x - target) unless dx is null. Scale 1 / count gives the mean square error.
double hsi_squared_error(const float *x, const float *target, size_t count, float scale, float *dx, float *scratch);

/// sum |x - target|, and dx = scale * sign(x - target) unless dx is null.
double hsi_absolute_error(const float *x, const float *target, size_t count, float scale, float *dx, float *scratch);

// MARK: - Optimiser steps

typedef struct {
    double learning_rate, beta1, beta2, epsilon;
    double weight_decay;
    int decoupled;       ///< 1: AdamW, the decay multiplies the weights; 0: Adam, it is added to the gradient
    double gradient_scale; ///< the gradient is multiplied by it first (clipping, accumulation); 1 = as it is
    long step;           ///< 1 for the first step
} hsi_adam;

/// One step of Adam (Kingma & Ba 2015) or AdamW (Loshchilov & Hutter 2019) with bias correction:
///     m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  w -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
void hsi_adam_step(const hsi_adam *settings, float *weights, const float *gradient, size_t count, float *m, float *v);

/// g' = gradient_scale g + weight_decay w;  velocity = momentum velocity + g';  w -= lr velocity
/// (lr (g' + momentum velocity) with nesterov). velocity may be null when momentum is 0.
void hsi_sgd_step(double learning_rate, double momentum, double weight_decay, double gradient_scale, int nesterov,
                  float *weights, const float *gradient, size_t count, float *velocity);

#ifdef __cplusplus
}
#endif
#endif
