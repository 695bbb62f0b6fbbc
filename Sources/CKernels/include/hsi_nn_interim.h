#ifndef HSI_NN_INTERIM_H
#define HSI_NN_INTERIM_H
#include <stddef.h>
typedef enum { HSI_ACTIVATION_RELU, HSI_ACTIVATION_LEAKY_RELU, HSI_ACTIVATION_GELU, HSI_ACTIVATION_GELU_TANH, HSI_ACTIVATION_SILU, HSI_ACTIVATION_SIGMOID, HSI_ACTIVATION_TANH } hsi_activation;
void hsi_linear_forward(const float *x, size_t rows, size_t input, const float *packed, const float *bias, size_t output, const float *residual, float *y);
size_t hsi_linear_weight_gradient_scratch_size(size_t rows, size_t input, size_t output);
void hsi_linear_weight_gradient(const float *x, const float *dy, size_t rows, size_t input, size_t output, float *dw, float *db, float *scratch);
void hsi_mix_planes(const float *a, const float *x, size_t planes, size_t values, int transposed, int accumulate, float *y);
size_t hsi_plane_products_scratch_size(size_t planes, size_t values);
void hsi_plane_products(const float *u, const float *v, size_t planes, size_t values, float *products, float *scratch);
void hsi_plane_means(const float *x, size_t planes, size_t pixels, size_t channels, float *means);
void hsi_add_plane_vectors(float *x, size_t planes, size_t pixels, size_t channels, const float *vectors, float scale);
size_t hsi_smffn_packed_size(size_t c);
void hsi_smffn_pack(size_t c, const float *w1, const float *b1, const float *w2, const float *b2, const float *w3, const float *b3, float *packed);
size_t hsi_smffn_scratch_size(size_t rows, size_t c);
void hsi_smffn_forward(const float *x, size_t rows, size_t c, const float *packed, float *y, float *scratch);
size_t hsi_smffn_backward_scratch_size(size_t rows, size_t c);
void hsi_smffn_backward(const float *x, const float *dy, size_t rows, size_t c, const float *packed, float *dx, float *dw1, float *db1, float *dw2, float *db2, float *dw3, float *db3, float *scratch);
size_t hsi_batch_moments_scratch_size(size_t rows, size_t c);
void hsi_batch_moments(const float *x, size_t rows, size_t c, double *mean, double *variance, float *scratch);
void hsi_affine_channels(const float *x, size_t rows, size_t c, const float *scale, const float *shift, float *y);
size_t hsi_batch_norm_backward_scratch_size(size_t rows, size_t c);
void hsi_batch_norm_backward(const float *x, const float *dy, size_t rows, size_t c, const double *mean, const double *inverse, const float *gamma, int uses_batch, float *dx, float *dgamma, float *dbeta, float *scratch);
void hsi_add(const float *a, const float *b, size_t n, float *y);
void hsi_axpy(float s, const float *x, size_t n, float *y);
void hsi_multiply(const float *a, const float *b, size_t n, float *y);
void hsi_activation_forward(hsi_activation f, const float *x, size_t n, float *y);
void hsi_activation_backward(hsi_activation f, const float *v, const float *dy, size_t n, float *dx);
void hsi_leaky_backward(const float *y, const float *dy, size_t n, float leak, float *dx);
size_t hsi_sum_of_squares_scratch_size(size_t n);
double hsi_sum_of_squares(const float *x, size_t n, float *scratch);
void hsi_sgd_step(float *w, const float *g, float *v, size_t n, float rate, float momentum, float decay);
void hsi_adam_step(float *w, const float *g, float *m, float *v, size_t n, float rate, float b1, float b2, float eps, float decay, int decoupled, double c1, double c2);
void hsi_resize_bilinear(const float *x, size_t planes, size_t rows, size_t columns, size_t channels, size_t orows, size_t ocolumns, int align, float *y);
void hsi_resize_bilinear_backward(const float *dy, size_t planes, size_t rows, size_t columns, size_t channels, size_t orows, size_t ocolumns, int align, float *dx);
#endif
