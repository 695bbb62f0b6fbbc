// Upper convex hulls. No include guard on purpose (see instantiate.h).

/// The vertices of the hull of one spectrum: places vx, values vy and 0-based bands. Returns how many there are.
///
/// `y` has the values in order of x; they are gathered before, so that the chain reads one line of memory.
HSI_INLINE size_t K(hull_vertices)(const float *y, const double *x, size_t count, double *vx, double *vy,
                                   uint32_t *band) {
    size_t top = 0;
    for (size_t k = 0; k < count; k++) {
        const double value = (double)y[k], place = x[k];
        if (!__builtin_isfinite(value)) continue;
        if (top > 0 && place == vx[top - 1]) {
            if (value <= vy[top - 1]) continue;
            top--;
        }
        // The last vertex goes where it lies on or below the line from the one before it to the new point.
        while (top > 1 && (vy[top - 1] - vy[top - 2]) * (place - vx[top - 2]) <=
                              (value - vy[top - 2]) * (vx[top - 1] - vx[top - 2]))
            top--;
        vx[top] = place;
        vy[top] = value;
        band[top] = (uint32_t)k;
        top++;
    }
    return top;
}

/// c[k] between the vertices; bands before the first and behind the last vertex get its value.
HSI_INLINE void K(hull_values)(const double *x, size_t count, const double *vx, const double *vy, const uint32_t *band,
                               size_t vertices, double *c) {
    size_t k = 0;
    for (; k < band[0]; k++) c[k] = vy[0];
    for (size_t v = 0; v + 1 < vertices; v++) {
        const double slope = (vy[v + 1] - vy[v]) / (vx[v + 1] - vx[v]), start = vx[v], base = vy[v];
        for (const size_t end = band[v + 1]; k < end; k++) c[k] = base + (x[k] - start) * slope;
    }
    for (; k < count; k++) c[k] = vy[vertices - 1];
    // Points beside a vertex at the same place may stand on the wrong side of it in the order of bands.
    for (size_t v = 0; v < vertices; v++) {
        for (size_t j = band[v]; j > 0 && x[j - 1] == vx[v]; j--) c[j - 1] = vy[v];
        for (size_t j = band[v]; j + 1 < count && x[j + 1] == vx[v]; j++) c[j + 1] = vy[v];
    }
}

/// Scratch of one call: vertices, bands of vertices, continuum, values in order.
typedef struct {
    double *vx, *vy, *c;
    uint32_t *band;
    float *y;
} K(hull_scratch);

HSI_INLINE K(hull_scratch) K(hull_parts)(double *scratch, size_t count) {
    K(hull_scratch) parts;
    parts.vx = scratch;
    parts.vy = scratch + count;
    parts.c = scratch + 2 * count;
    // Two numbers of four bytes in the place of one double.
    parts.band = (uint32_t *)(scratch + 3 * count);
    parts.y = (float *)(parts.band + count);
    return parts;
}

static size_t K(continuum_rows)(const float *scene, size_t stride, size_t pixels, const uint32_t *order,
                                const double *x, size_t count, int form, float *out, size_t out_stride,
                                double *scratch) {
    const K(hull_scratch) s = K(hull_parts)(scratch, count);
    size_t undefined = 0;
    for (size_t n = 0; n < pixels; n++) {
        const float *row = scene + n * stride;
        float *target = out + n * out_stride;
        for (size_t k = 0; k < count; k++) s.y[k] = row[order[k]];
        const size_t vertices = K(hull_vertices)(s.y, x, count, s.vx, s.vy, s.band);
        if (vertices == 0) {
            for (size_t k = 0; k < count; k++) target[order[k]] = NAN;
            undefined++;
            continue;
        }
        K(hull_values)(x, count, s.vx, s.vy, s.band, vertices, s.c);
        // A concave function is smallest at its ends.
        const int isPositive = s.vy[0] > 0 && s.vy[vertices - 1] > 0;
        if (form == HSI_CONTINUUM_QUOTIENT || form == HSI_CONTINUUM_DEPTH) {
            if (isPositive && form == HSI_CONTINUUM_QUOTIENT)
                for (size_t k = 0; k < count; k++) s.y[k] = (float)((double)s.y[k] / s.c[k]);
            else if (isPositive)
                for (size_t k = 0; k < count; k++) s.y[k] = (float)(1 - (double)s.y[k] / s.c[k]);
            else {
                undefined++;
                for (size_t k = 0; k < count; k++) {
                    const double quotient = s.c[k] > 0 ? (double)s.y[k] / s.c[k] : NAN;
                    s.y[k] = (float)(form == HSI_CONTINUUM_QUOTIENT ? quotient : 1 - quotient);
                }
            }
        } else if (form == HSI_CONTINUUM_DIFFERENCE) {
            for (size_t k = 0; k < count; k++) s.y[k] = (float)(s.c[k] - (double)s.y[k]);
        } else {
            for (size_t k = 0; k < count; k++) s.y[k] = __builtin_isfinite(s.y[k]) ? (float)s.c[k] : NAN;
        }
        for (size_t k = 0; k < count; k++) target[order[k]] = __builtin_isfinite(s.y[k]) ? s.y[k] : NAN;
    }
    return undefined;
}

/// Where the parabola through three points has its vertex, clipped to the outer two; the middle one where there is none.
HSI_INLINE double K(vertex)(const double *x, const double *d) {
    const double left = x[1] - x[0], right = x[2] - x[1];
    if (!(left > 0 && right > 0)) return x[1];
    const double rise = (d[1] - d[0]) / left, fall = (d[2] - d[1]) / right;
    const double bend = (fall - rise) / (left + right);
    if (!(bend < 0)) return x[1];
    // Slope at x0 is rise - bend * left.
    const double place = x[0] - (rise - bend * left) / (2 * bend);
    return place < x[0] ? x[0] : place > x[2] ? x[2] : place;
}

static size_t K(absorption_rows)(const float *scene, size_t stride, size_t pixels, const uint32_t *order,
                                 const double *x, size_t count, float *out, size_t out_stride, double *scratch) {
    const K(hull_scratch) s = K(hull_parts)(scratch, count);
    size_t undefined = 0;
    for (size_t n = 0; n < pixels; n++) {
        const float *row = scene + n * stride;
        float *target = out + n * out_stride;
        size_t finite = 0;
        for (size_t k = 0; k < count; k++) {
            s.y[k] = row[order[k]];
            finite += __builtin_isfinite(s.y[k]) ? 1 : 0;
        }
        const size_t vertices = finite < 3 ? 0 : K(hull_vertices)(s.y, x, count, s.vx, s.vy, s.band);
        if (vertices == 0 || !(s.vy[0] > 0) || !(s.vy[vertices - 1] > 0)) {
            for (int i = 0; i < HSI_ABSORPTION_VALUES; i++) target[i] = NAN;
            undefined++;
            continue;
        }
        K(hull_values)(x, count, s.vx, s.vy, s.band, vertices, s.c);
        // From here on vx and vy hold the finite places and their depths.
        double *place = s.vx, *depth = s.vy;
        size_t used = 0, m = 0;
        for (size_t k = 0; k < count; k++) {
            if (!__builtin_isfinite(s.y[k])) continue;
            place[used] = x[k];
            depth[used] = 1 - (double)s.y[k] / s.c[k];
            if (depth[used] > depth[m]) m = used;
            used++;
        }
        if (!(depth[m] > 0) || m == 0 || m + 1 == used) {
            target[0] = target[4] = 0;
            target[1] = target[2] = target[3] = NAN;
            continue;
        }
        double before = 0, behind = 0;
        for (size_t k = 0; k < m; k++) before += 0.5 * (depth[k] + depth[k + 1]) * (place[k + 1] - place[k]);
        for (size_t k = m; k + 1 < used; k++) behind += 0.5 * (depth[k] + depth[k + 1]) * (place[k + 1] - place[k]);
        const double half = 0.5 * depth[m];
        size_t low = m, high = m;
        while (low > 0 && depth[low] > half) low--;
        while (high + 1 < used && depth[high] > half) high++;
        const double first = depth[low + 1] > depth[low]
            ? place[low] + (half - depth[low]) / (depth[low + 1] - depth[low]) * (place[low + 1] - place[low])
            : place[low];
        const double last = depth[high - 1] > depth[high]
            ? place[high] - (half - depth[high]) / (depth[high - 1] - depth[high]) * (place[high] - place[high - 1])
            : place[high];
        target[0] = (float)depth[m];
        target[1] = (float)K(vertex)(place + m - 1, depth + m - 1);
        target[2] = (float)(last - first);
        target[3] = before + behind > 0 ? (float)((behind - before) / (behind + before)) : NAN;
        target[4] = (float)(before + behind);
    }
    return undefined;
}
