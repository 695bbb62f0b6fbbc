// Block matching and collaborative filtering. See include/hsi_bm3d.h.
#include "hsi_bm3d.h"

#include <math.h>

#include "simd_types.h"

enum { BLOCK = HSI_BM3D_BLOCK, AREA = BLOCK * BLOCK, LANES = 16 };

/// Row u: cos((2i + 1) u pi / 16) / 2, for u = 0 divided by sqrt 2.
static const float cosine[BLOCK][BLOCK] = {
    {0.353553391f, 0.353553391f, 0.353553391f, 0.353553391f, 0.353553391f, 0.353553391f, 0.353553391f, 0.353553391f},
    {0.49039264f, 0.415734806f, 0.277785117f, 0.097545161f, -0.097545161f, -0.277785117f, -0.415734806f, -0.49039264f},
    {0.461939766f, 0.191341716f, -0.191341716f, -0.461939766f, -0.461939766f, -0.191341716f, 0.191341716f, 0.461939766f},
    {0.415734806f, -0.097545161f, -0.49039264f, -0.277785117f, 0.277785117f, 0.49039264f, 0.097545161f, -0.415734806f},
    {0.353553391f, -0.353553391f, -0.353553391f, 0.353553391f, 0.353553391f, -0.353553391f, -0.353553391f, 0.353553391f},
    {0.277785117f, -0.49039264f, 0.097545161f, 0.415734806f, -0.415734806f, -0.097545161f, 0.49039264f, -0.277785117f},
    {0.191341716f, -0.461939766f, 0.461939766f, -0.191341716f, -0.191341716f, 0.461939766f, -0.461939766f, 0.191341716f},
    {0.097545161f, -0.277785117f, 0.415734806f, -0.49039264f, 0.49039264f, -0.415734806f, 0.277785117f, -0.097545161f},
};

/// The transpose.
static const float cosine_columns[BLOCK][BLOCK] = {
    {0.353553391f, 0.49039264f, 0.461939766f, 0.415734806f, 0.353553391f, 0.277785117f, 0.191341716f, 0.097545161f},
    {0.353553391f, 0.415734806f, 0.191341716f, -0.097545161f, -0.353553391f, -0.49039264f, -0.461939766f, -0.277785117f},
    {0.353553391f, 0.277785117f, -0.191341716f, -0.49039264f, -0.353553391f, 0.097545161f, 0.461939766f, 0.415734806f},
    {0.353553391f, 0.097545161f, -0.461939766f, -0.277785117f, 0.353553391f, 0.415734806f, -0.191341716f, -0.49039264f},
    {0.353553391f, -0.097545161f, -0.461939766f, 0.277785117f, 0.353553391f, -0.415734806f, -0.191341716f, 0.49039264f},
    {0.353553391f, -0.277785117f, -0.191341716f, 0.49039264f, -0.353553391f, -0.097545161f, 0.461939766f, -0.415734806f},
    {0.353553391f, -0.415734806f, 0.191341716f, 0.097545161f, -0.353553391f, 0.49039264f, -0.461939766f, 0.277785117f},
    {0.353553391f, -0.49039264f, 0.461939766f, -0.415734806f, 0.353553391f, -0.277785117f, 0.191341716f, -0.097545161f},
};

/// I0(2 sqrt(1 - (2i/7 - 1)^2)) / I0(2)
static const float kaiser[BLOCK] = {0.43867628f, 0.681324263f, 0.876839905f, 0.985822506f, 0.985822506f, 0.876839905f, 0.681324263f, 0.43867628f};

/// A candidate list, best first.
typedef struct {
    float distance[HSI_BM3D_MATCHES];
    int32_t place[HSI_BM3D_MATCHES];
    size_t count, capacity;
} match_list;

HSI_INLINE void match_insert(match_list *list, float distance, int32_t place) {
    if (list->count == list->capacity && !(distance < list->distance[list->count - 1])) return;
    size_t at = list->count < list->capacity ? list->count++ : list->count - 1;
    for (; at > 0 && distance < list->distance[at - 1]; at--) {
        list->distance[at] = list->distance[at - 1];
        list->place[at] = list->place[at - 1];
    }
    list->distance[at] = distance;
    list->place[at] = place;
}

#define HSI_BODY "bm3d_body.h"
#include "instantiate.h"

size_t hsi_bm3d_match(
    const float *const *planes, size_t plane_count, hsi_bm3d_size size, size_t line, size_t sample, size_t count,
    int32_t *places) {
    match_list list = {.capacity = (count < HSI_BM3D_MATCHES ? count : HSI_BM3D_MATCHES)};
    if (list.capacity == 0) return 0;
    // The block itself is before all others.
    match_insert(&list, -1.0f, (int32_t)(line * size.samples + sample));
    HSI_SELECT(bm3d_match)(planes, plane_count, size, line, sample, &list);
    memcpy(places, list.place, list.count * sizeof(int32_t));
    return list.count;
}

void hsi_bm3d_filter(
    const float *plane, const float *guide, hsi_bm3d_size size, const int32_t *places, size_t count, float threshold,
    float *sum, float *weight) {
    HSI_SELECT(bm3d_filter)(plane, guide, size, places, count, threshold, sum, weight);
}

void hsi_dct8x8(float *block, int inverse) { HSI_SELECT(dct8x8)(block, inverse); }
