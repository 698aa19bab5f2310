/* SPDX-License-Identifier: MIT
 * What the processor has and the operating system enables (XCR0, AMX permission by its result).
 * GOLDPAN_CPU="-avx2,-amx" or "plain" takes features away; it never adds. */
#ifndef GP_BASE_CPU_H
#define GP_BASE_CPU_H

#include "base/status.h"

enum {
    GP_CPU_SSE41 = 1,
    GP_CPU_AVX2 = 2 /* with FMA and F16C */,
    GP_CPU_AVX512 = 4 /* F, BW, DQ, VL */,
    GP_CPU_AVX512_BF16 = 8,
    GP_CPU_AVX512_VNNI = 16,
    GP_CPU_AMX_BF16 = 32,
    GP_CPU_AMX_INT8 = 64,
    GP_CPU_NEON = 128
};
unsigned gp_cpu_features(void); /* computed once; any thread */
/* What a GOLDPAN_CPU text leaves of `features`: words joined by commas, "-avx2" (away, with all that builds on it),
 * "avx2" (at most this), "plain" (nothing); NULL and unknown words change nothing. */
unsigned gp_cpu_limit(unsigned features, const char *text);
const char *gp_cpu_name(unsigned features); /* best of them: "plain", "sse4.1", "avx2", "avx512", "amx", "neon" */

#endif
