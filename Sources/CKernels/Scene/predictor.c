// TIFF's predictors undone. See include/hsi_predictor.h.
#include "hsi_predictor.h"

#include <stdint.h>
#include <string.h>

typedef struct {
    void (*sum1)(void *, size_t, size_t);
    void (*sum2)(void *, size_t, size_t);
    void (*sum4)(void *, size_t, size_t);
    void (*sum8)(void *, size_t, size_t);
    void (*join4)(const uint8_t *, size_t, void *);
    void (*join8)(const uint8_t *, size_t, void *);
} predictor_table;

#define HSI_BODY "predictor_body.h"
#include "instantiate.h"

int hsi_undo_predictor(
    int predictor, void *samples, size_t rows, size_t pixels, size_t bands, size_t sample_size, void *scratch) {
    const predictor_table *table = HSI_SELECT(predictor);
    uint8_t *row = samples;
    const size_t values = pixels * bands, bytes = values * sample_size;
    if (predictor == 1) return 0;
    if (predictor == 2) {
        void (*sum)(void *, size_t, size_t) = sample_size == 1   ? table->sum1
                                              : sample_size == 2 ? table->sum2
                                              : sample_size == 4 ? table->sum4
                                              : sample_size == 8 ? table->sum8
                                                                 : NULL;
        if (!sum) return -1;
        for (size_t i = 0; i < rows; i++, row += bytes) sum(row, pixels, bands);
        return 0;
    }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (predictor == 3 && (sample_size == 4 || sample_size == 8)) {
        for (size_t i = 0; i < rows; i++, row += bytes) {
            table->sum1(row, pixels * sample_size, bands);
            (sample_size == 4 ? table->join4 : table->join8)(row, values, scratch);
            memcpy(row, scratch, bytes);
        }
        return 0;
    }
#endif
    return -1;
}
