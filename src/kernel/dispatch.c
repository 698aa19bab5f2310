/* SPDX-License-Identifier: MIT
 * The tables and the ladder that chooses one: newest instruction set first, the twins always last.  An entry
 * without a variant names the twin, so that none is NULL. */
#include "base/cpu.h"
#include "kernel/kernel.h"
#include "kernel/twins.h"
#ifdef __x86_64__
#include "kernel/x86/variants.h"
#endif
#ifdef __aarch64__
#include "kernel/arm/neon.h"
#endif

static const gp_kernels table_c = {
    .name = "c",
    .unfilter = gp_unfilter_c,
    .resample_h = gp_resample_h_c,
    .resample_v = gp_resample_v_c,
    .normalise = gp_normalise_c,
    .f16_to_f32 = gp_f16_to_f32_c,
    .bf16_to_f32 = gp_bf16_to_f32_c,
    .f32_to_bf16 = gp_f32_to_bf16_c,
    .layer_norm = gp_layer_norm_c,
    .quick_gelu = gp_quick_gelu_c,
    .gelu = gp_gelu_c,
    .add = gp_add_c,
    .multiply = gp_multiply_c,
    .reach_rows = gp_reach_rows_c,
    .reach_columns = gp_reach_columns_c,
    .attend = gp_attend_c,
    .forces = gp_forces_c,
    .l2_normalise = gp_l2_normalise_c,
    .dot = gp_dot_c,
    .distance2 = gp_distance2_c,
};

#ifdef __x86_64__
static const gp_kernels table_avx2 = {
    .name = "avx2",
    .unfilter = gp_unfilter_avx2,
    .resample_h = gp_resample_h_avx2,
    .resample_v = gp_resample_v_avx2,
    .normalise = gp_normalise_c,
    .f16_to_f32 = gp_f16_to_f32_avx2,
    .bf16_to_f32 = gp_bf16_to_f32_avx2,
    .f32_to_bf16 = gp_f32_to_bf16_avx2,
    .layer_norm = gp_layer_norm_avx2,
    .quick_gelu = gp_quick_gelu_avx2,
    .gelu = gp_gelu_avx2,
    .add = gp_add_avx2,
    .multiply = gp_multiply_avx2,
    .reach_rows = gp_reach_rows_avx2,
    .reach_columns = gp_reach_columns_avx2,
    .attend = gp_attend_avx2,
    .forces = gp_forces_avx2,
    .l2_normalise = gp_l2_normalise_avx2,
    .dot = gp_dot_avx2,
    .distance2 = gp_distance2_avx2,
};
#endif

#ifdef __aarch64__
static const gp_kernels table_neon = {
    .name = "neon",
    .unfilter = gp_unfilter_neon,
    .resample_h = gp_resample_h_neon,
    .resample_v = gp_resample_v_neon,
    .normalise = gp_normalise_c,
    .f16_to_f32 = gp_f16_to_f32_c,
    .bf16_to_f32 = gp_bf16_to_f32_c,
    .f32_to_bf16 = gp_f32_to_bf16_c,
    .layer_norm = gp_layer_norm_c,
    .quick_gelu = gp_quick_gelu_c,
    .gelu = gp_gelu_c,
    .add = gp_add_c,
    .multiply = gp_multiply_c,
    .reach_rows = gp_reach_rows_c,
    .reach_columns = gp_reach_columns_c,
    .attend = gp_attend_c,
    .forces = gp_forces_c,
    .l2_normalise = gp_l2_normalise_c,
    .dot = gp_dot_c,
    .distance2 = gp_distance2_c,
};
#endif

const gp_kernels *gp_kernel_table_c(void)
{
    return &table_c;
}

const gp_kernels *gp_kernel_table(void)
{
#ifdef __x86_64__
    if (gp_cpu_features() & GP_CPU_AVX2) return &table_avx2;
#endif
#ifdef __aarch64__
    if (gp_cpu_features() & GP_CPU_NEON) return &table_neon;
#endif
    return &table_c;
}

const gp_kernels *gp_kernel_table_at(size_t i)
{
    if (i == 0) return &table_c;
    return i == 1 && gp_kernel_table() != &table_c ? gp_kernel_table() : NULL;
}
