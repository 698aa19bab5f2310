/* SPDX-License-Identifier: MIT
 * Twelve vectors of sums, each with a product added in every round: two roundings where the compiler has no fused
 * multiply-add, one where it has (NEON, and the builds for AVX2 and AVX-512). */
#include "kernel/simd.h"
#include "kernel/peak_loops.h"

#include <stddef.h>

#ifdef __aarch64__
#define REGISTER "w"
#else
#define REGISTER "x"
#endif
#if defined(GP_PEAK_REGISTER) /* AVX-512 has 32 of them */
#undef REGISTER
#define REGISTER GP_PEAK_REGISTER
#endif

#define BEGIN(i) gp_vec s##i = one - other;
#define STEP(i)                                                                                                        \
    GP_PEAK_OPAQUE(other, REGISTER);                                                                                   \
    s##i += one * other;                                                                                               \
    GP_PEAK_OPAQUE(s##i, REGISTER);
#define END(i)                                                                                                         \
    for (size_t lane = 0; lane < GP_LANES; lane++) total += (double)s##i[lane];

double gp_peak_fp32_c(uint64_t rounds)
{
    gp_vec one = {0}, other;
    double total = 0;
    one += 1;
    other = one;
    GP_PEAK_OPAQUE(one, REGISTER); /* or it would be known that nothing need be multiplied */
    GP_PEAK_OPAQUE(other, REGISTER);
    GP_PEAK_EACH(BEGIN)
    for (uint64_t r = 0; r < rounds; r++) {
        GP_PEAK_EACH(STEP)
    }
    GP_PEAK_EACH(END)
    return total;
}

#undef BEGIN
#undef STEP
#undef END
