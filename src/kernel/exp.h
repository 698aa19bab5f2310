/* SPDX-License-Identifier: MIT
 * e^x in float, without branch, table or call, so that compilers vectorise it.
 * x = n ln 2 + r with |r| <= ln(2)/2, and e^r = 1 + r + r^2 P(r).  2^n is written to the exponent bits.
 * tools/fit.py computes P (Chebyshev interpolation, error 8e-9 before rounding).  Error <= 2 ulp; NaN stays NaN. */
#ifndef GP_KERNEL_EXP_H
#define GP_KERNEL_EXP_H

#include <stdint.h>
#include <string.h>

/* Clamps x to the range of exp_fast. e^-87 = 1.6e-38 replaces zero, and e^87 = 6e37 replaces infinity; the reciprocals
 * of both are normal numbers.  Kernels clamp in a separate loop.  In one expression, compilers propagate the constants
 * -87 and 87 through the polynomial, so they compute the polynomial several times. */
static inline float exp_clamp(float x)
{
    x = x < -87.0f ? -87.0f : x;
    return x > 87.0f ? 87.0f : x;
}

static inline float exp_fast(float x)
{
    /* adding 1.5 * 2^23 rounds to the nearest whole number, which is then in the low bits of the float */
    const float shift = 12582912.0f;
    float shifted = x * 1.44269504f + shift;
    float n = shifted - shift;
    /* ln 2 is split into two constants; the first has few bits, so its product with n is exact */
    float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 0.00139269266f;
    p = p * r + 0.00836377387f;
    p = p * r + 0.0416665501f;
    p = p * r + 0.166665734f;
    p = p * r + 0.5f;
    p = p * (r * r) + r + 1.0f;
    uint32_t bits, power;
    memcpy(&bits, &shifted, sizeof bits);
    power = (bits + 127u) << 23;
    float scale;
    memcpy(&scale, &power, sizeof scale);
    return p * scale;
}

#endif
