// ADMM iterations for 32 pixels; compiled once per level. Lanes are pixels: every array is [atom][32].
#if HSI_LEVEL == 4
enum { K(SUNSAL_ROWS) = 8, K(SUNSAL_VECTORS) = 2 };
#elif HSI_LEVEL == 3
enum { K(SUNSAL_ROWS) = 4, K(SUNSAL_VECTORS) = 1 };
#else
enum { K(SUNSAL_ROWS) = 2, K(SUNSAL_VECTORS) = 1 };
#endif

/// Rows first..<first + SUNSAL_ROWS of X = constant + mu F (U + V) for 16 * SUNSAL_VECTORS pixels, then the rest of the iteration
/// for them: U, V and the right side of the next iteration.
HSI_INLINE void K(sunsal_tile)(const sunsal_plan *plan, const sunsal_block *block, const float *panel, size_t first,
                               size_t lane, const float *right, float *next_right, int measure, f32x16 *primal,
                               f32x16 *dual) {
    const size_t atoms = plan->job->atoms;
    const int rows = K(SUNSAL_ROWS), vectors = K(SUNSAL_VECTORS);
    f32x16 acc[8][2];
    HSI_UNROLL for (int i = 0; i < rows; i++) HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] = (f32x16)(0.0f);
    for (size_t j = 0; j < atoms; j++) {
        f32x16 r[2];
        HSI_UNROLL for (int v = 0; v < vectors; v++) r[v] = K(load)(right + 32 * j + lane + 16 * v);
        HSI_UNROLL for (int i = 0; i < rows; i++) {
            float factor = panel[8 * j + i];
            HSI_UNROLL for (int v = 0; v < vectors; v++) acc[i][v] += r[v] * factor;
        }
    }
    const f32x16 zero = (f32x16)(0.0f);
    HSI_UNROLL for (int i = 0; i < rows; i++) {
        size_t atom = first + i;
        if (atom >= atoms) break;
        f32x16 threshold = (f32x16)(plan->threshold * (plan->job->atom_weights ? plan->job->atom_weights[atom] : 1.0f));
        HSI_UNROLL for (int v = 0; v < vectors; v++) {
            size_t place = 32 * atom + lane + 16 * v;
            f32x16 before = K(load)(block->u + place), multiplier = K(load)(block->v + place);
            f32x16 solved = acc[i][v] + K(load)(block->constant + place);
            f32x16 relaxed = plan->relaxation * solved + (1.0f - plan->relaxation) * before;
            f32x16 limit = block->weights ? threshold * K(load)(block->weights + place) : threshold;
            f32x16 moved = relaxed - multiplier;
            f32x16 u;
            if (plan->job->nonnegative) u = K(max)(moved - limit, zero);
            else u = K(max)(moved - limit, zero) + K(min)(moved + limit, zero);
            multiplier = multiplier - (relaxed - u);
            K(store)(block->u + place, u);
            K(store)(block->v + place, multiplier);
            K(store)(next_right + place, u + multiplier);
            if (measure) {
                f32x16 gap = solved - u, change = u - before;
                primal[v] += gap * gap;
                dual[v] += change * change;
            }
        }
    }
}

/// constant = F b + bias for the block, in fp64 before rounding. Eight pixels per vector; products [atom][32] fp64.
static void K(sunsal_constant)(const double *inverse, const double *bias, size_t atoms, const double *products,
                               float *constant) {
    for (size_t i = 0; i < atoms; i++) {
        f64x8 sum[4];
        HSI_UNROLL for (int q = 0; q < 4; q++) sum[q] = (f64x8)(bias[i]);
        for (size_t j = 0; j < atoms; j++)
            HSI_UNROLL for (int q = 0; q < 4; q++) sum[q] += K(load_f64)(products + 32 * j + 8 * q) * inverse[i * atoms + j];
        HSI_UNROLL for (int q = 0; q < 4; q++) {
            f32x8 narrow = __builtin_convertvector(sum[q], f32x8);
            memcpy(constant + 32 * i + 8 * q, &narrow, 32);
        }
    }
}

/// Runs one block to its end. count <= 32 pixels exist; results go to `x`.
static void K(sunsal_run)(const sunsal_plan *plan, const sunsal_block *block, size_t count, float *x,
                          sunsal_outcome *outcome) {
    const hsi_sunsal_job *job = plan->job;
    const size_t atoms = job->atoms;
    float *right = block->right, *next_right = block->next_right;
    unsigned char finished[32] = {0};
    size_t open = count;
    int iteration = 0;
    while (iteration < job->max_iterations && open > 0) {
        iteration++;
        int measure = job->tolerance > 0 && iteration % 10 == 0;
        float primal_lanes[32], dual_lanes[32];
        for (size_t lane = 0; lane < 32; lane += 16 * K(SUNSAL_VECTORS)) {
            f32x16 primal[2] = {(f32x16)(0.0f), (f32x16)(0.0f)}, dual[2] = {(f32x16)(0.0f), (f32x16)(0.0f)};
            for (size_t first = 0; first < atoms; first += K(SUNSAL_ROWS))
                K(sunsal_tile)(plan, block, plan->packed + first / 8 * 8 * atoms + first % 8, first, lane, right,
                               next_right, measure, primal, dual);
            if (measure)
                for (int v = 0; v < K(SUNSAL_VECTORS); v++) {
                    K(store)(primal_lanes + lane + 16 * v, primal[v]);
                    K(store)(dual_lanes + lane + 16 * v, dual[v]);
                }
        }
        float *swap = right;
        right = next_right;
        next_right = swap;
        if (!measure) continue;
        for (size_t n = 0; n < count; n++) {
            if (finished[n] || !(primal_lanes[n] <= plan->primal_limit && dual_lanes[n] <= plan->dual_limit)) continue;
            finished[n] = 1;
            open--;
            for (size_t i = 0; i < atoms; i++) x[n * atoms + i] = block->u[32 * i + n];
        }
    }
    for (size_t n = 0; n < count; n++)
        if (!finished[n])
            for (size_t i = 0; i < atoms; i++) x[n * atoms + i] = block->u[32 * i + n];
    outcome->iterations = iteration;
    outcome->unconverged = job->tolerance > 0 ? open : 0;
}

static const sunsal_table K(sunsal_functions) = {K(sunsal_constant), K(sunsal_run)};
