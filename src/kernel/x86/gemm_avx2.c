/* SPDX-License-Identifier: MIT
 * The tile of gemm.c built for AVX2 with fused gemm-add, which meson.build allows for this file alone: half the
 * instructions, and one rounding a step instead of two, so the last bits differ from the twin's. */
#define GP_LANES       8
#define gp_gemm_c      gp_gemm_avx2
#define gp_dot_float_c gp_dot_float_avx2

#include "kernel/gemm.c"
