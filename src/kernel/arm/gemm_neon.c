/* SPDX-License-Identifier: MIT
 * gemm.c built for 64-bit Arm, with a tile of six rows by 16 columns in 29 of 32 registers.  meson.build allows fused
 * multiply-add (FMA) for this file alone.  FMA halves the instructions and rounds once a step instead of twice, so the
 * last bits differ from the C reference kernel. */
#define GP_TILE_VECTORS 4
#define GP_TILE_ROWS    6
#define gp_gemm_c       gp_gemm_neon
#define gp_dot_float_c  gp_dot_float_neon

#include "kernel/gemm.c"
