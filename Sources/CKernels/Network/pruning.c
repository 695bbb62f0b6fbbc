// Largest magnitudes of groups and of whole matrices: bound by memory and branches. See include/hsi_nn_pruning.h.
#include "hsi_nn_pruning.h"

#include <math.h>

#include "hsi_pool.h"

typedef struct {
    const float *w;
    float *y;
    size_t in, inner, kept, group;
} groups_job;

static void groups_item(void *context, int row) {
    const groups_job *job = context;
    const size_t inner = job->inner, group = job->group;
    const float *w = job->w + (size_t)row * job->in * inner;
    float *y = job->y + (size_t)row * job->in * inner;
    const size_t whole = job->in / group * group;
    for (size_t first = 0; first < whole; first += group) {
        for (size_t place = 0; place < inner; place++) {
            const size_t base = first * inner + place;
            // The rank of a value among its neighbours; groups are small. Values are decided before any is overwritten.
            unsigned char drops[64];
            for (size_t a = 0; a < group; a++) {
                const float size = fabsf(w[base + a * inner]);
                size_t larger = 0;
                for (size_t b = 0; b < group; b++) {
                    const float other = fabsf(w[base + b * inner]);
                    larger += other > size || (other == size && b < a);
                }
                drops[a] = larger >= job->kept;
            }
            for (size_t a = 0; a < group; a++) y[base + a * inner] = drops[a] ? 0 : w[base + a * inner];
        }
    }
    for (size_t i = whole * inner; i < job->in * inner; i++) y[i] = w[i];
}

void hsi_keep_largest_of_groups(
    const float *w, size_t out, size_t in, size_t inner, size_t kept, size_t group, float *y) {
    if (out == 0 || in == 0 || inner == 0 || group == 0 || group > 64) return;
    groups_job job = {.w = w, .y = y, .in = in, .inner = inner, .kept = kept, .group = group};
    hsi_pool_run((int)out, groups_item, &job);
}

// Hoare's selection: the value that stands at `place` when the scratch is sorted from large to small.
static float select_largest(float *values, size_t count, size_t place) {
    size_t low = 0, high = count - 1;
    while (low < high) {
        const float a = values[low], b = values[low + (high - low) / 2], c = values[high];
        const float pivot = a > b ? (b > c ? b : (a > c ? c : a)) : (a > c ? a : (b > c ? c : b));
        size_t i = low, j = high;
        for (;;) {
            while (values[i] > pivot) i++;
            while (values[j] < pivot) j--;
            if (i >= j) break;
            const float swapped = values[i];
            values[i++] = values[j];
            values[j--] = swapped;
        }
        // All of low…j are at least the pivot, all of j + 1…high at most.
        if (j < high && values[j] < pivot) j--;
        if (place <= j) {
            if (j == high) return pivot;
            high = j;
        } else {
            low = j + 1;
        }
    }
    return values[low];
}

void hsi_keep_largest(const float *w, size_t count, size_t kept, float *scratch, float *y) {
    if (count == 0) return;
    if (kept >= count) {
        for (size_t i = 0; i < count; i++) y[i] = w[i];
        return;
    }
    if (kept == 0) {
        for (size_t i = 0; i < count; i++) y[i] = 0;
        return;
    }
    // A NaN would stop the search; it counts as the largest.
    for (size_t i = 0; i < count; i++) scratch[i] = w[i] == w[i] ? fabsf(w[i]) : INFINITY;
    const float least = select_largest(scratch, count, kept - 1);
    size_t larger = 0;
    for (size_t i = 0; i < count; i++) larger += (w[i] == w[i] ? fabsf(w[i]) : INFINITY) > least;
    size_t equals = kept - larger;
    for (size_t i = 0; i < count; i++) {
        const float size = w[i] == w[i] ? fabsf(w[i]) : INFINITY;
        if (size > least) {
            y[i] = w[i];
        } else if (size == least && equals > 0) {
            equals--;
            y[i] = w[i];
        } else {
            y[i] = 0;
        }
    }
}

void hsi_add_pruning_penalty(
    const float *g, const float *w, const float *mask, size_t count, float scale, float penalty, float *y) {
    for (size_t i = 0; i < count; i++) y[i] = scale * g[i] + (mask[i] == 0 ? penalty * w[i] : 0);
}
