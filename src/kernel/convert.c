/* SPDX-License-Identifier: MIT
 * Converts between f16, bf16 and float by bit operations, so the results are exact and do not depend on how the CPU
 * treats subnormals.  f16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits.  bf16: the upper half of a float.
 */
#include "kernel/reference.h"

#include <string.h>

static inline float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

void gp_f16_to_f32_c(const uint16_t *in, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t h = in[i], magnitude = h & 0x7fffu;
        uint32_t moved = magnitude << 13;
        uint32_t normal = moved + ((127u - 15u) << 23);
        uint32_t special = moved + ((255u - 31u) << 23); /* infinity and NaN keep their fraction */
        /* a subnormal is fraction * 2^-24, computed as (2^-14 + fraction * 2^-24) - 2^-14 from two normal floats */
        uint32_t small = bits_of(float_of((113u << 23) + moved) - float_of(113u << 23));
        uint32_t bits = magnitude >= 0x7c00u ? special : normal;
        bits = magnitude < 0x0400u ? small : bits;
        out[i] = float_of(bits | (h & 0x8000u) << 16);
    }
}

void gp_bf16_to_f32_c(const uint16_t *in, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) out[i] = float_of((uint32_t)in[i] << 16);
}

void gp_f32_to_bf16_c(const float *in, uint16_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_of(in[i]);
        uint32_t nearest = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
        uint32_t quiet = bits >> 16 | 0x40u;
        out[i] = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : nearest);
    }
}
