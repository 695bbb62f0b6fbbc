// Orthogonal wavelet transforms. See include/hsi_wavelet.h.
#include "hsi_wavelet.h"

#include <math.h>

enum { WAVELET_COLUMNS = 64 };

#define HSI_BODY "wavelet_body.h"
#include "instantiate.h"

size_t hsi_wavelet_scratch_size(size_t lines, size_t samples) {
    const size_t columns = lines * WAVELET_COLUMNS, rows = 2 * samples + 2 * HSI_WAVELET_TAPS;
    return columns > rows ? columns : rows;
}

/// g[i] = (-1)^i h[taps - 1 - i]
static void quadrature_mirror(const float *h, size_t taps, float *g) {
    for (size_t i = 0; i < taps; i++) g[i] = i % 2 ? -h[taps - 1 - i] : h[taps - 1 - i];
}

void hsi_wavelet_analyse(
    float *plane, size_t stride, size_t lines, size_t samples, const float *h, size_t taps, float *scratch) {
    float g[HSI_WAVELET_TAPS];
    quadrature_mirror(h, taps, g);
    HSI_SELECT(wavelet)(plane, stride, lines, samples, h, g, taps, scratch, 0);
}

void hsi_wavelet_synthesise(
    float *plane, size_t stride, size_t lines, size_t samples, const float *h, size_t taps, float *scratch) {
    float g[HSI_WAVELET_TAPS];
    quadrature_mirror(h, taps, g);
    HSI_SELECT(wavelet)(plane, stride, lines, samples, h, g, taps, scratch, 1);
}

float hsi_sure_threshold(
    const float *x, size_t stride, size_t lines, size_t samples, float limit, double *risk) {
    // Bin k counts values in [k, k + 1) steps, the last one all above.
    size_t counts[HSI_SURE_BINS + 1] = {0};
    double squares[HSI_SURE_BINS + 1] = {0};
    const float steps = (float)HSI_SURE_BINS / limit;
    for (size_t line = 0; line < lines; line++) {
        const float *row = x + line * stride;
        for (size_t i = 0; i < samples; i++) {
            const float a = fabsf(row[i]), place = a * steps;
            const size_t bin = place < (float)HSI_SURE_BINS ? (size_t)place : HSI_SURE_BINS;
            counts[bin]++;
            squares[bin] += (double)a * (double)a;
        }
    }
    const double total = (double)lines * (double)samples;
    double below = 0, energy = 0, best = total;
    size_t choice = 0;
    for (size_t k = 1; k <= HSI_SURE_BINS; k++) {
        below += (double)counts[k - 1];
        energy += squares[k - 1];
        const double t = (double)limit * (double)k / HSI_SURE_BINS;
        const double value = total - 2 * below + energy + (total - below) * t * t;
        if (value < best) {
            best = value;
            choice = k;
        }
    }
    *risk = best;
    return limit * (float)choice / HSI_SURE_BINS;
}

void hsi_soft_threshold(float *x, size_t stride, size_t lines, size_t samples, float threshold) {
    for (size_t line = 0; line < lines; line++) HSI_SELECT(soft)(x + line * stride, samples, threshold);
}
