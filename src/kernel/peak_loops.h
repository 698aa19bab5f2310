/* SPDX-License-Identifier: MIT
 * Declares the loops of peak.h, for peak.c and the files that define them. */
#ifndef GP_KERNEL_PEAK_LOOPS_H
#define GP_KERNEL_PEAK_LOOPS_H

#include <stdint.h>

/* Twelve sums, s0 to s11.  An addition takes 4 to 6 cycles, and two additions can start in each cycle: so at least
 * twelve independent sums keep the core busy.  Twelve sums also fit into 16 registers.  They are separate variables,
 * because compilers keep an array in memory here. */
enum { GP_PEAK_SUMS = 12, GP_PEAK_TILES = 6 /* of AMX */ };
#define GP_PEAK_EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
/* Keeps the value in a register, and makes it unknown to the compiler. */
#define GP_PEAK_OPAQUE(value, kind) __asm__ volatile("" : "+" kind(value))

/* loops of peak_fp32.c, which is compiled for the base instruction set, for AVX2 and for AVX-512 */
double gp_peak_fp32_c(uint64_t rounds);
double gp_peak_fp32_avx2(uint64_t rounds);
double gp_peak_fp32_avx512(uint64_t rounds);
/* loops of x86/peak_avx2.c, x86/peak_avx512.c and x86/peak_amx.c */
double gp_peak_int8_avx2(uint64_t rounds);
double gp_peak_int8_vnni(uint64_t rounds);
double gp_peak_bf16_avx512(uint64_t rounds);
double gp_peak_bf16_amx(uint64_t rounds);
double gp_peak_int8_amx(uint64_t rounds);

#endif
