/* SPDX-License-Identifier: MIT
 * The two activations of CLIP, in place, and the sum of the residual connection.
 *
 * quick_gelu(x) = x / (1 + e^(-1.702 x)).
 * gelu(x) = x/2 (1 + erf(x / sqrt 2)) = x/2 erfc(-x / sqrt 2), with erfc(z) = e^(-z^2) t Q(t), t = 1/(1 + z/2), for
 * z >= 0 and erfc(-z) = 2 - erfc(z).  Q is fitted by tools/fit.py (degree 8, relative error 5e-8).  One formula covers
 * all z: with two formulas for small and large z, vector code would compute both. */
#include "kernel/exp.h"
#include "kernel/reference.h"

#include <math.h>

/* number of floats in a block; one loop clamps all floats of a block before another loop computes the function
 * (exp_clamp gives the reason) */
enum { BLOCK = 64 };

static void quick_gelu_block(float *x, size_t n)
{
    float y[BLOCK];
    for (size_t i = 0; i < n; i++) y[i] = exp_clamp(-1.702f * x[i]);
    for (size_t i = 0; i < n; i++) x[i] *= 1.0f / (1.0f + exp_fast(y[i]));
}

void gp_quick_gelu_c(float *x, size_t n)
{
    size_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK) quick_gelu_block(x + i, BLOCK);
    quick_gelu_block(x + i, n - i);
}

/* erfc(z) / 2 for 0 <= z <= 9.25 */
static inline float half_erfc(float z)
{
    float t = 1.0f / (1.0f + 0.5f * z);
    float q = -0.0593381259f;
    q = q * t + 0.285979672f;
    q = q * t - 0.490276047f;
    q = q * t + 0.281742193f;
    q = q * t - 0.029231098f;
    q = q * t + 0.203802261f;
    q = q * t + 0.242824091f;
    q = q * t + 0.282412613f;
    q = q * t + 0.282084401f;
    return 0.5f * q * t * exp_fast(-z * z);
}

static void gelu_block(float *x, size_t n)
{
    float z[BLOCK];
    for (size_t i = 0; i < n; i++) {
        float size = fabsf(x[i]) * 0.707106781f;
        /* a larger z changes nothing: erfc(9.25) = 4e-39 has no effect on the result */
        z[i] = size > 9.25f ? 9.25f : size;
    }
    for (size_t i = 0; i < n; i++) z[i] = half_erfc(z[i]);
    for (size_t i = 0; i < n; i++) x[i] *= x[i] < 0.0f ? z[i] : 1.0f - z[i];
}

void gp_gelu_c(float *x, size_t n)
{
    size_t i = 0;
    for (; i + BLOCK <= n; i += BLOCK) gelu_block(x + i, BLOCK);
    gelu_block(x + i, n - i);
}

void gp_add_c(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] += y[i];
}
