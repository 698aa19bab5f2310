/* SPDX-License-Identifier: MIT
 * Shared by the tests of tensor: random matrices, and running a linear layer. */
#ifndef GP_TESTS_LINEAR_SUPPORT_H
#define GP_TESTS_LINEAR_SUPPORT_H

#include "base/mem.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "support.h"
#include "tensor/linear.h"

#include <math.h>

/* Returns pseudorandom number i of the stream `seed`, in -1..1. */
static inline float random_float(uint64_t seed, uint64_t i)
{
    return (float)((double)(gp_rng_at(seed, i) >> 11) * 0x1p-52 - 1.0);
}

static inline float *random_floats(uint64_t seed, size_t n)
{
    float *x = gp_mem_aligned(n, sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) x[i] = random_float(seed, i);
    return x;
}

/* Runs the layer on x [m, in], and returns the result.  Both have gp_linear_padded_rows(m) rows.  The caller frees the
 * result. */
static inline float *run(const gp_linear *linear, const float *x, size_t m, size_t out)
{
    gp_error err = {0};
    float *y = gp_mem_aligned(gp_linear_padded_rows(m) * out, sizeof *y);
    void *scratch = gp_mem_aligned(gp_linear_scratch(linear, m), 1);
    assert_non_null(y);
    assert_non_null(scratch);
    assert_ok(gp_linear_run(linear, x, y, m, NULL, scratch, &err));
    gp_mem_free(scratch);
    return y;
}

static inline float bf16_of(float x)
{
    uint16_t half;
    gp_kernel_table_c()->f32_to_bf16(&x, &half, 1);
    gp_kernel_table_c()->bf16_to_f32(&half, &x, 1);
    return x;
}

#ifdef GP_HAVE_ONEDNN
enum { ENGINES = 2 };
#else
enum { ENGINES = 1 };
#endif
static const gp_engine engines[] = {GP_ENGINE_PLAIN, GP_ENGINE_ONEDNN};
static const gp_precision precisions[] = {GP_PRECISION_FP32, GP_PRECISION_BF16};

#endif
