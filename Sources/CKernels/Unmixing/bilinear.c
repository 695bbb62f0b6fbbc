// GBM and PPNM. See include/hsi_bilinear.h. Small dense algebra per pixel on some tens of terms: no vectors needed.
#include "hsi_bilinear.h"

#include <math.h>

#include "hsi_pool.h"

// Variables of a pixel: K abundances, and a number for every pair (GBM) or one (PPNM).
enum { MOST_VARIABLES = HSI_BILINEAR_ENDMEMBERS * (HSI_BILINEAR_ENDMEMBERS + 1) / 2 };
enum { MOST_PAIRS = HSI_BILINEAR_ENDMEMBERS * (HSI_BILINEAR_ENDMEMBERS + 1) / 2, MOST_TERMS = HSI_BILINEAR_ENDMEMBERS + MOST_PAIRS };
enum { BILINEAR_BLOCK = 64, HALVINGS = 30 };

size_t hsi_bilinear_terms(size_t endmembers, int polynomial) {
    return endmembers + endmembers * (polynomial ? endmembers + 1 : endmembers - 1) / 2;
}

typedef struct {
    const hsi_bilinear_job *job;
    size_t k, terms;
    const double *products;
    double own[MOST_PAIRS];   // every g_ij, or b
    double scale[MOST_PAIRS]; // what a_i a_j is multiplied by: g_ij; b, or 2 b where i < j
    double a[HSI_BILINEAR_ENDMEMBERS];
    double t[MOST_TERMS], slope[MOST_TERMS]; // coefficients; F^T F t - F^T y
} bilinear_pixel;

/// Coefficients of the terms for abundances a.
static void make_terms(const bilinear_pixel *pixel, const double *a, double *t) {
    const size_t k = pixel->k;
    const int polynomial = pixel->job->polynomial;
    for (size_t i = 0; i < k; i++) t[i] = a[i];
    size_t place = 0;
    for (size_t i = 0; i < k; i++)
        for (size_t j = polynomial ? i : i + 1; j < k; j++, place++) t[k + place] = pixel->scale[place] * a[i] * a[j];
}

/// 1/2 t G t - p t; the slope G t - p beside it.
static double objective(const bilinear_pixel *pixel, const double *t, double *slope) {
    const size_t terms = pixel->terms;
    double value = 0;
    for (size_t i = 0; i < terms; i++) {
        const double *row = pixel->job->gram + i * terms;
        double sum = 0;
        for (size_t j = 0; j < terms; j++) sum += row[j] * t[j];
        value += t[i] * (0.5 * sum - pixel->products[i]);
        slope[i] = sum - pixel->products[i];
    }
    return value;
}

/// Scales of the products from the nonlinear part.
static void make_scales(const bilinear_pixel *pixel, const double *own, double *scale) {
    const size_t k = pixel->k;
    size_t place = 0;
    for (size_t i = 0; i < k; i++)
        for (size_t j = pixel->job->polynomial ? i : i + 1; j < k; j++, place++)
            scale[place] = pixel->job->polynomial ? (i == j ? 1 : 2) * own[0] : own[place];
}

/// min 1/2 x H x + g x with low <= x <= high and the first k of x summing to zero, from x = 0, which keeps the limits: an active set.
/// H is positive definite, n x n; the abundances have no upper limit beside their sum.
static void limited_program(size_t n, size_t k, const double *h, const double *g, const double *low, const double *high, double *x) {
    signed char held[MOST_VARIABLES]; // -1 at the lower limit, 1 at the upper one
    double slope[MOST_VARIABLES], factor[MOST_VARIABLES * MOST_VARIABLES], z[MOST_VARIABLES], w[MOST_VARIABLES];
    size_t free[MOST_VARIABLES];
    for (size_t i = 0; i < n; i++) {
        x[i] = 0;
        slope[i] = g[i];
        held[i] = low[i] >= 0 ? -1 : high[i] <= 0 ? 1 : 0;
    }
    for (size_t turn = 0; turn < 4 * n + 20; turn++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++)
            if (!held[i]) free[count++] = i;
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j <= i; j++) {
                double sum = h[free[i] * n + free[j]];
                for (size_t l = 0; l < j; l++) sum -= factor[i * n + l] * factor[j * n + l];
                if (i == j) factor[i * n + i] = sqrt(sum > 0 ? sum : 1e-300);
                else factor[i * n + j] = sum / factor[j * n + j];
            }
        double top = 0, bottom = 0;
        for (int which = 0; which < 2; which++) {
            double *y = which ? w : z;
            for (size_t i = 0; i < count; i++) {
                double sum = which ? (free[i] < k ? 1 : 0) : -slope[free[i]];
                for (size_t l = 0; l < i; l++) sum -= factor[i * n + l] * y[l];
                y[i] = sum / factor[i * n + i];
            }
            for (size_t i = count; i-- > 0;) {
                double sum = y[i];
                for (size_t l = i + 1; l < count; l++) sum -= factor[l * n + i] * y[l];
                y[i] = sum / factor[i * n + i];
            }
        }
        for (size_t i = 0; i < count; i++)
            if (free[i] < k) top += z[i], bottom += w[i];
        const double force = bottom > 0 ? top / bottom : 0;
        double step = 1;
        size_t block = n;
        for (size_t i = 0; i < count; i++) {
            z[i] -= force * w[i];
            const size_t v = free[i];
            const double room = z[i] < 0 ? low[v] - x[v] : high[v] - x[v];
            if (z[i] != 0 && room / z[i] < step) step = room / z[i] > 0 ? room / z[i] : 0, block = v;
        }
        for (size_t i = 0; i < count; i++) {
            const double move = step * z[i];
            x[free[i]] += move;
            for (size_t j = 0; j < n; j++) slope[j] += move * h[j * n + free[i]];
        }
        if (block < n) {
            held[block] = x[block] - low[block] < high[block] - x[block] ? -1 : 1;
            x[block] = held[block] < 0 ? low[block] : high[block];
            continue;
        }
        double worst = 0;
        for (size_t i = 0; i < n; i++) {
            if (!held[i] || low[i] == high[i]) continue;
            const double pull = held[i] * (slope[i] + (i < k ? force : 0)) / sqrt(h[i * n + i]);
            if (pull > worst) worst = pull, block = i;
        }
        double scale = 0;
        for (size_t i = 0; i < n; i++) scale = fmax(scale, fabs(g[i]) / sqrt(h[i * n + i]));
        if (block == n || worst <= 1e-10 * scale) return;
        held[block] = 0;
    }
}

/// One damped Gauss-Newton step in all variables at once; returns what the objective falls by, 0 where nothing does.
static double joint_step(bilinear_pixel *pixel, double value, double *damping) {
    const hsi_bilinear_job *job = pixel->job;
    const size_t k = pixel->k, terms = pixel->terms, extra = job->polynomial ? 1 : terms - k, n = k + extra;
    double jacobian[MOST_TERMS * MOST_VARIABLES] , product[MOST_VARIABLES], h[MOST_VARIABLES * MOST_VARIABLES], damped[MOST_VARIABLES * MOST_VARIABLES];
    double g[MOST_VARIABLES], low[MOST_VARIABLES], high[MOST_VARIABLES], x[MOST_VARIABLES];
    for (size_t i = 0; i < terms * n; i++) jacobian[i] = 0;
    size_t place = 0;
    for (size_t i = 0; i < k; i++) jacobian[i * n + i] = 1;
    for (size_t i = 0; i < k; i++)
        for (size_t j = job->polynomial ? i : i + 1; j < k; j++, place++) {
            double *row = jacobian + (k + place) * n;
            row[i] += pixel->scale[place] * pixel->a[j];
            row[j] += pixel->scale[place] * pixel->a[i];
            row[k + (job->polynomial ? 0 : place)] = (job->polynomial && i != j ? 2 : 1) * pixel->a[i] * pixel->a[j];
        }
    for (size_t i = 0; i < n; i++) g[i] = 0;
    for (size_t i = 0; i < n * n; i++) h[i] = 0;
    for (size_t t = 0; t < terms; t++) {
        for (size_t i = 0; i < n; i++) product[i] = 0;
        for (size_t u = 0; u < terms; u++)
            for (size_t i = 0; i < n; i++) product[i] += job->gram[t * terms + u] * jacobian[u * n + i];
        for (size_t i = 0; i < n; i++) {
            const double own = jacobian[t * n + i];
            if (own == 0) continue;
            g[i] += own * pixel->slope[t];
            for (size_t j = 0; j < n; j++) h[i * n + j] += own * product[j];
        }
    }
    double trace = 0;
    for (size_t i = 0; i < n; i++) trace += h[i * n + i] / (double)n;
    if (!(trace > 0)) return 0;
    for (size_t i = 0; i < n; i++) {
        const double at = i < k ? pixel->a[i] : pixel->own[i - k];
        low[i] = (i < k ? 0 : job->polynomial ? job->low : 0) - at;
        high[i] = i < k ? INFINITY : (job->polynomial ? job->high : 1) - at;
    }
    for (int attempt = 0; attempt < HALVINGS; attempt++, *damping *= 8) {
        for (size_t i = 0; i < n * n; i++) damped[i] = h[i];
        for (size_t i = 0; i < n; i++) damped[i * n + i] += *damping * h[i * n + i] + 1e-12 * trace;
        limited_program(n, k, damped, g, low, high, x);
        double a[HSI_BILINEAR_ENDMEMBERS], own[MOST_PAIRS], scale[MOST_PAIRS], t[MOST_TERMS], slope[MOST_TERMS], sum = 0, promise = 0;
        for (size_t i = 0; i < k; i++) {
            a[i] = fmax(0, pixel->a[i] + x[i]);
            sum += a[i];
        }
        for (size_t i = 0; i < k; i++) a[i] /= sum;
        for (size_t i = 0; i < extra; i++) own[i] = pixel->own[i] + x[k + i];
        for (size_t i = 0; i < n; i++) promise -= 0.5 * g[i] * x[i];
        if (!(promise > 0)) return 0;
        make_scales(pixel, own, scale);
        bilinear_pixel next = {.job = job, .k = k, .terms = terms, .products = pixel->products};
        for (size_t i = 0; i < terms - k; i++) next.scale[i] = scale[i];
        make_terms(&next, a, t);
        const double after = objective(&next, t, slope);
        if (!(after <= value - 1e-4 * promise)) continue;
        for (size_t i = 0; i < k; i++) pixel->a[i] = a[i];
        for (size_t i = 0; i < extra; i++) pixel->own[i] = own[i];
        for (size_t i = 0; i < terms - k; i++) pixel->scale[i] = scale[i];
        for (size_t i = 0; i < terms; i++) pixel->t[i] = t[i], pixel->slope[i] = slope[i];
        *damping = fmax(1e-9, *damping / 8);
        return value - after;
    }
    return 0;
}

/// The nonlinear part for abundances that stay: the same step with their moves held at zero.
static void fit_nonlinear(bilinear_pixel *pixel) {
    const hsi_bilinear_job *job = pixel->job;
    const size_t k = pixel->k, terms = pixel->terms, extra = job->polynomial ? 1 : terms - k;
    double h[MOST_VARIABLES * MOST_VARIABLES], g[MOST_VARIABLES], low[MOST_VARIABLES], high[MOST_VARIABLES], x[MOST_VARIABLES];
    double weight[MOST_PAIRS];
    size_t place = 0;
    for (size_t i = 0; i < k; i++)
        for (size_t j = job->polynomial ? i : i + 1; j < k; j++, place++)
            weight[place] = (job->polynomial && i != j ? 2 : 1) * pixel->a[i] * pixel->a[j];
    for (size_t i = 0; i < extra * extra; i++) h[i] = 0;
    for (size_t i = 0; i < extra; i++) g[i] = 0;
    for (size_t p = 0; p < terms - k; p++) {
        const size_t own = job->polynomial ? 0 : p;
        g[own] += weight[p] * pixel->slope[k + p];
        for (size_t q = 0; q < terms - k; q++)
            h[own * extra + (job->polynomial ? 0 : q)] += weight[p] * weight[q] * job->gram[(k + p) * terms + k + q];
    }
    double trace = 0;
    for (size_t i = 0; i < extra; i++) trace += h[i * extra + i];
    if (!(trace > 0)) return;
    for (size_t i = 0; i < extra; i++) {
        h[i * extra + i] += 1e-12 * trace;
        low[i] = (job->polynomial ? job->low : 0) - pixel->own[i];
        high[i] = (job->polynomial ? job->high : 1) - pixel->own[i];
    }
    limited_program(extra, 0, h, g, low, high, x);
    for (size_t i = 0; i < extra; i++) pixel->own[i] += x[i];
    make_scales(pixel, pixel->own, pixel->scale);
    make_terms(pixel, pixel->a, pixel->t);
    objective(pixel, pixel->t, pixel->slope);
}

static void bilinear_item(void *context, int index) {
    const hsi_bilinear_job *job = context;
    const size_t k = job->endmembers, terms = hsi_bilinear_terms(k, job->polynomial), first = (size_t)index * BILINEAR_BLOCK;
    const size_t end = first + BILINEAR_BLOCK < job->pixels ? first + BILINEAR_BLOCK : job->pixels;
    bilinear_pixel pixel = {.job = job, .k = k, .terms = terms};
    for (size_t n = first; n < end; n++) {
        pixel.products = job->products + n * terms;
        int finite = 1;
        for (size_t i = 0; i < terms; i++) finite &= isfinite(pixel.products[i]) != 0;
        for (size_t i = 0; i < k; i++) {
            pixel.a[i] = job->abundances[n * k + i];
            finite &= isfinite(pixel.a[i]) != 0;
        }
        for (size_t i = 0; i < terms - k; i++) pixel.scale[i] = pixel.own[i] = 0;
        double b = NAN;
        if (finite) {
            make_terms(&pixel, pixel.a, pixel.t);
            objective(&pixel, pixel.t, pixel.slope);
            fit_nonlinear(&pixel);
            double damping = 1e-3;
            for (int i = 0; i < job->iterations; i++) {
                const double value = objective(&pixel, pixel.t, pixel.slope);
                const double fall = joint_step(&pixel, value, &damping);
                if (!(fall > job->tolerance * fabs(value))) break;
            }
            b = 0;
            if (job->polynomial) b = pixel.own[0];
            else
                for (size_t i = 0; i < terms - k; i++) b += pixel.scale[i] / (double)(terms - k);
        } else {
            for (size_t i = 0; i < k; i++) pixel.a[i] = NAN;
            for (size_t i = 0; i < terms; i++) pixel.t[i] = NAN;
        }
        for (size_t i = 0; i < k; i++) job->abundances[n * k + i] = (float)pixel.a[i];
        if (job->terms)
            for (size_t i = 0; i < terms; i++) job->terms[n * terms + i] = (float)pixel.t[i];
        if (job->nonlinearity) job->nonlinearity[n] = (float)b;
    }
}

void hsi_bilinear(const hsi_bilinear_job *job) {
    if (job->endmembers == 0 || job->endmembers > HSI_BILINEAR_ENDMEMBERS) return;
    hsi_pool_run((int)((job->pixels + BILINEAR_BLOCK - 1) / BILINEAR_BLOCK), bilinear_item, (void *)job);
}
