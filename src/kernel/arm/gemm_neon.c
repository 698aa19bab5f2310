/* SPDX-License-Identifier: MIT
 * The tile of gemm.c for 64-bit Arm: six rows by the panel's 16 columns in 29 of its 32 registers, with fused
 * multiply-add, which meson.build allows for this file alone: half the instructions, and one rounding a step instead of
 * two, so the last bits differ from the twin's. */
#define GP_TILE_VECTORS 4
#define GP_TILE_ROWS    6
#define gp_gemm_c       gp_gemm_neon
#define gp_dot_float_c  gp_dot_float_neon

#include "kernel/gemm.c"
