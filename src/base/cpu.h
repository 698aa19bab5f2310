/* SPDX-License-Identifier: MIT
 * Features that the processor has and the operating system enables (XCR0; for AMX also the kernel's permission).
 * GOLDPAN_CPU="-avx2,-amx" or "plain" removes features; it never adds any. */
#ifndef GP_BASE_CPU_H
#define GP_BASE_CPU_H

#include "base/status.h"

enum {
    GP_CPU_SSE41 = 1,
    GP_CPU_AVX2 = 2 /* includes FMA and F16C */,
    GP_CPU_AVX512 = 4 /* includes F, BW, DQ, VL */,
    GP_CPU_AVX512_BF16 = 8,
    GP_CPU_AVX512_VNNI = 16,
    GP_CPU_AMX_BF16 = 32,
    GP_CPU_AMX_INT8 = 64,
    GP_CPU_NEON = 128
};
unsigned gp_cpu_features(void); /* computed once; any thread */
/* Returns `features` limited by a GOLDPAN_CPU text.  The text is a list of words separated by commas.  "-avx2" removes
 * AVX2 and all features that need AVX2.  "avx2" keeps only AVX2 and the features that AVX2 needs.  "plain" removes all
 * features.  NULL and unknown words change nothing. */
unsigned gp_cpu_limit(unsigned features, const char *text);

#endif
