// Rows of the spectral angle; compiled once per level.

#define HSI_ANGLE_GET(p) (left >= 16 ? K(load)((p) + i) : K(load_partial)((p) + i, left, 0.0f))

static void K(angle_rows)(const angle_job *job, size_t first, size_t end) {
    size_t c = job->bands;
    const float *w = job->w;
    for (size_t n = first; n < end; n++) {
        const float *x = job->x + n * c, *t = job->target + n * c;
        f64x16 products = (f64x16)(0.0), own = products, wanted = products;
        for (size_t i = 0; i < c; i += 16) {
            size_t left = c - i;
            f64x16 a = __builtin_convertvector(HSI_ANGLE_GET(x), f64x16), b = __builtin_convertvector(HSI_ANGLE_GET(t), f64x16);
            f64x16 aw = a, bw = b;
            if (w) {
                f64x16 weight = __builtin_convertvector(HSI_ANGLE_GET(w), f64x16);
                aw *= weight;
                bw *= weight;
            }
            products += aw * b;
            own += aw * a;
            wanted += bw * b;
        }
        double dot = K(sum_f64)(products.lo + products.hi);
        double xx = K(sum_f64)(own.lo + own.hi), tt = K(sum_f64)(wanted.lo + wanted.hi);
        double norms = fmax(sqrt(xx * tt), 1e-12), cosine = fmin(fmax(dot / norms, -1 + 1e-6), 1 - 1e-6);
        job->angles[n] = acos(cosine);
        if (!job->dx) continue;
        double outer = -job->scale / sqrt(1 - cosine * cosine);
        // Two nearly equal terms where the angle is small: their difference in fp64.
        double along = outer / norms, back = outer * cosine / fmax(xx, 1e-12);
        float *dx = job->dx + n * c;
        for (size_t i = 0; i < c; i += 16) {
            size_t left = c - i;
            f64x16 a = __builtin_convertvector(HSI_ANGLE_GET(x), f64x16), b = __builtin_convertvector(HSI_ANGLE_GET(t), f64x16);
            f32x16 g = __builtin_convertvector(b * along - a * back, f32x16);
            if (w) g *= HSI_ANGLE_GET(w);
            if (left >= 16) K(store)(dx + i, g);
            else K(store_partial)(dx + i, g, left);
        }
    }
}
#undef HSI_ANGLE_GET
