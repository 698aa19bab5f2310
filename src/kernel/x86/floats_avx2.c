/* SPDX-License-Identifier: MIT
 * The float reference kernels compiled for AVX2, with vectors of eight floats.  They are compiled without fused
 * multiply-add, so that results are bit-identical to the reference; tests/kernels checks this. */
#define GP_LANES           8
#define gp_f16_to_f32_c    gp_f16_to_f32_avx2
#define gp_bf16_to_f32_c   gp_bf16_to_f32_avx2
#define gp_f32_to_bf16_c   gp_f32_to_bf16_avx2
#define gp_layer_norm_c    gp_layer_norm_avx2
#define gp_l2_normalise_c  gp_l2_normalise_avx2
#define gp_dot_c           gp_dot_avx2
#define gp_distance2_c     gp_distance2_avx2
#define gp_quick_gelu_c    gp_quick_gelu_avx2
#define gp_gelu_c          gp_gelu_avx2
#define gp_add_c           gp_add_avx2
#define gp_attend_c        gp_attend_avx2
#define gp_umap_gradient_c gp_umap_gradient_avx2
#define gp_quantise_c      gp_quantise_avx2
#define gp_dequantise_c    gp_dequantise_avx2

#include "kernel/activate.c"
#include "kernel/attention.c"
#include "kernel/convert.c"
#include "kernel/umap_gradient.c"
#include "kernel/norm.c"
#include "kernel/quantise.c"
