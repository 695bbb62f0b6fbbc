// Models of one combination of classes for 32 pixels; compiled once per level. Lanes are pixels, eight per vector.

typedef int64_t K(i64x8) __attribute__((ext_vector_type(8)));

HSI_INLINE int K(any)(K(i64x8) mask) { return __builtin_reduce_or(mask) != 0; }

/// Looks closer at the model of the chain: all fractions, the shade, then pixel by pixel. `last` holds the fractions of its last member,
/// `rss` what the model leaves.
static void K(mesma_judge)(mesma_block *block, const double *last, const double *rss) {
    const hsi_mesma_job *job = block->job;
    const int members = job->members;
    const f64x8 low = (f64x8)(job->min_fraction), high = (f64x8)(job->max_fraction);
    for (int v = 0; v < MESMA_BLOCK; v += 8) {
        f64x8 fractions[HSI_MESMA_MEMBERS];
        fractions[members - 1] = K(load_f64)(last + v);
        f64x8 shade = 1.0 - fractions[members - 1];
        f64x8 left = K(load_f64)(rss + v);
        K(i64x8) good = (left < K(load_f64)(block->best + v)) & (fractions[members - 1] >= low) & (fractions[members - 1] <= high);
        for (int t = members - 2; t >= 0; t--) {
            f64x8 share = K(load_f64)(block->shares[t] + v);
            for (int u = t + 1; u < members; u++) share -= fractions[u] * block->ratios[t][u];
            fractions[t] = share;
            shade -= share;
            good &= (share >= low) & (share <= high);
        }
        good &= (shade >= (f64x8)(job->min_shade)) & (shade <= (f64x8)(job->max_shade));
        if (!K(any)(good)) continue;
        for (int i = 0; i < 8; i++) {
            if (!good[i]) continue;
            double own[HSI_MESMA_MEMBERS];
            for (int t = 0; t < members; t++) own[t] = fractions[t][i];
            mesma_take(block, v + i, left[i], own);
        }
    }
}

/// Models of one spectrum.
static void K(mesma_single)(mesma_block *block) {
    const hsi_mesma_job *job = block->job;
    const size_t class = block->classes[0];
    for (size_t k = job->class_start[class]; k < job->class_start[class + 1]; k++) {
        double length = job->gram[k * job->spectra + k];
        if (mesma_depends(length, length)) continue;
        double last[MESMA_BLOCK], rss[MESMA_BLOCK], inverse = 1 / length;
        for (int v = 0; v < MESMA_BLOCK; v += 8) {
            f64x8 product = K(load_f64)(block->products[0] + MESMA_BLOCK * k + v), share = product * inverse;
            K(store_f64)(last + v, share);
            K(store_f64)(rss + v, K(load_f64)(block->rss[0] + v) - share * product);
        }
        block->chain[0] = k;
        K(mesma_judge)(block, last, rss);
    }
}

/// The last two members, spectrum j of the class before the last and all of the last class: `place` is that of j in the chain.
static void K(mesma_last)(mesma_block *block, int place, size_t j) {
    const hsi_mesma_job *job = block->job;
    const size_t m = job->spectra, class = block->classes[place + 1];
    const size_t first = job->class_start[class], end = job->class_start[class + 1];
    const double *schur = block->eliminated[place], *row = schur + j * m, inverse = 1 / row[j];
    const double *products = block->products[place];
    double longest = 0;
    for (size_t k = first; k < end; k++) {
        double length = schur[k * m + k] - row[k] * row[k] * inverse;
        if (mesma_depends(length, job->gram[k * m + k])) length = 0;
        if (length > longest) longest = length;
        // No model has a residual below one that is not a number.
        block->inverses[k] = length > 0 ? 1 / length : NAN;
    }
    const f64x8 low = (f64x8)(job->min_fraction), high = (f64x8)(job->max_fraction);
    f64x8 share[4], rss[4], best[4];
    K(i64x8) useful = (K(i64x8))(0);
    const double reach = block->reach * longest;
    HSI_UNROLL for (int v = 0; v < 4; v++) {
        f64x8 product = K(load_f64)(products + MESMA_BLOCK * j + 8 * v);
        share[v] = product * inverse;
        rss[v] = K(load_f64)(block->rss[place] + 8 * v) - share[v] * product;
        best[v] = K(load_f64)(block->best + 8 * v);
        // A little more than the bound, for it is rounded.
        useful |= rss[v] - reach * (1 + 1e-9) < best[v] + rss[v] * 1e-9;
        K(store_f64)(block->shares[place] + 8 * v, share[v]);
    }
    if (!K(any)(useful)) return;
    for (size_t k = first; k < end; k++) {
        const double other = row[k], scale = block->inverses[k];
        f64x8 fraction[4], left[4];
        K(i64x8) good = (K(i64x8))(0);
        HSI_UNROLL for (int v = 0; v < 4; v++) {
            f64x8 product = K(load_f64)(products + MESMA_BLOCK * k + 8 * v) - share[v] * other;
            fraction[v] = product * scale;
            left[v] = rss[v] - fraction[v] * product;
            good |= (left[v] < best[v]) & (fraction[v] >= low) & (fraction[v] <= high);
        }
        if (!K(any)(good)) continue;
        double last[MESMA_BLOCK], after[MESMA_BLOCK];
        HSI_UNROLL for (int v = 0; v < 4; v++) {
            K(store_f64)(last + 8 * v, fraction[v]);
            K(store_f64)(after + 8 * v, left[v]);
        }
        block->chain[place + 1] = k;
        block->ratios[place][place + 1] = other * inverse;
        for (int t = 0; t < place; t++) {
            const double *earlier = block->eliminated[t] + block->chain[t] * m;
            block->ratios[t][place + 1] = earlier[k] / earlier[block->chain[t]];
        }
        K(mesma_judge)(block, last, after);
        HSI_UNROLL for (int v = 0; v < 4; v++) best[v] = K(load_f64)(block->best + 8 * v);
    }
}

/// All spectra of the class at `place` of the combination, and what follows from each.
static void K(mesma_visit)(mesma_block *block, int place) {
    const hsi_mesma_job *job = block->job;
    const size_t m = job->spectra, class = block->classes[place];
    const double *schur = block->eliminated[place];
    for (size_t i = job->class_start[class]; i < job->class_start[class + 1]; i++) {
        const double *row = schur + i * m, length = row[i];
        if (mesma_depends(length, job->gram[i * m + i])) continue;
        block->chain[place] = i;
        for (int t = 0; t < place; t++) {
            const double *earlier = block->eliminated[t] + block->chain[t] * m;
            block->ratios[t][place] = earlier[i] / earlier[block->chain[t]];
        }
        if (place == job->members - 2) {
            K(mesma_last)(block, place, i);
            continue;
        }
        const double inverse = 1 / length;
        double *next = block->eliminated[place + 1];
        f64x8 share[4];
        HSI_UNROLL for (int v = 0; v < 4; v++) {
            f64x8 product = K(load_f64)(block->products[place] + MESMA_BLOCK * i + 8 * v);
            share[v] = product * inverse;
            K(store_f64)(block->shares[place] + 8 * v, share[v]);
            K(store_f64)(block->rss[place + 1] + 8 * v, K(load_f64)(block->rss[place] + 8 * v) - share[v] * product);
        }
        for (int t = place + 1; t < job->members; t++)
            for (size_t j = job->class_start[block->classes[t]]; j < job->class_start[block->classes[t] + 1]; j++) {
                const double factor = row[j] * inverse;
                for (int u = t; u < job->members; u++) {
                    const size_t from = job->class_start[block->classes[u]], to = job->class_start[block->classes[u] + 1];
                    const double *old = schur + j * m;
                    double *new = next + j * m;
                    // Of a class with itself only the lengths are looked at.
                    if (u == t) new[j] = old[j] - factor * row[j];
                    else for (size_t k = from; k < to; k++) new[k] = old[k] - factor * row[k];
                }
                const double other = row[j];
                HSI_UNROLL for (int v = 0; v < 4; v++)
                    K(store_f64)(block->products[place + 1] + MESMA_BLOCK * j + 8 * v,
                                 K(load_f64)(block->products[place] + MESMA_BLOCK * j + 8 * v) - share[v] * other);
            }
        K(mesma_visit)(block, place + 1);
    }
}

static void K(mesma_run)(mesma_block *block) {
    if (block->job->members == 1) K(mesma_single)(block);
    else K(mesma_visit)(block, 0);
}

static const mesma_table K(mesma_functions) = {K(mesma_run)};
