// Rows of gated activations; compiled once per level.
#include "math_body.h"

static void K(gate_rows)(const gate_job *job, size_t first, size_t end) {
    const size_t width = job->width;
    for (size_t n = first; n < end; n++) {
        const float *gates = job->x + 2 * n * width + job->gate, *values = job->x + 2 * n * width + job->value;
        for (size_t i = 0; i < width; i += 16) {
            const size_t left = width - i < 16 ? width - i : 16;
            const int whole = left == 16;
            const f32x16 g = whole ? K(load)(gates + i) : K(load_partial)(gates + i, left, 0.0f);
            const f32x16 v = whole ? K(load)(values + i) : K(load_partial)(values + i, left, 0.0f);
            if (!job->dy) {
                const f32x16 y = v * K(gelu)(g);
                if (whole) K(store)(job->y + n * width + i, y);
                else K(store_partial)(job->y + n * width + i, y, left);
                continue;
            }
            const float *from = job->dy + n * width + i;
            const f32x16 d = whole ? K(load)(from) : K(load_partial)(from, left, 0.0f);
            f32x16 density, phi = K(normal)(g, &density);
            const f32x16 dv = d * K(gelu)(g), dg = d * v * (phi + g * density);
            float *to_gate = job->y + 2 * n * width + job->gate + i, *to_value = job->y + 2 * n * width + job->value + i;
            if (whole) {
                K(store)(to_value, dv);
                K(store)(to_gate, dg);
            } else {
                K(store_partial)(to_value, dv, left);
                K(store_partial)(to_gate, dg, left);
            }
        }
    }
}

static const gate_function K(gate) = K(gate_rows);
