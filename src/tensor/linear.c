/* SPDX-License-Identifier: MIT
 * y = x W^T + b: converts stored weights to floats, chooses engine and precision, and divides the rows into blocks.
 *
 *     weight (F32, F16, BF16, unaligned) -> floats [out, in] -> (bf16: rounded) -> engine's packed form
 *     x [m, in] -> blocks of rows -> (bf16: rounded, in scratch) -> engine -> y [m, out]
 *
 * On a CPU without bf16 instructions, bf16 rounds the same numbers and multiplies them as floats.  This is not faster
 * than fp32, but gives scores that can be compared with those of a CPU with bf16. */
#include "tensor/linear.h"

#include "base/cpu.h"
#include "base/mem.h"
#include "kernel/kernel.h"
#include "tensor/matmul.h"

#include <stdio.h>
#include <string.h>

enum { CHUNK = 512 }; /* numbers that are converted at a time in a buffer on the stack */

struct gp_linear {
    size_t out, in;
    bool round; /* x is rounded to bf16 */
    bool bf16;  /* the engine gets x as bf16; if not, and `round` is set, it gets floats rounded to bf16 values */
    const gp_matmul_engine *engine;
    void *packed;
};

size_t gp_dtype_size(gp_dtype dtype)
{
    return dtype == GP_F32 ? 4 : 2;
}

const char *gp_dtype_name(gp_dtype dtype)
{
    return dtype == GP_F32 ? "F32" : dtype == GP_F16 ? "F16" : "BF16";
}

static bool bf16_native(void)
{
    return gp_cpu_features() & (GP_CPU_AMX_BF16 | GP_CPU_AVX512_BF16);
}

/* Chooses the faster engine for this CPU. With AVX2 but not AVX-512: goldpan's own kernel.  It was measured to be 1.05
 * times as fast as oneDNN 2.6 in row-independent pieces, and 1.4 times as fast at the widths of ViT-L/14.  With AVX-512
 * or AMX, or with only SSE: oneDNN, if its rows are independent.  On other architectures than x86, goldpan is built
 * without oneDNN (meson.build gives the reason). */
static gp_engine engine_auto(void)
{
#ifdef GP_HAVE_ONEDNN
    unsigned features = gp_cpu_features();
    bool faster = (features & GP_CPU_AVX512) || !(features & GP_CPU_AVX2);
    return faster && gp_matmul_onednn_keeps_rows() ? GP_ENGINE_ONEDNN : GP_ENGINE_PLAIN;
#else
    return GP_ENGINE_PLAIN;
#endif
}

void gp_linear_resolve(gp_precision *precision, gp_engine *engine)
{
    if (*engine == GP_ENGINE_AUTO) *engine = engine_auto();
    if (*precision == GP_PRECISION_AUTO)
        *precision = *engine == GP_ENGINE_ONEDNN && bf16_native() ? GP_PRECISION_BF16 : GP_PRECISION_FP32;
}

/* Ignores `engine` for int8, which only goldpan's own kernels compute. */
static const gp_matmul_engine *engine_of(gp_engine engine, gp_precision precision)
{
    if (precision == GP_PRECISION_INT8) return gp_matmul_int8();
#ifdef GP_HAVE_ONEDNN
    if (engine == GP_ENGINE_ONEDNN) return gp_matmul_onednn();
#endif
    return engine == GP_ENGINE_PLAIN ? gp_matmul_plain() : NULL;
}

const char *gp_precision_name(gp_precision precision)
{
    static const char *const names[] = {"auto", "fp32", "bf16", "int8"};
    return names[precision];
}

void gp_linear_describe(gp_engine engine, gp_precision precision, char *out, size_t size)
{
    gp_linear_resolve(&precision, &engine);
    if (precision == GP_PRECISION_INT8) {
        snprintf(out, size, "8 bits, %s", gp_kernel_table()->name);
        return;
    }
#ifdef GP_HAVE_ONEDNN
    if (engine == GP_ENGINE_ONEDNN) {
        gp_matmul_onednn_version(out, size);
        return;
    }
#endif
    if (gp_kernel_table() == gp_kernel_table_c())
        snprintf(out, size, "plain C");
    else
        snprintf(out, size, "plain C, %s", gp_kernel_table()->name);
}

/* Rounds `from` [n] to bf16 values, and stores these values as floats in `to` [n]. */
static void round_floats(const float *from, float *to, size_t n)
{
    const gp_kernels *kernels = gp_kernel_table();
    uint16_t half[CHUNK];
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t part = n - i < CHUNK ? n - i : CHUNK;
        kernels->f32_to_bf16(from + i, half, part);
        kernels->bf16_to_f32(half, to + i, part);
    }
}

/* Converts n stored numbers to floats; `from` may be unaligned. */
static void load(const uint8_t *from, gp_dtype dtype, float *to, size_t n)
{
    const gp_kernels *kernels = gp_kernel_table();
    uint16_t half[CHUNK];
    if (dtype == GP_F32) {
        memcpy(to, from, n * sizeof(float));
        return;
    }
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t part = n - i < CHUNK ? n - i : CHUNK;
        memcpy(half, from + i * sizeof half[0], part * sizeof half[0]);
        (dtype == GP_F16 ? kernels->f16_to_f32 : kernels->bf16_to_f32)(half, to + i, part);
    }
}

/* Packs the weights for the engine.  If the engine has no bf16 (ONEDNN_MAX_CPU_ISA can disable it), packs the rounded
 * weights as floats. */
static gp_status pack(gp_linear *l, const float *weight, const float *bias, gp_error *err)
{
    if (l->bf16) {
        gp_status st = l->engine->pack(weight, bias, l->out, l->in, true, &l->packed, NULL);
        if (st == GP_OK) return GP_OK;
        if (st == GP_ERR_MEMORY) return gp_fail_memory(err, "a linear layer");
        l->bf16 = false;
    }
    return l->engine->pack(weight, bias, l->out, l->in, false, &l->packed, err);
}

gp_status gp_linear_new(const void *weight, gp_dtype dtype, const float *bias, size_t out_features, size_t in_features,
                        gp_precision precision, gp_engine engine, gp_linear **linear, gp_error *err)
{
    gp_linear_resolve(&precision, &engine);
    if (!engine_of(engine, precision))
        return gp_fail(err, GP_ERR_UNSUPPORTED, "this goldpan was built without oneDNN: use --engine plain");
    size_t count;
    if (out_features == 0 || in_features == 0)
        return gp_fail(err, GP_ERR_USAGE, "a linear layer needs at least 1 input and 1 output");
    if (out_features > INT32_MAX || in_features > INT32_MAX || !gp_size_mul(out_features, in_features, &count))
        return gp_fail(err, GP_ERR_LIMIT, "a matrix of %zu x %zu is too large", out_features, in_features);

    gp_linear *l = NULL;
    void *part = NULL;
    float *floats = NULL, *zeros = NULL;
    gp_status st;
    GP_TRY_GOTO(gp_alloc(&part, 1, sizeof *l, "a linear layer", err));
    l = part;
    *l = (gp_linear){.out = out_features,
                     .in = in_features,
                     .round = precision == GP_PRECISION_BF16,
                     .bf16 = precision == GP_PRECISION_BF16 && engine == GP_ENGINE_ONEDNN && bf16_native(),
                     .engine = engine_of(engine, precision)};
    GP_TRY_GOTO(gp_alloc_aligned(&part, count, sizeof(float), "a linear layer's weights", err));
    floats = part;
    load(weight, dtype, floats, count);
    if (l->round) round_floats(floats, floats, count);
    if (!bias) {
        GP_TRY_GOTO(gp_alloc(&part, out_features, sizeof(float), "a linear layer's bias", err));
        zeros = part;
        memset(zeros, 0, out_features * sizeof(float));
        bias = zeros;
    }
    GP_TRY_GOTO(pack(l, floats, bias, err));
    *linear = l;
    l = NULL;
out:
    gp_mem_free(zeros);
    gp_mem_free(floats);
    gp_linear_free(l);
    return st;
}

void gp_linear_free(gp_linear *linear)
{
    if (!linear) return;
    linear->engine->free(linear->packed);
    gp_mem_free(linear);
}

size_t gp_linear_bytes(const gp_linear *linear)
{
    return linear->engine->bytes(linear->packed);
}

size_t gp_linear_padded_rows(size_t m)
{
    return (m + GP_MATMUL_STEP - 1) / GP_MATMUL_STEP * GP_MATMUL_STEP;
}

static size_t aligned(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Returns the number of rows of a block, for a call with m rows.  With `row_multiple` all blocks are equal, because a
 * small last block reads as many weights as a large one. */
static size_t block_rows(const gp_linear *linear, size_t m)
{
    const size_t most = linear->engine->block, even = linear->engine->row_multiple, blocks = (m + most - 1) / most;
    return even && blocks > 0 ? ((m + blocks - 1) / blocks + even - 1) / even * even : most;
}

/* Returns the number of rows of the next block if `left` rows are left. */
static size_t rows_of(const gp_linear *linear, size_t left, size_t block)
{
    if (left >= block) return block;
    return linear->engine->row_multiple ? left : gp_linear_padded_rows(left);
}

/* Returns the bytes that the rounded x of a block needs, for any call with at most m rows: a call with fewer rows can
 * have a larger block than a call with m rows. */
static size_t rounded_bytes(const gp_linear *linear, size_t m)
{
    const size_t rows = gp_linear_padded_rows(m < linear->engine->block ? m : linear->engine->block);
    if (!linear->round) return 0;
    return aligned(rows * linear->in * (linear->bf16 ? sizeof(uint16_t) : sizeof(float)));
}

size_t gp_linear_scratch(const gp_linear *linear, size_t m)
{
    return rounded_bytes(linear, m) + aligned(linear->engine->scratch(linear->packed));
}

gp_status gp_linear_run(const gp_linear *linear, const float *x, float *y, size_t m, gp_epilogue *epilogue,
                        void *scratch, gp_error *err)
{
    uint8_t *rest = (uint8_t *)scratch + rounded_bytes(linear, m);
    const size_t block = block_rows(linear, m);
    for (size_t row = 0; row < m; row += block) {
        size_t rows = rows_of(linear, m - row, block);
        const float *from = x + row * linear->in;
        const void *input = from;
        if (linear->round) {
            if (linear->bf16)
                gp_kernel_table()->f32_to_bf16(from, scratch, rows * linear->in);
            else
                round_floats(from, scratch, rows * linear->in);
            input = scratch;
        }
        GP_TRY(linear->engine->run(linear->packed, input, y + row * linear->out, rows, epilogue, rest, err));
    }
    return GP_OK;
}
