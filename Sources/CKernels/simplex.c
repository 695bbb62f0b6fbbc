// Active-set solver for non-negative and simplex-constrained least squares. See include/hsi_simplex.h.
//
// Lawson-Hanson: keep a passive set P on which a > 0 solves the equality problem; add the variable with the most
// negative reduced gradient; step back and drop variables when the new solution leaves the orthant. Strictly
// decreasing objective, hence finite. The start is the unsigned solution with its negative part dropped.
#include "hsi_simplex.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "hsi_pool.h"

enum { MAX_K = HSI_SIMPLEX_MAX_ENDMEMBERS, PIXELS_PER_ITEM = 512 };

typedef struct {
    int kind;
    size_t size;
    double shift;               // c of G + c 1 1^T; 0 for NNLS
    double gram[MAX_K * MAX_K]; // shifted
    double diagonal;            // largest of the shifted Gram matrix
    int whole_is_regular;
    double factor[MAX_K * MAX_K]; // Cholesky factor of the whole Gram matrix, lower, row i at i * MAX_K
    const float *products_f32;
    const double *products_f64;
    float *out_f32;
    double *out_f64;
    size_t pixels;
    _Atomic int64_t failures;
} problem;

/// Passive set and its Cholesky factor (lower, row i at i * MAX_K, reciprocal pivots on the side).
typedef struct {
    size_t count;
    size_t member[MAX_K];
    double reciprocal[MAX_K];
    double *factor;
} passive_set;

// MARK: - Passive set

/// Appends endmember j. Returns 0 and leaves the set as it was when j depends on the members.
static int append(const problem *p, passive_set *set, size_t j) {
    size_t n = set->count;
    double *row = set->factor + n * MAX_K;
    double pivot = p->gram[j * p->size + j];
    double limit = 1e-13 * (pivot > p->diagonal ? pivot : p->diagonal);
    for (size_t i = 0; i < n; i++) {
        const double *other = set->factor + i * MAX_K;
        double sum = p->gram[j * p->size + set->member[i]];
        for (size_t k = 0; k < i; k++) sum -= other[k] * row[k];
        row[i] = sum * set->reciprocal[i];
        pivot -= row[i] * row[i];
    }
    if (!(pivot > limit)) return 0;
    row[n] = sqrt(pivot);
    set->reciprocal[n] = 1.0 / row[n];
    set->member[n] = j;
    set->count = n + 1;
    return 1;
}

/// Removes the member at `position` and factors the rows after it again.
static void remove_at(const problem *p, passive_set *set, size_t position) {
    size_t tail[MAX_K], count = set->count - position - 1;
    for (size_t i = 0; i < count; i++) tail[i] = set->member[position + 1 + i];
    set->count = position;
    for (size_t i = 0; i < count; i++) append(p, set, tail[i]);
}

static void substitute(const passive_set *set, const double *right, double *x) {
    size_t n = set->count;
    for (size_t i = 0; i < n; i++) {
        double sum = right[i];
        for (size_t k = 0; k < i; k++) sum -= set->factor[i * MAX_K + k] * x[k];
        x[i] = sum * set->reciprocal[i];
    }
    for (size_t i = n; i-- > 0;) {
        double sum = x[i];
        for (size_t k = i + 1; k < n; k++) sum -= set->factor[k * MAX_K + i] * x[k];
        x[i] = sum * set->reciprocal[i];
    }
}

/// Solution on the passive set (in member order), and the multiplier of the sum (0 for NNLS):
/// G_PP x = b_P - multiplier.
static double solve_passive(const problem *p, const passive_set *set, const double *b, double *x) {
    double right[MAX_K];
    for (size_t i = 0; i < set->count; i++) right[i] = b[set->member[i]];
    substitute(set, right, x);
    if (p->kind == HSI_NNLS || set->count == 0) return 0;
    double ones[MAX_K], inverse_ones[MAX_K], total = 0, scale = 0;
    for (size_t i = 0; i < set->count; i++) ones[i] = 1;
    substitute(set, ones, inverse_ones);
    for (size_t i = 0; i < set->count; i++) {
        total += x[i];
        scale += inverse_ones[i];
    }
    double multiplier = (total - 1) / scale;
    for (size_t i = 0; i < set->count; i++) x[i] -= multiplier * inverse_ones[i];
    return multiplier;
}

// MARK: - One pixel

/// Start: unsigned solution of everything that is independent, then without its negative part, until none is left.
static double start(const problem *p, passive_set *set, const double *b, double *x) {
    set->count = 0;
    if (p->whole_is_regular) {
        memcpy(set->factor, p->factor, sizeof p->factor[0] * MAX_K * p->size);
        for (size_t i = 0; i < p->size; i++) {
            set->member[i] = i;
            set->reciprocal[i] = 1.0 / set->factor[i * MAX_K + i];
        }
        set->count = p->size;
    } else {
        for (size_t j = 0; j < p->size; j++) append(p, set, j);
    }
    for (;;) {
        double multiplier = solve_passive(p, set, b, x);
        size_t kept[MAX_K], count = 0;
        for (size_t i = 0; i < set->count; i++)
            if (x[i] > 0) kept[count++] = set->member[i];
        if (count == set->count) return multiplier;
        set->count = 0;
        for (size_t i = 0; i < count; i++) append(p, set, kept[i]);
        if (count == 0) return 0; // NNLS only: the sum of an FCLS solution is 1
    }
}

/// Returns 1 when the optimum was reached.
static int solve_pixel(const problem *p, const double *b, double *a, double *factor) {
    const size_t size = p->size;
    passive_set set = {.factor = factor};
    double x[MAX_K], current[MAX_K] = {0};
    double largest = p->diagonal;
    for (size_t k = 0; k < size; k++) {
        if (!isfinite(b[k])) {
            for (size_t i = 0; i < size; i++) a[i] = NAN;
            return 0;
        }
        if (fabs(b[k]) > largest) largest = fabs(b[k]);
    }
    const double tolerance = 1e-13 * largest;

    double multiplier = start(p, &set, b, x);
    if (set.count == 0 && p->kind == HSI_FCLS) { // every column refused: cannot happen with a positive shift
        append(p, &set, 0);
        multiplier = solve_passive(p, &set, b, x);
    }
    for (size_t i = 0; i < set.count; i++) current[set.member[i]] = x[i];

    unsigned char refused[MAX_K] = {0};
    int done = 0;
    for (size_t step = 0; step < 4 * size + 20; step++) {
        // Variable with the most negative reduced gradient.
        unsigned char inside[MAX_K] = {0};
        for (size_t i = 0; i < set.count; i++) inside[set.member[i]] = 1;
        size_t best = size;
        double lowest = -tolerance;
        if (set.count < size)
            for (size_t j = 0; j < size; j++) {
                if (inside[j] || refused[j]) continue;
                double gradient = multiplier - b[j];
                for (size_t i = 0; i < set.count; i++) gradient += p->gram[j * size + set.member[i]] * current[set.member[i]];
                if (gradient < lowest) {
                    lowest = gradient;
                    best = j;
                }
            }
        if (best == size) {
            done = 1;
            break;
        }
        if (!append(p, &set, best)) {
            refused[best] = 1;
            continue;
        }
        multiplier = solve_passive(p, &set, b, x);
        if (x[set.count - 1] <= 0) { // rounding: the gradient was not really negative
            refused[best] = 1;
            set.count--;
            multiplier = solve_passive(p, &set, b, x);
            continue;
        }
        // Walk from `current` towards x, dropping what reaches zero on the way.
        for (;;) {
            double fraction = 1;
            size_t leaving = set.count;
            for (size_t i = 0; i < set.count; i++) {
                if (x[i] > 0) continue;
                double from = current[set.member[i]];
                double ratio = from / (from - x[i]);
                if (!(ratio > 0)) ratio = 0;
                if (leaving == set.count || ratio < fraction) {
                    fraction = ratio;
                    leaving = i;
                }
            }
            if (leaving == set.count) break;
            for (size_t i = 0; i < set.count; i++) {
                double *value = &current[set.member[i]];
                *value += fraction * (x[i] - *value);
                if (*value < 0) *value = 0;
            }
            current[set.member[leaving]] = 0;
            remove_at(p, &set, leaving);
            memset(refused, 0, sizeof refused);
            multiplier = solve_passive(p, &set, b, x);
        }
        for (size_t k = 0; k < size; k++) current[k] = 0;
        for (size_t i = 0; i < set.count; i++) current[set.member[i]] = x[i];
    }
    memcpy(a, current, size * sizeof(double));
    return done;
}

// MARK: - Batch

static void solve_item(void *context, int index) {
    problem *p = context;
    size_t first = (size_t)index * PIXELS_PER_ITEM, end = first + PIXELS_PER_ITEM;
    if (end > p->pixels) end = p->pixels;
    double factor[MAX_K * MAX_K], b[MAX_K], a[MAX_K];
    int64_t failures = 0;
    for (size_t n = first; n < end; n++) {
        for (size_t k = 0; k < p->size; k++)
            b[k] = (p->products_f32 ? (double)p->products_f32[n * p->size + k] : p->products_f64[n * p->size + k]) + p->shift;
        failures += !solve_pixel(p, b, a, factor);
        for (size_t k = 0; k < p->size; k++) {
            if (p->out_f32) p->out_f32[n * p->size + k] = (float)a[k];
            else p->out_f64[n * p->size + k] = a[k];
        }
    }
    if (failures) atomic_fetch_add(&p->failures, failures);
}

static int64_t solve(problem *p, int kind, const double *gram, size_t size, size_t pixels) {
    if (size == 0 || size > MAX_K) return -1;
    p->kind = kind;
    p->size = size;
    p->pixels = pixels;
    double trace = 0;
    for (size_t k = 0; k < size; k++) trace += gram[k * size + k];
    p->shift = kind == HSI_FCLS ? (trace > 0 ? trace / (double)size : 1) : 0;
    p->diagonal = 0;
    for (size_t i = 0; i < size * size; i++) p->gram[i] = gram[i] + p->shift;
    for (size_t k = 0; k < size; k++) p->diagonal = fmax(p->diagonal, p->gram[k * size + k]);
    passive_set set = {.factor = p->factor};
    p->whole_is_regular = 1;
    for (size_t k = 0; k < size; k++) p->whole_is_regular &= append(p, &set, k);
    hsi_pool_run((int)((pixels + PIXELS_PER_ITEM - 1) / PIXELS_PER_ITEM), solve_item, p);
    return atomic_load(&p->failures);
}

int64_t hsi_simplex_f32(int kind, const double *gram, size_t endmembers, const float *products, size_t pixels,
                        float *abundances) {
    problem p = {.products_f32 = products, .out_f32 = abundances};
    return solve(&p, kind, gram, endmembers, pixels);
}

int64_t hsi_simplex_f64(int kind, const double *gram, size_t endmembers, const double *products, size_t pixels,
                        double *abundances) {
    problem p = {.products_f64 = products, .out_f64 = abundances};
    return solve(&p, kind, gram, endmembers, pixels);
}

int64_t hsi_simplex_f64_f32(int kind, const double *gram, size_t endmembers, const double *products, size_t pixels,
                            float *abundances) {
    problem p = {.products_f64 = products, .out_f32 = abundances};
    return solve(&p, kind, gram, endmembers, pixels);
}
