// Adam on a gradient in a subspace: small beside the products around it. See include/hsi_nn_subspace.h.
#include "hsi_nn_subspace.h"

#include <math.h>

void hsi_adam_subspace(float *a, size_t rows, size_t columns, const float *ages, size_t row_step, size_t column_step,
                       double beta1, double beta2, double epsilon, float *m, float *v) {
    float b1 = (float)beta1, b2 = (float)beta2, c1 = (float)(1 - beta1), c2 = (float)(1 - beta2), e = (float)epsilon;
    double age = 0;
    float first = 1, second = 1;
    for (size_t n = 0; n < rows; n++) {
        float *restrict x = a + n * columns, *restrict p = m + n * columns, *restrict q = v + n * columns;
        for (size_t j = 0; j < columns; j++) {
            double own = ages[n * row_step + j * column_step];
            if (own != age) {
                age = own;
                first = (float)(1 / (1 - pow(beta1, age)));
                second = (float)(1 / sqrt(1 - pow(beta2, age)));
            }
            float g = x[j], mean = b1 * p[j] + c1 * g, square = b2 * q[j] + c2 * g * g;
            p[j] = mean;
            q[j] = square;
            x[j] = mean * first / (sqrtf(square) * second + e);
        }
    }
}
