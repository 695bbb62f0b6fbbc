#include "hsi_nn_interim.h"
#include "hsi_products.h"
#include <math.h>
#include <string.h>
#include <stdlib.h>
void hsi_linear_forward(const float *x, size_t rows, size_t input, const float *packed, const float *bias, size_t output, const float *residual, float *y) {
    hsi_gemm(x, input, packed, y, output, rows, output, input, 0);
    for (size_t i = 0; i < rows; i++) for (size_t j = 0; j < output; j++) y[i*output+j] += (bias ? bias[j] : 0) + (residual ? residual[i*output+j] : 0);
}
size_t hsi_linear_weight_gradient_scratch_size(size_t r, size_t i, size_t o) { return 1; }
void hsi_linear_weight_gradient(const float *x, const float *dy, size_t rows, size_t input, size_t output, float *dw, float *db, float *scratch) {
    for (size_t i = 0; i < rows; i++) for (size_t o = 0; o < output; o++) { float g = dy[i*output+o]; if (db) db[o] += g; for (size_t k = 0; k < input; k++) dw[o*input+k] += g * x[i*input+k]; }
}
void hsi_mix_planes(const float *a, const float *x, size_t planes, size_t values, int transposed, int accumulate, float *y) {
    for (size_t d = 0; d < planes; d++) { if (!accumulate) memset(y + d*values, 0, values*4);
        for (size_t j = 0; j < planes; j++) { float w = transposed ? a[j*planes+d] : a[d*planes+j]; for (size_t n = 0; n < values; n++) y[d*values+n] += w * x[j*values+n]; } }
}
size_t hsi_plane_products_scratch_size(size_t p, size_t v) { return 1; }
void hsi_plane_products(const float *u, const float *v, size_t planes, size_t values, float *products, float *scratch) {
    for (size_t d = 0; d < planes; d++) for (size_t j = 0; j < planes; j++) { double s = 0; for (size_t n = 0; n < values; n++) s += (double)u[d*values+n] * v[j*values+n]; products[d*planes+j] = s; }
}
void hsi_plane_means(const float *x, size_t planes, size_t pixels, size_t channels, float *means) {
    for (size_t p = 0; p < planes; p++) for (size_t c = 0; c < channels; c++) { double s = 0; for (size_t n = 0; n < pixels; n++) s += x[(p*pixels+n)*channels+c]; means[p*channels+c] = s / pixels; }
}
void hsi_add_plane_vectors(float *x, size_t planes, size_t pixels, size_t channels, const float *vectors, float scale) {
    for (size_t p = 0; p < planes; p++) for (size_t n = 0; n < pixels; n++) for (size_t c = 0; c < channels; c++) x[(p*pixels+n)*channels+c] += scale * vectors[p*channels+c];
}
size_t hsi_smffn_packed_size(size_t c) { return 6*c*c + 5*c; }
void hsi_smffn_pack(size_t c, const float *w1, const float *b1, const float *w2, const float *b2, const float *w3, const float *b3, float *p) {
    memcpy(p, w1, 8*c*c); memcpy(p+2*c*c, w2, 8*c*c); memcpy(p+4*c*c, w3, 8*c*c); p += 6*c*c;
    memcpy(p, b1, 8*c); memcpy(p+2*c, b2, 4*c); memcpy(p+3*c, b3, 8*c);
}
size_t hsi_smffn_scratch_size(size_t rows, size_t c) { return 1; }
size_t hsi_smffn_backward_scratch_size(size_t rows, size_t c) { return 1; }
void hsi_smffn_forward(const float *x, size_t rows, size_t c, const float *p, float *y, float *scratch) {
    const float *w1 = p, *w2 = p+2*c*c, *w3 = p+4*c*c, *b1 = p+6*c*c, *b2 = b1+2*c, *b3 = b1+3*c;
    float h[1024], t[1024];
    for (size_t i = 0; i < rows; i++) { const float *r = x+i*c;
        for (size_t k = 0; k < 2*c; k++) { float s = b1[k], u = b3[k]; for (size_t j = 0; j < c; j++) { s += w1[k*c+j]*r[j]; u += w3[k*c+j]*r[j]; } h[k] = 0.5f*s*(1+erff(s*0.70710678f)); t[k] = u; }
        for (size_t k = 0; k < c; k++) { float s = b2[k]; for (size_t j = 0; j < 2*c; j++) s += w2[k*2*c+j]*h[j]; y[i*c+k] = s + t[k]/(1+expf(-t[c+k])); } }
}
void hsi_smffn_backward(const float *x, const float *dy, size_t rows, size_t c, const float *p, float *dx, float *dw1, float *db1, float *dw2, float *db2, float *dw3, float *db3, float *scratch) {
    const float *w1 = p, *w2 = p+2*c*c, *w3 = p+4*c*c, *b1 = p+6*c*c, *b3 = b1+3*c;
    float s1[1024], h[1024], t[1024], dh[1024], dt[1024];
    for (size_t i = 0; i < rows; i++) { const float *r = x+i*c, *g = dy+i*c;
        for (size_t k = 0; k < 2*c; k++) { float s = b1[k], u = b3[k]; for (size_t j = 0; j < c; j++) { s += w1[k*c+j]*r[j]; u += w3[k*c+j]*r[j]; } s1[k] = s; h[k] = 0.5f*s*(1+erff(s*0.70710678f)); t[k] = u; }
        memset(dh, 0, 8*c);
        for (size_t k = 0; k < c; k++) { db2[k] += g[k]; for (size_t j = 0; j < 2*c; j++) { dw2[k*2*c+j] += g[k]*h[j]; dh[j] += g[k]*w2[k*2*c+j]; }
            float z = 1/(1+expf(-t[c+k])); dt[k] = g[k]*z; dt[c+k] = g[k]*t[k]*z*(1-z); }
        for (size_t k = 0; k < 2*c; k++) { float s = s1[k]; dh[k] *= 0.5f*(1+erff(s*0.70710678f)) + s*0.39894228f*expf(-0.5f*s*s); }
        for (size_t j = 0; j < c; j++) dx[i*c+j] = 0;
        for (size_t k = 0; k < 2*c; k++) { db1[k] += dh[k]; db3[k] += dt[k]; for (size_t j = 0; j < c; j++) { dw1[k*c+j] += dh[k]*r[j]; dw3[k*c+j] += dt[k]*r[j]; dx[i*c+j] += dh[k]*w1[k*c+j] + dt[k]*w3[k*c+j]; } } }
}
size_t hsi_batch_moments_scratch_size(size_t r, size_t c) { return 1; }
void hsi_batch_moments(const float *x, size_t rows, size_t c, double *mean, double *variance, float *scratch) {
    for (size_t k = 0; k < c; k++) { double s = 0, q = 0; for (size_t i = 0; i < rows; i++) s += x[i*c+k]; s /= rows; for (size_t i = 0; i < rows; i++) { double d = x[i*c+k]-s; q += d*d; } mean[k] = s; variance[k] = q/rows; }
}
void hsi_affine_channels(const float *x, size_t rows, size_t c, const float *scale, const float *shift, float *y) { for (size_t i = 0; i < rows*c; i++) y[i] = scale[i%c]*x[i]+shift[i%c]; }
size_t hsi_batch_norm_backward_scratch_size(size_t r, size_t c) { return 1; }
void hsi_batch_norm_backward(const float *x, const float *dy, size_t rows, size_t c, const double *mean, const double *inverse, const float *gamma, int uses_batch, float *dx, float *dgamma, float *dbeta, float *scratch) {
    for (size_t k = 0; k < c; k++) { double a = 0, b = 0; for (size_t i = 0; i < rows; i++) { double xh = (x[i*c+k]-mean[k])*inverse[k]; a += dy[i*c+k]*xh; b += dy[i*c+k]; } dgamma[k] += a; dbeta[k] += b;
        for (size_t i = 0; i < rows; i++) { double xh = (x[i*c+k]-mean[k])*inverse[k]; dx[i*c+k] = gamma[k]*inverse[k]*(dy[i*c+k] - (uses_batch ? (b + xh*a)/rows : 0)); } }
}
void hsi_add(const float *a, const float *b, size_t n, float *y) { for (size_t i = 0; i < n; i++) y[i] = a[i]+b[i]; }
void hsi_axpy(float s, const float *x, size_t n, float *y) { for (size_t i = 0; i < n; i++) y[i] += s*x[i]; }
void hsi_multiply(const float *a, const float *b, size_t n, float *y) { for (size_t i = 0; i < n; i++) y[i] = a[i]*b[i]; }
static float act(hsi_activation f, float x) { switch (f) { case HSI_ACTIVATION_RELU: return x > 0 ? x : 0; case HSI_ACTIVATION_LEAKY_RELU: return x > 0 ? x : 0.01f*x; case HSI_ACTIVATION_GELU: return 0.5f*x*(1+erff(x*0.70710678f)); case HSI_ACTIVATION_GELU_TANH: return 0.5f*x*(1+tanhf(0.7978845608f*(x+0.044715f*x*x*x))); case HSI_ACTIVATION_SILU: return x/(1+expf(-x)); case HSI_ACTIVATION_SIGMOID: return 1/(1+expf(-x)); default: return tanhf(x);} }
void hsi_activation_forward(hsi_activation f, const float *x, size_t n, float *y) { for (size_t i = 0; i < n; i++) y[i] = act(f, x[i]); }
void hsi_activation_backward(hsi_activation f, const float *v, const float *dy, size_t n, float *dx) { for (size_t i = 0; i < n; i++) { float x = v[i], d; switch (f) { case HSI_ACTIVATION_RELU: d = x > 0; break; case HSI_ACTIVATION_LEAKY_RELU: d = x > 0 ? 1 : 0.01f; break; case HSI_ACTIVATION_GELU: d = 0.5f*(1+erff(x*0.70710678f)) + x*0.39894228f*expf(-0.5f*x*x); break; case HSI_ACTIVATION_SIGMOID: d = x*(1-x); break; case HSI_ACTIVATION_TANH: d = 1-x*x; break; case HSI_ACTIVATION_SILU: { float z = 1/(1+expf(-x)); d = z*(1+x*(1-z)); break; } default: { float u = 0.7978845608f*(x+0.044715f*x*x*x), t = tanhf(u); d = 0.5f*(1+t)+0.5f*x*(1-t*t)*0.7978845608f*(1+3*0.044715f*x*x); } } dx[i] = d*dy[i]; } }
void hsi_leaky_backward(const float *y, const float *dy, size_t n, float leak, float *dx) { for (size_t i = 0; i < n; i++) dx[i] = y[i] > 0 ? dy[i] : leak*dy[i]; }
size_t hsi_sum_of_squares_scratch_size(size_t n) { return 1; }
double hsi_sum_of_squares(const float *x, size_t n, float *scratch) { double s = 0; for (size_t i = 0; i < n; i++) s += (double)x[i]*x[i]; return s; }
void hsi_sgd_step(float *w, const float *g, float *v, size_t n, float rate, float momentum, float decay) { for (size_t i = 0; i < n; i++) { v[i] = momentum*v[i] + g[i] + decay*w[i]; w[i] -= rate*v[i]; } }
void hsi_adam_step(float *w, const float *g, float *m, float *v, size_t n, float rate, float b1, float b2, float eps, float decay, int decoupled, double c1, double c2) {
    for (size_t i = 0; i < n; i++) { float d = g[i] + (decoupled ? 0 : decay*w[i]); m[i] = b1*m[i]+(1-b1)*d; v[i] = b2*v[i]+(1-b2)*d*d; if (decoupled) w[i] -= rate*decay*w[i]; w[i] -= rate*(m[i]/c1)/(sqrtf(v[i]/c2)+eps); }
}
static void source(size_t i, size_t n, size_t m, int align, size_t *low, size_t *high, float *f) { double s = align ? (m > 1 ? (double)i*(n-1)/(m-1) : 0) : fmax(0, (i+0.5)*n/m-0.5); size_t l = (size_t)s; if (l > n-1) l = n-1; *low = l; *high = l+1 < n ? l+1 : l; *f = s-l; }
void hsi_resize_bilinear(const float *x, size_t planes, size_t rows, size_t columns, size_t channels, size_t orows, size_t ocolumns, int align, float *y) {
    for (size_t p = 0; p < planes; p++) for (size_t i = 0; i < orows; i++) for (size_t j = 0; j < ocolumns; j++) { size_t a, b, c, d; float f, g; source(i, rows, orows, align, &a, &b, &f); source(j, columns, ocolumns, align, &c, &d, &g);
        const float *q = x + p*rows*columns*channels; for (size_t k = 0; k < channels; k++) y[((p*orows+i)*ocolumns+j)*channels+k] = (1-f)*((1-g)*q[(a*columns+c)*channels+k]+g*q[(a*columns+d)*channels+k])+f*((1-g)*q[(b*columns+c)*channels+k]+g*q[(b*columns+d)*channels+k]); }
}
void hsi_resize_bilinear_backward(const float *dy, size_t planes, size_t rows, size_t columns, size_t channels, size_t orows, size_t ocolumns, int align, float *dx) {
    memset(dx, 0, planes*rows*columns*channels*4);
    for (size_t p = 0; p < planes; p++) for (size_t i = 0; i < orows; i++) for (size_t j = 0; j < ocolumns; j++) { size_t a, b, c, d; float f, g; source(i, rows, orows, align, &a, &b, &f); source(j, columns, ocolumns, align, &c, &d, &g);
        float *q = dx + p*rows*columns*channels; for (size_t k = 0; k < channels; k++) { float e = dy[((p*orows+i)*ocolumns+j)*channels+k]; q[(a*columns+c)*channels+k] += (1-f)*(1-g)*e; q[(a*columns+d)*channels+k] += (1-f)*g*e; q[(b*columns+c)*channels+k] += f*(1-g)*e; q[(b*columns+d)*channels+k] += f*g*e; } }
}
