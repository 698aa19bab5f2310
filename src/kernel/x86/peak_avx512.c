/* SPDX-License-Identifier: MIT
 * Loops that measure the peak arithmetic rate of AVX-512: fp32 with fused multiply-add (peak_fp32.c), bf16 with an
 * instruction that adds two products (AVX512-BF16), int8 with one that adds four (VNNI).  peak.c calls each function
 * only on CPUs that have its instructions. */
#define GP_LANES         16
#define GP_PEAK_REGISTER "v"
#define gp_peak_fp32_c   gp_peak_fp32_avx512
#include "kernel/peak_fp32.c"

#include <immintrin.h>
#include <string.h>

#define STORE(i)                                                                                                       \
    memcpy(lanes, &s##i, sizeof lanes);                                                                                \
    for (size_t lane = 0; lane < 16; lane++) total += (double)lanes[lane];

double gp_peak_bf16_avx512(uint64_t rounds)
{
    __m512i one = _mm512_set1_epi16(0x3F80), other = one;
    float lanes[16];
    double total = 0;
#define BEGIN(i) __m512 s##i = _mm512_setzero_ps();
#define STEP(i)                                                                                                        \
    s##i = _mm512_dpbf16_ps(s##i, (__m512bh)one, (__m512bh)other);                                                     \
    GP_PEAK_OPAQUE(s##i, "v");
    GP_PEAK_EACH(BEGIN)
    GP_PEAK_OPAQUE(other, "v");
    for (uint64_t r = 0; r < rounds; r++) {
        GP_PEAK_EACH(STEP)
    }
    GP_PEAK_EACH(STORE)
    return total;
#undef BEGIN
#undef STEP
}

double gp_peak_int8_vnni(uint64_t rounds)
{
    __m512i left = _mm512_set1_epi8(1), right = left;
    int32_t lanes[16];
    double total = 0;
#define BEGIN(i) __m512i s##i = _mm512_setzero_si512();
#define STEP(i)                                                                                                        \
    s##i = _mm512_dpbusd_epi32(s##i, left, right);                                                                     \
    GP_PEAK_OPAQUE(s##i, "v");
    GP_PEAK_EACH(BEGIN)
    GP_PEAK_OPAQUE(right, "v");
    for (uint64_t r = 0; r < rounds; r++) {
        GP_PEAK_EACH(STEP)
    }
    GP_PEAK_EACH(STORE)
    return total;
}
