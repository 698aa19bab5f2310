/* SPDX-License-Identifier: MIT
 * The tables and the ladder that chooses one: newest instruction set first, the twins always last.  A variant's table
 * starts from the twins, so an entry without a variant is never NULL. */
#include "kernel/kernel.h"
#include "kernel/twins.h"

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
    .attend = gp_attend_c,
    .l2_normalise = gp_l2_normalise_c,
    .dot = gp_dot_c,
};

const gp_kernels *gp_kernel_table_c(void)
{
    return &table_c;
}

const gp_kernels *gp_kernel_table_at(size_t i)
{
    return i == 0 ? &table_c : NULL;
}

const gp_kernels *gp_kernel_table(void)
{
    const gp_kernels *best = &table_c;
    for (size_t i = 1; gp_kernel_table_at(i); i++) best = gp_kernel_table_at(i);
    return best;
}
