/* SPDX-License-Identifier: MIT
 * int8 GEMM: y = x W^T + b with quantised x and W.  Each row of W has one scale, limited by the saturation of pairs
 * (kernel/gemm_int8.c).  Each row of x has a scale and a zero point, computed from the row when it is multiplied.  Sums
 * are exact in 32 bits, so the result is the same on every machine.
 *
 *     W [out, in] -- packed once -> panels [ceil(out/16)][ceil(in/4)][16][4], scale and sum of each row
 *     x [rows, in] -> q [rows, in], scale and zero of each row
 *     for three panels at a time: q by panels -> sums [rows, 48] -> y [rows, 48]
 *
 * Per-row scales of both sides: "Integer Quantization for Deep Learning Inference" (Wu et al. 2020), sections 3 and 4,
 * but the range of activations is computed from each row (dynamic quantisation). */
#include "tensor/matmul.h"

#include "base/mem.h"
#include "kernel/kernel.h"

#include <math.h>
#include <string.h>

enum {
    BLOCK = 208, /* rows of a block; eight images of 50 tokens are 400 rows, which fit into two blocks */
    ROWS = 8,    /* rows multiplied at a time: a multiple of the row count of every micro-kernel */
    /* A pair (a, b) is scaled so that |a| + |b| <= STEPS.  Rounding adds at most 1/2 to |a| and to |b|, so their sum is
     * then at most GP_INT8_PAIR_MAX. */
    STEPS = GP_INT8_PAIR_MAX - 1,
    COLUMN_BLOCK = 3 * GP_PANEL /* the VNNI micro-kernel multiplies three panels at a time */
};

typedef struct packed_int8 {
    size_t out, in, outs, width, bytes; /* outs: `out` rounded up to 16; width: `in` rounded up to 4 */
    int8_t *panels;
    int32_t *sums;        /* [outs] sum of each packed row */
    float *scales, *bias; /* [outs] */
} packed_int8;

static void int8_free(void *packed)
{
    packed_int8 *p = packed;
    if (!p) return;
    gp_mem_free(p->bias);
    gp_mem_free(p->scales);
    gp_mem_free(p->sums);
    gp_mem_free(p->panels);
    gp_mem_free(p);
}

static gp_status int8_allocate(packed_int8 *p, gp_error *err)
{
    static const char what[] = "a packed matrix";
    size_t count;
    if (!gp_size_mul(p->outs, p->width, &count))
        return gp_fail(err, GP_ERR_LIMIT, "a matrix of %zu x %zu is too large", p->out, p->in);
    GP_TRY(gp_alloc_aligned((void **)&p->panels, count, 1, what, err));
    GP_TRY(gp_alloc_aligned((void **)&p->sums, p->outs, sizeof *p->sums, what, err));
    GP_TRY(gp_alloc_aligned((void **)&p->scales, p->outs, sizeof *p->scales, what, err));
    GP_TRY(gp_alloc_aligned((void **)&p->bias, p->outs, sizeof *p->bias, what, err));
    memset(p->panels, 0, count);
    memset(p->sums, 0, p->outs * sizeof *p->sums);
    memset(p->scales, 0, p->outs * sizeof *p->scales);
    memset(p->bias, 0, p->outs * sizeof *p->bias);
    p->bytes = count + p->outs * 12;
    return GP_OK;
}

/* Quantises row o of W, w [in], and packs it. */
static void int8_row(packed_int8 *p, size_t o, const float *w)
{
    float most = 0, bad = 0;
    for (size_t i = 0; i < p->in; i += 2) {
        float second = i + 1 < p->in ? w[i + 1] : 0, size = fabsf(w[i]) + fabsf(second);
        most = size > most ? size : most;
        bad += w[i] * 0 + second * 0;
    }
    float inverse = most > 1e-30f ? (float)STEPS / most : 0;
    int8_t *to = p->panels + o / GP_PANEL * GP_PANEL * p->width + o % GP_PANEL * 4;
    int32_t sum = 0;
    for (size_t i = 0; i < p->in; i++) {
        /* adding and subtracting 1.5 * 2^23 rounds to the nearest whole number */
        float nearest = w[i] * inverse + 12582912.0f - 12582912.0f;
        int8_t q = bad == 0 ? (int8_t)(int)nearest : 0;
        to[i / 4 * 4 * GP_PANEL + i % 4] = q;
        sum += q;
    }
    p->sums[o] = sum;
    p->scales[o] = inverse > 0 ? most / (float)STEPS + bad
                               /* `bad` is NaN if a weight is not finite: then the scale and all results of this column
                                * are NaN */
                               : bad;
}

static gp_status int8_pack(const float *weight, const float *bias, size_t out, size_t in, bool bf16, void **packed,
                           gp_error *err)
{
    if (bf16) return gp_fail(err, GP_ERR_UNSUPPORTED, "int8 layers do not support an input that is rounded to bf16");
    if (in > GP_INT8_K_MAX)
        return gp_fail(err, GP_ERR_UNSUPPORTED, "int8 supports at most %d input columns, not %zu", GP_INT8_K_MAX, in);
    packed_int8 *p = NULL;
    gp_status st;
    GP_TRY_GOTO(gp_alloc((void **)&p, 1, sizeof *p, "a packed matrix", err));
    *p = (packed_int8){
        .out = out, .in = in, .outs = (out + GP_PANEL - 1) / GP_PANEL * GP_PANEL, .width = (in + 3) / 4 * 4};
    GP_TRY_GOTO(int8_allocate(p, err));
    for (size_t o = 0; o < out; o++) int8_row(p, o, weight + o * in);
    memcpy(p->bias, bias, out * sizeof *bias);
    *packed = p;
    return GP_OK;
out:
    int8_free(p);
    return st;
}

static size_t int8_bytes(const void *packed)
{
    return ((const packed_int8 *)packed)->bytes;
}

/* Scratch of run(). */
typedef struct room {
    int32_t *zeros; /* [BLOCK] */
    float *scales;  /* [BLOCK] */
    int32_t *sums;  /* [BLOCK, COLUMN_BLOCK] */
    float *last;    /* [BLOCK, COLUMN_BLOCK] results of the last column block if it is not full */
    uint8_t *q;     /* [BLOCK, width] */
} room;

static size_t int8_scratch(const void *packed)
{
    return BLOCK * (8 + 8 * COLUMN_BLOCK + ((const packed_int8 *)packed)->width);
}

static room split_scratch(void *scratch)
{
    int32_t *at = scratch;
    room r = {.zeros = at};
    r.scales = (float *)(void *)(at + BLOCK);
    r.sums = at + 2 * BLOCK;
    r.last = (float *)(void *)(r.sums + BLOCK * COLUMN_BLOCK);
    r.q = (uint8_t *)(r.last + BLOCK * COLUMN_BLOCK);
    return r;
}

static gp_status int8_run(const void *packed, const void *x, float *y, size_t rows, gp_epilogue *epilogue,
                          void *scratch, gp_error *err)
{
    (void)err;
    const gp_kernels *kernels = gp_kernel_table();
    const packed_int8 *p = packed;
    const float *from = x;
    room k = split_scratch(scratch);
    for (size_t r = 0; r < rows; r++) {
        uint8_t *q = k.q + r * p->width;
        k.scales[r] = kernels->quantise(from + r * p->in, p->in, q, &k.zeros[r]);
        memset(q + p->in, 0, p->width - p->in);
    }
    for (size_t first = 0; first < p->outs; first += COLUMN_BLOCK) {
        size_t columns = p->outs - first < COLUMN_BLOCK ? p->outs - first : COLUMN_BLOCK;
        bool whole = first + columns <= p->out;
        float *to = whole ? y + first : k.last;
        size_t stride = whole ? p->out : COLUMN_BLOCK;
        kernels->gemm_int8(k.q, p->width, p->panels + first * p->width, p->width * GP_PANEL, columns / GP_PANEL,
                           p->width, k.sums, COLUMN_BLOCK, rows);
        kernels->dequantise(k.sums, COLUMN_BLOCK, rows, columns, k.zeros, k.scales, p->sums + first, p->scales + first,
                            p->bias + first, to, stride);
        for (size_t r = 0; epilogue && r < rows; r++) epilogue(to + r * stride, columns);
        for (size_t r = 0; !whole && r < rows; r++)
            memcpy(y + r * p->out + first, k.last + r * COLUMN_BLOCK, (p->out - first) * sizeof *y);
    }
    return GP_OK;
}

const gp_matmul_engine *gp_matmul_int8(void)
{
    static const gp_matmul_engine engine = {int8_pack, int8_free, int8_bytes, int8_scratch, int8_run, BLOCK, ROWS};
    return &engine;
}
