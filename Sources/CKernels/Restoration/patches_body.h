// Search for similar patches; compiled once per level.

/// Distances of the candidates of one line of the window, sixteen next to each other at a time.
static void K(patch_distances)(
    const float *const *planes, size_t plane_count, size_t stride, size_t patch, size_t line, size_t sample, size_t top, size_t left,
    size_t width, float *distances) {
    for (size_t x = 0; x < width; x += LANES) {
        f32x16 sum = (f32x16)(0.0f);
        for (size_t p = 0; p < plane_count; p++) {
            const float *reference = planes[p] + line * stride + sample;
            const float *candidate = planes[p] + top * stride + left + x;
            for (size_t i = 0; i < patch; i++, reference += stride, candidate += stride)
                for (size_t j = 0; j < patch; j++) {
                    const f32x16 d = K(load)(candidate + j) - reference[j];
                    sum += d * d;
                }
        }
        K(store)(distances + x, sum);
    }
}
