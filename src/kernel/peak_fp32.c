/* SPDX-License-Identifier: MIT
 * The loop that measures the peak arithmetic rate of fp32: in every round it adds a product to each of twelve vectors
 * of sums.  The compiler uses fused multiply-add on NEON and in the builds for AVX2 and AVX-512, else a multiplication
 * and an addition. */
#include "kernel/simd.h"
#include "kernel/peak_loops.h"

#include <stddef.h>

#ifdef __aarch64__
#define REGISTER "w"
#else
#define REGISTER "x"
#endif
#if defined(GP_PEAK_REGISTER) /* the constraint "v" of inline assembly allows all 32 registers of AVX-512 */
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
    /* hides from the compiler that the factor is 1; otherwise the compiler would remove the multiplication */
    GP_PEAK_OPAQUE(one, REGISTER);
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
