/* SPDX-License-Identifier: MIT
 * Layer norm, L2 norm, dot product, squared distance.  A sum is computed as eight partial sums in double: partial sum i
 * has the elements i, i + 8, ...  The partial sums are added in a fixed order.  So compilers can keep them in vector
 * registers, and the result does not depend on the instruction set. */
#include "kernel/reference.h"

#include <math.h>

enum { LANES = 8 };

static double lanes_sum(const double *s)
{
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

static double row_sum(const float *x, size_t d)
{
    double s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (size_t l = 0; l < LANES; l++) s[l] += (double)x[i + l];
    for (size_t l = 0; i + l < d; l++) s[l] += (double)x[i + l];
    return lanes_sum(s);
}

/* sum (x - mean)^2 */
static double row_spread(const float *x, size_t d, double mean)
{
    double s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= d; i += LANES)
        for (size_t l = 0; l < LANES; l++) s[l] += ((double)x[i + l] - mean) * ((double)x[i + l] - mean);
    for (size_t l = 0; i + l < d; l++) s[l] += ((double)x[i + l] - mean) * ((double)x[i + l] - mean);
    return lanes_sum(s);
}

void gp_layer_norm_c(const float *x, float *y, size_t n, size_t d, const float *gain, const float *bias, float eps)
{
    for (size_t row = 0; row < n; row++, x += d, y += d) {
        double mean = row_sum(x, d) / (double)d;
        double variance = row_spread(x, d, mean) / (double)d;
        float centre = (float)mean, scale = (float)(1.0 / sqrt(variance + (double)eps));
        for (size_t i = 0; i < d; i++) y[i] = (x[i] - centre) * scale * gain[i] + bias[i];
    }
}

double gp_dot_c(const float *a, const float *b, size_t n)
{
    double s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) s[l] += (double)a[i + l] * (double)b[i + l];
    for (size_t l = 0; i + l < n; l++) s[l] += (double)a[i + l] * (double)b[i + l];
    return lanes_sum(s);
}

double gp_distance2_c(const float *a, const float *b, size_t n)
{
    double s[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            double gap = (double)a[i + l] - (double)b[i + l];
            s[l] += gap * gap;
        }
    for (size_t l = 0; i + l < n; l++) {
        double gap = (double)a[i + l] - (double)b[i + l];
        s[l] += gap * gap;
    }
    return lanes_sum(s);
}

void gp_l2_normalise_c(float *x, size_t n, size_t d)
{
    for (size_t row = 0; row < n; row++, x += d) {
        double norm = sqrt(gp_dot_c(x, x, d));
        if (norm == 0.0) continue;
        double inverse = 1.0 / norm;
        for (size_t i = 0; i < d; i++) x[i] = (float)((double)x[i] * inverse);
    }
}
