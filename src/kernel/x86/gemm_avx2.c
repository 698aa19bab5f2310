/* SPDX-License-Identifier: MIT
 * gemm.c built for AVX2 with fused multiply-add (FMA), which meson.build allows for this file alone.  FMA halves the
 * instructions and rounds once a step instead of twice, so the last bits differ from the C reference kernel. */
#define GP_LANES       8
#define gp_gemm_c      gp_gemm_avx2
#define gp_dot_float_c gp_dot_float_avx2

#include "kernel/gemm.c"
