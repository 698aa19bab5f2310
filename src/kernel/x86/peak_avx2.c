/* SPDX-License-Identifier: MIT
 * Loops that measure the peak arithmetic rate of AVX2: fp32 with fused multiply-add (peak_fp32.c), int8 with three
 * instructions.  Without VNNI, it takes three instructions to add four products to a 32-bit sum: one multiplies bytes
 * and adds pairs of products in 16 bits, one adds pairs of the results in 32 bits, and one adds to the sum. */
#define GP_LANES       8
#define gp_peak_fp32_c gp_peak_fp32_avx2
#include "kernel/peak_fp32.c"

#include <immintrin.h>

#define BEGIN(i) __m256i s##i = _mm256_setzero_si256();
#define STEP(i)                                                                                                        \
    GP_PEAK_OPAQUE(left, "x");                                                                                         \
    s##i = _mm256_add_epi32(s##i, _mm256_madd_epi16(_mm256_maddubs_epi16(left, right), ones));                         \
    GP_PEAK_OPAQUE(s##i, "x");
#define END(i)                                                                                                         \
    _mm256_storeu_si256((__m256i *)(void *)lanes, s##i);                                                               \
    for (size_t lane = 0; lane < 8; lane++) total += lanes[lane];

double gp_peak_int8_avx2(uint64_t rounds)
{
    __m256i left = _mm256_set1_epi8(1), right = left, ones = _mm256_set1_epi16(1);
    int32_t lanes[8];
    double total = 0;
    GP_PEAK_EACH(BEGIN)
    GP_PEAK_OPAQUE(right, "x");
    GP_PEAK_OPAQUE(ones, "x");
    for (uint64_t r = 0; r < rounds; r++) {
        GP_PEAK_EACH(STEP)
    }
    GP_PEAK_EACH(END)
    return total;
}
