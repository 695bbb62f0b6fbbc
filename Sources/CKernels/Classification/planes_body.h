// Neighbourhoods of planes; compiled once per level.

static void K(planes_sums)(
    const float *plane, size_t lines, size_t samples, size_t radius, float *out, float *scratch) {
    for (size_t line = 0; line < lines; line++) {
        const size_t first = line > radius ? line - radius : 0;
        const size_t last = line + radius < lines ? line + radius : lines - 1;
        float *restrict sums = scratch + line * samples;
        for (size_t i = 0; i < samples; i++) sums[i] = 0.0f;
        for (size_t other = first; other <= last; other++) {
            const float *restrict row = plane + other * samples;
            for (size_t i = 0; i < samples; i++) sums[i] += row[i];
        }
    }
    for (size_t line = 0; line < lines; line++) {
        const float *restrict sums = scratch + line * samples;
        float *restrict row = out + line * samples;
        for (size_t i = 0; i < samples; i++) row[i] = 0.0f;
        // By offset, so that rows are vectors; the order is that of the columns of a window.
        for (size_t shift = 0; shift <= 2 * radius; shift++) {
            const size_t begin = shift < radius ? radius - shift : 0;
            const size_t end = shift > radius ? (samples > shift - radius ? samples - (shift - radius) : 0) : samples;
            for (size_t i = begin; i < end; i++) row[i] += sums[i + shift - radius];
        }
    }
}

/// out = min(out, row moved by shift - radius), where that lies inside.
static inline void K(planes_least)(float *restrict out, const float *restrict row, size_t samples, size_t radius, size_t shift) {
    const size_t begin = shift < radius ? radius - shift : 0;
    const size_t end = shift > radius ? (samples > shift - radius ? samples - (shift - radius) : 0) : samples;
    for (size_t i = begin; i < end; i++) {
        const float value = row[i + shift - radius];
        const float counted = value <= HSI_PLANE_MISSING ? out[i] : value;
        out[i] = counted < out[i] ? counted : out[i];
    }
}

static void K(planes_opening)(
    const float *plane, size_t lines, size_t samples, size_t radius, size_t steps, float *out, float *scratch) {
    const size_t size = lines * samples;
    float *marker = scratch, *across = scratch + size;
    for (size_t line = 0; line < lines; line++) {
        float *restrict row = marker + line * samples;
        const float *restrict own = plane + line * samples;
        for (size_t i = 0; i < samples; i++) row[i] = own[i];
        for (size_t shift = 0; shift <= 2 * radius; shift++) {
            if (line + shift < radius || line + shift - radius >= lines) continue;
            const size_t dy = shift > radius ? shift - radius : radius - shift;
            size_t half = 0;
            while ((half + 1) * (half + 1) + dy * dy <= radius * radius) half++;
            const float *other = plane + (line + shift - radius) * samples;
            for (size_t dx = radius - half; dx <= radius + half; dx++) K(planes_least)(row, other, samples, radius, dx);
        }
    }
    for (size_t step = 0; step < steps; step++) {
        for (size_t line = 0; line < lines; line++) {
            const float *restrict row = marker + line * samples;
            float *restrict wide = across + line * samples;
            for (size_t i = 0; i < samples; i++) wide[i] = row[i];
            for (size_t i = 1; i < samples; i++) wide[i] = row[i - 1] > wide[i] ? row[i - 1] : wide[i];
            for (size_t i = 0; i + 1 < samples; i++) wide[i] = row[i + 1] > wide[i] ? row[i + 1] : wide[i];
        }
        for (size_t line = 0; line < lines; line++) {
            const float *restrict own = across + line * samples;
            const float *restrict above = across + (line > 0 ? line - 1 : line) * samples;
            const float *restrict below = across + (line + 1 < lines ? line + 1 : line) * samples;
            const float *restrict limit = plane + line * samples;
            float *restrict row = marker + line * samples;
            for (size_t i = 0; i < samples; i++) {
                float value = own[i] > above[i] ? own[i] : above[i];
                value = below[i] > value ? below[i] : value;
                row[i] = value < limit[i] ? value : limit[i];
            }
        }
    }
    for (size_t i = 0; i < size; i++) out[i] = marker[i];
}
