/* SPDX-License-Identifier: MIT
 * The tables of kernels, one for each instruction set, and the choice of the best table that this processor can run. */
#include "base/cpu.h"
#include "kernel/kernel.h"
#include "kernel/reference.h"
#ifdef __x86_64__
#include "kernel/x86/variants.h"
#elif defined(__aarch64__)
#include "kernel/arm/neon.h"
#endif

#include <pthread.h>

/* Each list has the kernels that an instruction set adds.  A table has the lists of its instruction sets in order: a
 * later entry replaces the earlier entry for the same kernel.  The first list is complete, so no entry is NULL. */
#pragma GCC diagnostic push
#ifdef __clang__
#pragma GCC diagnostic ignored "-Winitializer-overrides"
#else
#pragma GCC diagnostic ignored "-Woverride-init"
#endif

/* clang-format off */
#define KERNELS_C \
    .unfilter = gp_unfilter_c, .resample_h = gp_resample_h_c, .resample_v = gp_resample_v_c, \
    .normalise = gp_normalise_c, .f16_to_f32 = gp_f16_to_f32_c, .bf16_to_f32 = gp_bf16_to_f32_c, \
    .f32_to_bf16 = gp_f32_to_bf16_c, .layer_norm = gp_layer_norm_c, .quick_gelu = gp_quick_gelu_c, .gelu = gp_gelu_c, \
    .add = gp_add_c, .gemm = gp_gemm_c, .dot_float = gp_dot_float_c, .quantise = gp_quantise_c, \
    .gemm_int8 = gp_gemm_int8_c, .dequantise = gp_dequantise_c, .mask_rows = gp_mask_rows_c, \
    .mask_columns = gp_mask_columns_c, .attend = gp_attend_c, .umap_gradient = gp_umap_gradient_c, \
    .l2_normalise = gp_l2_normalise_c, .dot = gp_dot_c, .distance2 = gp_distance2_c

#define KERNELS_AVX2 \
    .prefer_int8 = true, .unfilter = gp_unfilter_avx2, .resample_h = gp_resample_h_avx2, \
    .resample_v = gp_resample_v_avx2, .f16_to_f32 = gp_f16_to_f32_avx2, .bf16_to_f32 = gp_bf16_to_f32_avx2, \
    .f32_to_bf16 = gp_f32_to_bf16_avx2, .layer_norm = gp_layer_norm_avx2, .quick_gelu = gp_quick_gelu_avx2, \
    .gelu = gp_gelu_avx2, .add = gp_add_avx2, .gemm = gp_gemm_avx2, .dot_float = gp_dot_float_avx2, \
    .quantise = gp_quantise_avx2, .gemm_int8 = gp_gemm_int8_avx2, .dequantise = gp_dequantise_avx2, \
    .mask_rows = gp_mask_rows_avx2, .mask_columns = gp_mask_columns_avx2, .attend = gp_attend_avx2, \
    .umap_gradient = gp_umap_gradient_avx2, .l2_normalise = gp_l2_normalise_avx2, .dot = gp_dot_avx2, \
    .distance2 = gp_distance2_avx2

/* This list has no entry `attend`, because the AVX2 variant is 1.2 times as fast as one with vectors of 16 floats. */
#define KERNELS_AVX512 \
    .f16_to_f32 = gp_f16_to_f32_avx512, .bf16_to_f32 = gp_bf16_to_f32_avx512, .f32_to_bf16 = gp_f32_to_bf16_avx512, \
    .layer_norm = gp_layer_norm_avx512, .quick_gelu = gp_quick_gelu_avx512, .gelu = gp_gelu_avx512, \
    .add = gp_add_avx512, .quantise = gp_quantise_avx512, .dequantise = gp_dequantise_avx512, \
    .mask_rows = gp_mask_rows_avx512, .mask_columns = gp_mask_columns_avx512, .l2_normalise = gp_l2_normalise_avx512, \
    .dot = gp_dot_avx512, .distance2 = gp_distance2_avx512

#define KERNELS_NEON \
    .unfilter = gp_unfilter_neon, .resample_h = gp_resample_h_neon, .resample_v = gp_resample_v_neon, \
    .gemm = gp_gemm_neon, .dot_float = gp_dot_float_neon
/* clang-format on */

static const gp_kernels table_c = {.name = "c", KERNELS_C};
#ifdef __x86_64__
static const gp_kernels table_avx2 = {.name = "avx2", KERNELS_C, KERNELS_AVX2};
static const gp_kernels table_avx512 = {.name = "avx512", KERNELS_C, KERNELS_AVX2, KERNELS_AVX512};
static const gp_kernels table_vnni = {
    .name = "avx512_vnni", KERNELS_C, KERNELS_AVX2, KERNELS_AVX512, .gemm_int8 = gp_gemm_int8_vnni};
#elif defined(__aarch64__)
static const gp_kernels table_neon = {.name = "neon", KERNELS_C, KERNELS_NEON};
#endif
#pragma GCC diagnostic pop

/* The tables of this architecture, from the slowest to the fastest. */
static const struct {
    const gp_kernels *table;
    unsigned needs;
} choices[] = {
    {&table_c, 0},
#ifdef __x86_64__
    {&table_avx2, GP_CPU_AVX2},
    {&table_avx512, GP_CPU_AVX512},
    {&table_vnni, GP_CPU_AVX512 | GP_CPU_AVX512_VNNI},
#elif defined(__aarch64__)
    {&table_neon, GP_CPU_NEON},
#endif
};
enum { CHOICES = sizeof choices / sizeof *choices };

const gp_kernels *gp_kernel_table_c(void)
{
    return &table_c;
}

const gp_kernels *gp_kernel_table_at(size_t i)
{
    for (size_t r = 0; r < CHOICES; r++)
        if ((gp_cpu_features() & choices[r].needs) == choices[r].needs && i-- == 0) return choices[r].table;
    return NULL;
}

static const gp_kernels *best = &table_c;
static pthread_once_t best_once = PTHREAD_ONCE_INIT;

static void find_best(void)
{
    const gp_kernels *table;
    for (size_t i = 0; (table = gp_kernel_table_at(i)) != NULL; i++) best = table;
}

const gp_kernels *gp_kernel_table(void)
{
    pthread_once(&best_once, find_best);
    return best;
}
