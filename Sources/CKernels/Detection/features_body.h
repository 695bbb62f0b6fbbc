// Absorption features; compiled once per level.

static void K(features_pixel)(const hsi_feature_plan *plan, const float *x, float *fits, float *depths) {
    for (size_t k = 0; k < plan->spectrum_count; k++) fits[k] = 0.0f;
    if (depths)
        for (size_t k = 0; k < plan->spectrum_count; k++) depths[k] = 0.0f;
    for (size_t f = 0; f < plan->feature_count; f++) {
        const hsi_feature *feature = plan->features + f;
        const size_t count = feature->count;
        const uint32_t *restrict bands = plan->bands + feature->first;
        const float *restrict places = plan->places + feature->first;
        const float *restrict shape = plan->shape + feature->first;
        const float left = x[bands[0]], step = x[bands[count - 1]] - left;
        // A line that is not above 0 at both ends is no continuum; NaN fails too.
        if (!(left > 0.0f && left + step > 0.0f)) continue;
        float sum = 0.0f, squares = 0.0f, product = 0.0f;
        for (size_t i = 0; i < count; i++) {
            const float q = x[bands[i]] / (left + step * places[i]) - 1.0f;
            sum += q;
            squares += q * q;
            product += q * shape[i];
        }
        const float spread = squares - sum * sum / (float)count;
        if (!(product > 0.0f && spread > 0.0f)) continue;
        const float ratio = product / feature->norm, depth = ratio * feature->depth;
        if (!(depth >= plan->least_depth && ratio <= plan->most_ratio)) continue;
        float square = product * product / spread;
        if (square > 1.0f) square = 1.0f;
        fits[feature->spectrum] += feature->weight * square;
        if (depths) depths[feature->spectrum] += feature->weight * depth;
    }
}
