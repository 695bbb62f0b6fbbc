// Window attention: drivers over the pool. See include/hsi_nn_attention.h.
#include "hsi_nn_attention.h"

#include "hsi_pool.h"
#include "partials.h"

/// Sizes with padding, and where the parts of one partial gradient begin.
typedef struct {
    size_t keys, key_lanes, width_lanes; // keys = tokens, one more with the extra key
    size_t transposed, packed, scores, sums; // floats of K^T or V^T, of K or V, of scores, of the sums for K or V
    size_t bias, extra_key, extra_value, extra_bias, gradient_size;
} attention_layout;

typedef struct {
    void (*forward)(const hsi_attention *, const attention_layout *, size_t window, size_t head, float *out, float *work);
    void (*backward)(const hsi_attention *, const attention_layout *, size_t window, size_t head, const float *dout,
                     float *dqkv, float *gradients, float *work);
} attention_table;

#define HSI_BODY "attention_body.h"
#include "instantiate.h"

static attention_layout layout_of(const hsi_attention *a) {
    attention_layout l = {.keys = a->tokens + (a->extra_key != NULL)};
    l.key_lanes = (l.keys + 15) / 16 * 16;
    l.width_lanes = (a->width + 15) / 16 * 16;
    l.transposed = l.key_lanes * a->width;
    l.packed = l.keys * l.width_lanes;
    l.scores = a->tokens * l.key_lanes;
    l.sums = l.keys * l.width_lanes;
    l.extra_key = a->heads * a->tokens * a->tokens;
    l.extra_value = l.extra_key + a->heads * a->width;
    l.extra_bias = l.extra_value + a->heads * a->width;
    l.gradient_size = l.extra_bias + a->heads * a->tokens;
    return l;
}

static size_t forward_work(const attention_layout *l) { return l->transposed + l->packed + l->scores; }
static size_t backward_work(const attention_layout *l) { return 2 * l->transposed + l->packed + 2 * l->scores + l->sums; }

typedef struct {
    const attention_table *table;
    const hsi_attention *attention;
    attention_layout layout;
    const float *dout;
    float *out, *work, *partials;
    size_t per_item; // windows times heads, or windows
} attention_job;

static void forward_item(void *context, int index) {
    const attention_job *job = context;
    const hsi_attention *a = job->attention;
    size_t first = (size_t)index * job->per_item, end = first + job->per_item, total = a->windows * a->heads;
    float *work = job->work + (size_t)hsi_pool_thread_index() * forward_work(&job->layout);
    for (size_t i = first; i < end && i < total; i++)
        job->table->forward(a, &job->layout, i / a->heads, i % a->heads, job->out, work);
}

size_t hsi_attention_forward_scratch_size(const hsi_attention *attention, int threads) {
    attention_layout l = layout_of(attention);
    return (size_t)threads * forward_work(&l);
}

void hsi_attention_forward(const hsi_attention *attention, float *out, float *scratch, int threads) {
    if (attention->windows == 0 || attention->tokens == 0) return;
    attention_job job = {.table = HSI_SELECT(attention), .attention = attention, .layout = layout_of(attention),
                         .out = out, .work = scratch};
    job.per_item = 500000 / (attention->tokens * attention->tokens * (attention->width + 4)) + 1;
    size_t total = attention->windows * attention->heads;
    hsi_pool_run_on(threads, (int)((total + job.per_item - 1) / job.per_item), forward_item, &job);
}

// MARK: - Backward

enum { MOST_ITEMS = 32 };

static size_t windows_per_item(size_t windows) { return (windows + MOST_ITEMS - 1) / MOST_ITEMS; }
static size_t backward_items(size_t windows) {
    size_t each = windows_per_item(windows);
    return each ? (windows + each - 1) / each : 0;
}

size_t hsi_attention_backward_scratch_size(const hsi_attention *attention, int threads) {
    attention_layout l = layout_of(attention);
    return backward_items(attention->windows) * l.gradient_size + (size_t)threads * backward_work(&l);
}

static void backward_item(void *context, int index) {
    const attention_job *job = context;
    const hsi_attention *a = job->attention;
    size_t first = (size_t)index * job->per_item, end = first + job->per_item;
    float *work = job->work + (size_t)hsi_pool_thread_index() * backward_work(&job->layout);
    float *gradients = job->partials + (size_t)index * job->layout.gradient_size;
    memset(gradients, 0, job->layout.gradient_size * sizeof(float));
    for (size_t w = first; w < end && w < a->windows; w++)
        for (size_t h = 0; h < a->heads; h++)
            job->table->backward(a, &job->layout, w, h, job->dout, job->out, gradients, work);
}

void hsi_attention_backward(const hsi_attention *attention, const float *dout, const hsi_attention_gradients *gradients,
                            float *scratch, int threads) {
    if (attention->windows == 0 || attention->tokens == 0) return;
    attention_layout l = layout_of(attention);
    size_t items = backward_items(attention->windows), heads = attention->heads, tokens = attention->tokens;
    attention_job job = {.table = HSI_SELECT(attention), .attention = attention, .layout = l, .dout = dout,
                         .out = gradients->dqkv, .partials = scratch, .work = scratch + items * l.gradient_size,
                         .per_item = windows_per_item(attention->windows)};
    hsi_pool_run_on(threads, (int)items, backward_item, &job);
    struct {
        float *target;
        size_t start, rows, columns;
    } parts[4] = {{gradients->dbias, 0, heads * tokens, tokens},
                  {gradients->dextra_key, l.extra_key, heads, attention->width},
                  {gradients->dextra_value, l.extra_value, heads, attention->width},
                  {gradients->dextra_bias, l.extra_bias, heads, tokens}};
    for (int i = 0; i < 4; i++)
        if (parts[i].target && (i == 0 || attention->extra_key))
            hsi_add_partials(scratch + parts[i].start, items, l.gradient_size, parts[i].rows, parts[i].columns,
                             parts[i].columns, parts[i].target, parts[i].columns, 1);
}
