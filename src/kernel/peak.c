/* SPDX-License-Identifier: MIT
 * Chooses a loop: lists the loops of each kind from the fastest to the slowest, with the CPU feature that each needs.
 */
#include "kernel/peak.h"

#include "base/cpu.h"
#include "kernel/peak_loops.h"

typedef struct choice {
    unsigned needs; /* bits of gp_cpu_features that the loop needs; 0: none */
    gp_peak_loop loop;
} choice;

static const choice fp32[] = {
#ifdef __x86_64__
    {GP_CPU_AVX512, {"AVX-512 FMA", GP_PEAK_SUMS * 16, gp_peak_fp32_avx512}},
    {GP_CPU_AVX2, {"AVX2 FMA", GP_PEAK_SUMS * 8, gp_peak_fp32_avx2}},
    {0, {"SSE2", GP_PEAK_SUMS * 4, gp_peak_fp32_c}},
#elif defined(__aarch64__)
    {0, {"NEON FMA", GP_PEAK_SUMS * 4, gp_peak_fp32_c}},
#else
    {0, {"plain C", GP_PEAK_SUMS * 4, gp_peak_fp32_c}},
#endif
    {0, {NULL, 0, NULL}}};

static const choice bf16[] = {
#ifdef __x86_64__
    {GP_CPU_AMX_BF16, {"AMX-BF16", GP_PEAK_TILES * 16 * 16 * 32, gp_peak_bf16_amx}},
    {GP_CPU_AVX512_BF16, {"AVX512-BF16", GP_PEAK_SUMS * 16 * 2, gp_peak_bf16_avx512}},
#endif
    {0, {NULL, 0, NULL}}};

static const choice int8[] = {
#ifdef __x86_64__
    {GP_CPU_AMX_INT8, {"AMX-INT8", GP_PEAK_TILES * 16 * 16 * 64, gp_peak_int8_amx}},
    {GP_CPU_AVX512_VNNI, {"AVX512-VNNI", GP_PEAK_SUMS * 16 * 4, gp_peak_int8_vnni}},
    {GP_CPU_AVX2, {"AVX2", GP_PEAK_SUMS * 8 * 4, gp_peak_int8_avx2}},
#endif
    {0, {NULL, 0, NULL}}};

static const choice *const choices[GP_PEAK_KINDS] = {
    [GP_PEAK_FP32] = fp32, [GP_PEAK_BF16] = bf16, [GP_PEAK_INT8] = int8};

const char *gp_peak_kind_name(gp_peak_kind kind)
{
    static const char *const names[GP_PEAK_KINDS] = {"fp32", "bf16", "int8"};
    return names[kind];
}

const gp_peak_loop *gp_peak_loop_at(gp_peak_kind kind, size_t i)
{
    const unsigned features = gp_cpu_features();
    for (const choice *r = choices[kind]; r->loop.run; r++)
        if ((r->needs & features) == r->needs && i-- == 0) return &r->loop;
    return NULL;
}
