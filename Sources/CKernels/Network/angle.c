// The spectral angle as a loss: a driver over the pool. See include/hsi_nn_angle.h.
#include "hsi_nn_angle.h"

#include <math.h>

#include "hsi_pool.h"

typedef struct {
    const float *x, *target, *w;
    size_t rows, bands;
    double scale;
    float *dx;
    double *angles;
} angle_job;

enum { ANGLE_ROWS = 64 };

#define HSI_BODY "angle_body.h"
#include "instantiate.h"

static void angle_item(void *context, int index) {
    const angle_job *job = context;
    size_t first = (size_t)index * ANGLE_ROWS, end = first + ANGLE_ROWS;
    HSI_SELECT(angle_rows)(job, first, end < job->rows ? end : job->rows);
}

void hsi_spectral_angle(const float *x, const float *target, const float *w, size_t rows, size_t bands, double scale, float *dx,
                        double *angles) {
    angle_job job = {x, target, w, rows, bands, scale, dx, angles};
    hsi_pool_run((int)((rows + ANGLE_ROWS - 1) / ANGLE_ROWS), angle_item, &job);
}
